import { assertFits } from './assert.ts'
import { compare, copy, equals } from './bytes.ts'
import { type Code, SignalError, toSignalError } from './errors.ts'
import type { Addressed } from './frame.ts'
import type { Host } from './host.ts'
import { Limiter } from './limiter.ts'
import { remember } from './lru.ts'
import type { Metadata, Peer } from './peer.ts'
import { Session, type SessionOptions } from './session.ts'

export interface Concurrency {
  incoming: number
  outgoing: number
}

export interface ConnectOptions {
  /** Told to the remote, over the client's own. */
  metadata?: Metadata
  /** simple-peer's options, for this connection only. */
  simplePeer?: { [option: string]: unknown }
  /** Gives back a connection with this peer in this topic that is there or on its way. */
  dedupe?: boolean
  /** Gives the attempt up. */
  signal?: AbortSignal
}

/** What remotes ask for that may wait for its turn. */
const MAX_WAITING = 64
/** Sessions of all kinds, from which on nobody new is let in. */
const MAX_SESSIONS = 1024
/** Ended sessions whose offers are known again when they are played back. */
const MAX_ENDED = 1024

/** All sessions of a client: who dials and who is let in, in which order, and which of two that cross survives. */
export class Sessions {
  readonly #host: Host
  readonly #sessions = new Map<string, Session>()
  readonly #ended = new Map<string, Session>()
  readonly #incoming = new Limiter(8)
  readonly #outgoing = new Limiter(8)
  /** Sessions that lost to one of the same remote that has yet to come. */
  readonly #yielded = new Set<Session>()

  constructor(host: Host, concurrency: number | Partial<Concurrency> = {}) {
    this.#host = host
    this.concurrency = concurrency
  }

  get concurrency(): Concurrency {
    return { incoming: this.#incoming.limit, outgoing: this.#outgoing.limit }
  }

  set concurrency(value: number | Partial<Concurrency>) {
    const { incoming = this.#incoming.limit, outgoing = this.#outgoing.limit } =
      typeof value === 'number' ? { incoming: value, outgoing: value } : value
    for (const count of [incoming, outgoing])
      assertFits(
        (Number.isInteger(count) || count === Number.POSITIVE_INFINITY) && count > 0,
        'concurrency',
        'a whole number above 0',
        count
      )
    this.#incoming.limit = incoming
    this.#outgoing.limit = outgoing
  }

  get peers(): Peer[] {
    return [...this.#sessions.values()].flatMap(({ living }) => living ?? [])
  }

  /** Dials, or with `initiator` false asks to be dialed. */
  connect(initiator: boolean, topic: Uint8Array, peerId: Uint8Array, options: ConnectOptions): Peer {
    const { metadata = {}, simplePeer, signal } = options
    const dedupe = initiator && (options.dedupe ?? false)
    const there = dedupe && this.#between(topic, peerId).find(({ living }) => living)?.living
    if (there) return there
    const session = this.#add({
      initiator,
      dedupe,
      ours: true,
      topic,
      id: peerId,
      sessionId: this.#host.crypto.randomBytes(32)
    })
    const peer = session.createPeer(metadata, simplePeer)
    this.#follow(session, peer)
    const abort = () => session.fail(signal?.reason)
    if (signal?.aborted) queueMicrotask(abort)
    signal?.addEventListener('abort', abort, { once: true })
    peer.on('close', () => signal?.removeEventListener('abort', abort))
    this.#enqueue(session, peer)
    return peer
  }

  /** Takes an offer, a wish for one, a candidate or a cancel that came for us. */
  receive(frame: Addressed): void {
    const { kind } = frame
    const session = this.#sessions.get(frame.addressAndSession)
    if (kind === 'signal' || kind === 'cancel') {
      if (session) session.receive(frame)
      else if (kind === 'signal') this.#drop(frame, 'PEER_NOT_FOUND', 'a signal of no session')
    } else if (kind === 'offer' && session?.expectsOffer) void this.#take(session, frame)
    else if (this.#repeated(frame, session)) return
    else if (this.#sessions.size >= MAX_SESSIONS)
      this.#drop(frame, 'LIMIT_SESSIONS', `${MAX_SESSIONS} sessions are here already`)
    else if (kind === 'offer' || kind === 'remoteConnect') {
      const { topic, address: id, session: sessionId } = frame
      // It exists from the first frame on, so that candidates find it.
      const admitted = { initiator: kind === 'remoteConnect', ours: false, topic, id, sessionId }
      void this.#take(this.#add(admitted), frame)
    }
  }

  async close(): Promise<void> {
    this.#incoming.clear()
    this.#outgoing.clear()
    const sessions = [...this.#sessions.values()]
    for (const session of sessions) {
      if (session.peer?.connected) session.peer.destroy()
      else session.fail(new SignalError('CLOSED', 'the client is closing'))
    }
    await Promise.all(sessions.map(session => session.peer?.waitForClose()))
    this.#sessions.clear()
    this.#ended.clear()
  }

  #add(options: SessionOptions): Session {
    const session = new Session(this.#host, options)
    this.#sessions.set(session.key, session)
    return session
  }

  /** Makes the offer, or asks for one, when its turn comes; what is thrown then ends the session. */
  #enqueue(session: Session, peer: Peer): void {
    this.#host.emit('peer-queue', { peer })
    this.#outgoing
      .run(async () => {
        if (peer.destroyed) return
        this.#host.emit('peer-connecting', { peer })
        await session.call()
      })
      .catch(error => {
        // The other side won: its own offer is on its way, or here already.
        if (error?.code === 'GLARE_LOST' && !peer.destroyed) this.#yielded.add(session)
        else session.fail(error)
      })
  }

  #follow(session: Session, peer: Peer): void {
    peer.on('connect', () => this.#host.emit('peer-connected', { peer }))
    peer.on('error', error => this.#host.emit('peer-error', { error, peer }))
    peer.on('close', () => this.#end(session))
  }

  #end(session: Session): void {
    this.#yielded.delete(session)
    if (this.#sessions.get(session.key) !== session) return
    this.#sessions.delete(session.key)
    remember(this.#ended, session.key, session, MAX_ENDED)
  }

  /** Deals with a session that was seen before: the same offer gets the same answer, any other is refused. */
  #repeated(frame: Addressed, live: Session | undefined): boolean {
    const session = live ?? this.#ended.get(frame.addressAndSession)
    if (session && !session.repeat(frame))
      this.#drop(frame, 'BAD_SIGNATURE', 'this session belongs to another offer')
    return session !== undefined
  }

  #drop({ address }: Addressed, code: Code, message: string): void {
    this.#host.dropped(new SignalError(code, message), copy(address))
  }

  /** Goes along with an offer, or a wish for one; what is thrown on the way is what the remote is refused with. */
  async #take(session: Session, frame: Addressed): Promise<void> {
    const { requestId } = frame
    const { initiator, ours } = session.options
    const queue = initiator ? this.#outgoing : this.#incoming
    let dedupe = false
    try {
      if (queue.waiting >= MAX_WAITING) throw new SignalError('LIMIT_SESSIONS', 'too many wait here')
      const body = await session.open(frame)
      if (initiator) {
        const peer = await session.consent('_onRemoteConnect', body)
        this.#follow(session, peer)
        await session.answer(requestId)
        return this.#enqueue(session, peer)
      }
      dedupe = body.dedupe === true
      this.#assertStands(session, dedupe)
      const work = () => session.accept(body, requestId, peer => this.#welcome(session, peer, dedupe))
      // What we asked for has its place already, among the outgoing ones.
      await (ours ? work() : queue.run(work))
    } catch (thrown) {
      const error = toSignalError(thrown, 'REJECTED')
      // A dial that lost to this offer has nothing left to wait for.
      for (const rival of this.#rivals(session, dedupe)) if (this.#yielded.has(rival)) rival.fail(thrown)
      if (!session.answered) await session.refuse(error, requestId).catch(() => {})
      session.fail(error)
      this.#end(session)
    }
  }

  #welcome(session: Session, peer: Peer, dedupe: boolean): void {
    // Once more: we may have begun to dial while the gate was asked.
    this.#assertStands(session, dedupe)
    if (!session.options.ours) {
      this.#follow(session, peer)
      this.#host.emit('peer-queue', { peer })
      this.#host.emit('peer-connecting', { peer })
    }
    for (const rival of this.#rivals(session, dedupe)) {
      if (rival.peer?.connected) peer.on('connect', () => rival.peer?.destroy())
      else rival.supersede(peer.ready())
    }
  }

  /**
   * Two that dial each other end with one connection, if one of them says `dedupe`: the offer of the smaller id
   * stands. Throws GLARE_LOST when that is ours.
   */
  #assertStands(session: Session, dedupe: boolean): void {
    const dials = this.#rivals(session, dedupe).filter(rival => rival.dialing && !this.#yielded.has(rival))
    if (dials.length === 0 || compare(this.#host.id as Uint8Array, session.options.id) > 0) return
    throw new SignalError('GLARE_LOST', 'the offer of the other side stands')
  }

  /**
   * Sessions that a remote's offer replaces. A remote that dials with `dedupe` has no live connection with us, so
   * ours is stale; it ends once the new one is open, not before, lest an old offer that is played back ends it.
   */
  #rivals(session: Session, dedupe: boolean): Session[] {
    const { topic, id, ours, initiator } = session.options
    if (ours || initiator) return []
    const others = this.#between(topic, id).filter(other => other !== session)
    if (dedupe) return others
    const dials = others.filter(({ dialing }) => dialing)
    return dials.some(({ options }) => options.dedupe) ? dials : []
  }

  #between(topic: Uint8Array, id: Uint8Array): Session[] {
    return [...this.#sessions.values()].filter(
      ({ options }) => equals(options.id, id) && equals(options.topic, topic)
    )
  }
}
