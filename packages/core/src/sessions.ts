import { MAX } from './bounds.ts'
import { copy, equals, toKey } from './bytes.ts'
import { type Code, SignalError, toSignalError } from './errors.ts'
import type { Addressed, Failure } from './frame.ts'
import type { Host } from './host.ts'
import { remember } from './lru.ts'
import type { Opening } from './opening.ts'
import { Peer, type PeerHandle } from './peer.ts'
import { Session } from './session.ts'

/** All sessions of a client: who dials and who is let in, in which order, and which of two that cross survives. */
export class Sessions {
  readonly #host: Host
  readonly #sessions = new Map<string, Session>()
  readonly #ended = new Map<string, Opening>()
  /** Sessions that lost to one of the same remote that has yet to come. */
  readonly #yielded = new Set<Session>()

  constructor(host: Host) {
    this.#host = host
  }

  /** Dials, or if the peer is no initiator asks to be dialed. */
  dial(handle: PeerHandle, dedupe: boolean): void {
    if (!handle.peer.destroyed) this.#enqueue(this.#add(handle, true, dedupe))
  }

  /** Takes an offer, a wish for one, a candidate or a cancel that came for us. */
  receive(frame: Addressed): void {
    const { kind } = frame
    const session = this.#sessions.get(frame.route)
    if (kind === 'signal' || kind === 'cancel') {
      if (session) session.receive(frame)
      else if (kind === 'signal') this.#drop(frame, 'PEER_NOT_FOUND', 'a signal of no session')
    } else if (kind === 'answer' || kind === 'refusal') {
      this.#drop(frame, 'PEER_NOT_FOUND', 'an answer that nobody waits for')
    } else if (kind === 'offer' && session?.expectsOffer) void this.#take(session, frame)
    else if (this.#repeated(frame, session)) return
    else if (this.#sessions.size >= MAX.sessions) this.#drop(frame, 'LIMIT_SESSIONS', 'too many sessions')
    else if (kind === 'offer' || kind === 'remoteConnect') {
      const { topic, address: id, session: sessionId } = frame
      // It exists from the first frame on, so that candidates find it.
      const handle = Peer.create(this.#host, {
        initiator: kind === 'remoteConnect',
        topic,
        id,
        sessionId,
        metadata: {}
      })
      void this.#take(this.#add(handle, false), frame)
    }
  }

  /** The server says of a request, after its answer, that the remote has gone. */
  gone(error: Failure): void {
    for (const session of this.#sessions.values()) session.gone(error)
  }

  /** Restarts ICE: of every connection, or of those alone whose path is gone. */
  recover({ all }: { all: boolean }): void {
    for (const session of this.#sessions.values()) if (all || session.lost) session.recover()
  }

  /** Ends what is on its way. */
  close(): void {
    this.#host.incoming.clear()
    this.#host.outgoing.clear()
    for (const session of this.#sessions.values()) {
      if (!session.peer.connected) session.fail(new SignalError('CLOSED', 'the client is closed'))
    }
  }

  #add(handle: PeerHandle, ours: boolean, dedupe?: boolean): Session {
    const session = new Session(this.#host, handle, ours, dedupe)
    this.#sessions.set(session.key, session)
    session.peer.on('close', () => this.#end(session))
    return session
  }

  /** Makes the offer, or asks for one, when its turn comes; what is thrown then ends the session. */
  #enqueue(session: Session): void {
    const { peer } = session
    this.#host.outgoing
      .run(async () => {
        if (peer.destroyed) return
        this.#host.emit('peer-connecting', { peer })
        await session.call()
      })
      .catch(error => {
        // The other side won: its own offer is on its way, or here already.
        if (error?.code !== 'GLARE_LOST' || peer.destroyed) return session.fail(error)
        const winner = this.#others(session).find(({ ours, peer }) => !ours && !peer.destroyed)
        if (winner) session.supersede(winner.peer.ready())
        else this.#yielded.add(session)
      })
  }

  #end(session: Session): void {
    this.#yielded.delete(session)
    if (this.#sessions.get(session.key) !== session) return
    this.#sessions.delete(session.key)
    remember(this.#ended, session.key, session.opening, MAX.ended)
  }

  /** Deals with a session that was seen before: the same offer gets the same answer, any other is refused. */
  #repeated(frame: Addressed, live: Session | undefined): boolean {
    const session = live ?? this.#ended.get(frame.route)
    if (session && !session.repeat(frame)) this.#drop(frame, 'BAD_SIGNATURE', 'a session of another offer')
    return session !== undefined
  }

  #drop({ address }: Addressed, code: Code, message: string): void {
    this.#host.emit('dropped', { error: new SignalError(code, message), id: copy(address) })
  }

  /** Goes along with an offer, or a wish for one; what is thrown on the way is what the remote is refused with. */
  async #take(session: Session, frame: Addressed): Promise<void> {
    const { requestId } = frame
    const { ours, peer } = session
    const queue = peer.initiator ? this.#host.outgoing : this.#host.incoming
    let dedupe = false
    try {
      if (queue.waiting >= MAX.waiting) throw new SignalError('LIMIT_SESSIONS', 'too many sessions')
      const body = await session.open(frame)
      if (peer.initiator) {
        await session.consent('_onRemoteConnect', body)
        this.#host.follow(peer)
        await session.answer(requestId)
        return this.#enqueue(session)
      }
      dedupe = body.dedupe === true
      this.#assertStands(session, dedupe)
      const work = () => session.accept(body, requestId, () => this.#welcome(session, dedupe))
      // What we asked for has its place already, among the outgoing ones.
      await (ours ? work() : queue.run(work))
    } catch (thrown) {
      const error = toSignalError(thrown, 'REJECTED')
      // A dial that lost to this offer has nothing left to wait for.
      for (const rival of this.#rivals(session, dedupe)) if (this.#yielded.has(rival)) rival.fail(thrown)
      if (!session.answered) await session.refuse(error, requestId).catch(() => {})
      session.fail(error)
    }
  }

  #welcome(session: Session, dedupe: boolean): void {
    const { peer, ours } = session
    // Once more: we may have begun to dial while the gate was asked.
    this.#assertStands(session, dedupe)
    if (!ours) {
      this.#host.follow(peer)
      this.#host.emit('peer-connecting', { peer })
    }
    for (const rival of this.#rivals(session, dedupe)) {
      if (rival.peer.connected) peer.on('connect', () => rival.peer.destroy())
      else rival.supersede(peer.ready())
    }
  }

  /**
   * Two that dial each other end with one connection, if one of them says `dedupe`: the offer of the smaller id
   * stands. Throws GLARE_LOST when that is ours.
   */
  #assertStands(session: Session, dedupe: boolean): void {
    const dials = this.#rivals(session, dedupe).filter(rival => rival.dialing && !this.#yielded.has(rival))
    if (dials.length === 0 || toKey(this.#host.id as Uint8Array) > toKey(session.peer.id)) return
    throw new SignalError('GLARE_LOST', 'another offer stands')
  }

  /**
   * Sessions that a remote's offer replaces. A remote that dials with `dedupe` has no live connection with us, so
   * ours is stale; it ends once the new one is open, not before, lest an old offer that is played back ends it. What
   * the remote has offered since is not: a newer life of it may have.
   */
  #rivals(session: Session, dedupe: boolean): Session[] {
    const { ours, peer } = session
    if (ours || peer.initiator) return []
    const others = this.#others(session)
    if (dedupe) {
      const all = [...this.#sessions.values()]
      return others.filter(other => other.ours || all.indexOf(other) < all.indexOf(session))
    }
    const dials = others.filter(({ dialing }) => dialing)
    return dials.some(({ dedupe }) => dedupe) ? dials : []
  }

  /** Sessions with the same remote in the same topic. */
  #others(session: Session): Session[] {
    const { id, topic } = session.peer
    return [...this.#sessions.values()].filter(
      other => other !== session && equals(other.peer.id, id) && equals(other.peer.topic, topic)
    )
  }
}
