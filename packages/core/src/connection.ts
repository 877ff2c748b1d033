import { Away, type Kept } from './away.ts'
import type { Attachment, Mailbox, ReplyTo } from './backplane.ts'
import { copy, equals, toKey } from './bytes.ts'
import type { Clock } from './clock.ts'
import type { ConnectionOptions, Greeting, Holder, Who } from './connection-options.ts'
import { hasLeft, SignalError } from './errors.ts'
import { Expiry } from './expiry.ts'
import { Addressed, decodeFrame, type Frame } from './frame.ts'
import { Inbox, type InboxOwner } from './inbox.ts'
import { type AddressedMsg, FORWARDED } from './message.ts'
import { type Back, errorFrame, Offers } from './offers.ts'
import { KIND, KINDS } from './protocol.ts'
import { Rates } from './rates.ts'
import { Rpc } from './rpc.ts'
import { add, has, list, type SmallSet, size, without } from './small-set.ts'
import type { CloseEvent, Socket } from './socket.ts'

/** A transport reads in chunks of up to 64 KiB and can't stop within one. Unit: bytes. */
const CHUNKS = 128 * 1024
/** Presence frames that wait for the answer to a join. */
const MAX_HELD = 64

/** A socket that ended without a word (RFC 6455 section 7.4.1). */
const BROKEN = 1006

/** What is kept for a client that is away: offers fail at once, and answers are asked for again. */
const WAITS: ReadonlySet<number> = new Set([
  KIND.presence,
  KIND.moderate,
  KIND.cancel,
  KIND.signal,
  KIND.message
])

const NOBODY = new Uint8Array(0)
const NO_GRANT: Holder = {}

/**
 * One socket at a server: who it is, its limits, and the offers that wait for its answer. Hooks know it as `rpc`; the
 * README lists what is theirs, the rest is for its server and its Inbox.
 */
export class Connection extends Rpc implements InboxOwner, Mailbox {
  // What each message visits comes first: with many connections, a field far away is another line of cold memory.
  readonly #options: ConnectionOptions
  /** There while a message waits for its turn. */
  #inbox: Inbox | undefined
  /** Forgotten while it is idle. */
  #rates: Rates | undefined
  /** What waits for its client: when its socket has broken, and until it has been welcomed where it goes on. */
  #away: Away | undefined
  /** Until it was let in. @internal */
  greeting: Greeting | undefined
  /** 32 bytes, set when hello was accepted. */
  id: Uint8Array = NOBODY
  /** Whether the id is a key that was proven. */
  proven = false
  /** What the client carried in hello, or sent since. */
  token = ''
  /** Whose token it is, and which: set by the gate that verified it. */
  grant: Holder = NO_GRANT
  /** Whatever the transport or a hook wants to keep with this connection. */
  readonly data: { [key: string]: unknown }
  /**
   * Hash of the key with which the next socket may go on in its place, as a key of a Map: a third of its bytes.
   *
   * @internal
   */
  resumeKey: string | undefined
  /** Its place in the backplane of a server that has one. @internal */
  attachment: Attachment | undefined
  /** The request that a hook is busy with. @internal */
  running: Promise<unknown> | undefined

  #topics: SmallSet
  #offers: Offers | undefined
  /** Whole ms, as are all times here that every connection has. */
  #pinged: number
  /** When it was last known that something had arrived, to the second. Until hello: when it came. */
  #heardAt: number
  /** The end of its token. */
  #expiry: Expiry | undefined
  /** Presence that must not overtake the answer to a join. */
  #held: Uint8Array[] | undefined
  /** Topics of which presence was left out because the socket was slow. */
  #missed: Map<string, Uint8Array> | undefined

  constructor(socket: Socket, greeting: Greeting, options: ConnectionOptions, data = {}) {
    super(socket, options.limits.maxPayload)
    this.greeting = greeting
    this.data = data
    this.#options = options
    this.#pinged = this.#heardAt = Math.floor(this.clock.now())
  }

  /** The server's. @internal */
  get clock(): Clock {
    return this.#options.clock
  }

  /** The server's limit of that name. Unit: bytes. @internal */
  get maxPayload(): number {
    return this.#options.limits.maxPayload
  }

  /** What it may still ask, by kind. @internal */
  get rates(): Rates {
    this.#rates ??= new Rates(this.clock, this.#options.limits)
    return this.#rates
  }

  /** Whether its socket broke, and its place is kept. */
  get away(): boolean {
    return this.closed && this.#away !== undefined
  }

  /** Whether its hello was accepted. @internal */
  get admitted(): boolean {
    return this.greeting === undefined
  }

  /** Keys of the topics it has joined. */
  get topics(): ReadonlySet<string> {
    return new Set(list(this.#topics))
  }

  /** How many topics it has joined. */
  get topicCount(): number {
    return size(this.#topics)
  }

  /** Whether it has joined a topic: 32 bytes. */
  hasJoined(topic: Uint8Array): boolean {
    return has(this.#topics, toKey(topic))
  }

  /** What it has to do with offers. Most connections of a large server have none. @internal */
  get offers(): Offers {
    this.#offers ??= new Offers(this.#options)
    return this.#offers
  }

  /** Offers that wait here for an answer. @internal */
  get waiting(): number {
    return this.#offers?.waiting.size ?? 0
  }

  /** Whether it is meant: by its id, or by its token. @internal */
  is(who: Who): boolean {
    const { id, sub, jti } = who as { id?: Uint8Array; sub?: string; jti?: string }
    if (id && this.id.length > 0 && equals(id, this.id)) return true
    return (sub !== undefined && sub === this.grant.sub) || (jti !== undefined && jti === this.grant.jti)
  }

  /** Its hello was accepted. @internal */
  admit(): void {
    this.greeting = undefined
  }

  /**
   * For its Inbox, as are the others that say so: it is their owner itself, since objects in between would cost memory.
   *
   * @internal
   */
  get room(): { limit: number; soft: number } {
    const { helloQueue, maxPayload } = this.#options.limits
    if (!this.admitted) return { limit: helloQueue, soft: Number.POSITIVE_INFINITY }
    return { limit: Math.max(4 * helloQueue, maxPayload + CHUNKS), soft: helloQueue }
  }

  /**
   * How long this client's token still holds, from now on. It is told before, again and again, and the socket is
   * closed as TOKEN_EXPIRED a grace after. Unit: ms.
   */
  expireIn(ms: number): void {
    this.#expiry = new Expiry(this.clock.now(), Math.max(ms, 0), this.#options.limits)
  }

  /** It has joined a topic. @internal */
  joined(topic: Uint8Array): void {
    this.#topics = add(this.#topics, toKey(topic))
  }

  /** It has left a topic. @internal */
  left(topic: Uint8Array): void {
    this.#topics = without(this.#topics, toKey(topic))
  }

  /** Sends a hook's message on to this connection. For an offer, its answer comes back past the hooks. */
  forward({ frame, reply, requestId }: AddressedMsg): typeof FORWARDED {
    if (!this.take(frame, { reply, requestId })) throw peerNotFound()
    return FORWARDED
  }

  /** As a mailbox. @internal */
  deliver(frame: Uint8Array, replyTo?: ReplyTo): boolean {
    if (!replyTo) return this.take(frame)
    const reply = (answer: Uint8Array) => this.#options.reply(replyTo.id, answer)
    return this.take(frame, { reply, requestId: replyTo.requestId })
  }

  /**
   * Takes a frame for this socket. A request is remembered under an id of this connection's own, so that nobody
   * else can answer it. Gives false when the topic of an offer was not joined here.
   *
   * @internal
   */
  take(bytes: Uint8Array, back?: Back): boolean {
    if (this.closed && !this.#away) return false
    const kind = KINDS[bytes[0] as number]
    if (kind === 'signal') return this.#takeSignal(bytes)
    const frame = new Addressed(bytes, kind as Addressed['kind'])
    if (kind === 'offer' || kind === 'remoteConnect') {
      if (!back || !(this.hasJoined(frame.topic) || this.offers.isInvited(frame))) return false
      if (this.#away) back.reply(errorFrame(back.requestId, peerAway()))
      if (this.#away || !this.offers.remember(frame, back, this.takeId(this.offers.waiting))) return true
    } else if (kind === 'cancel') this.#offers?.forget(frame)
    else if (kind !== 'message' && kind !== 'moderate') {
      // What it asked on a socket that broke it will ask again: nobody waits for this answer.
      if (this.#away) return true
      this.#offers?.asked(frame.requestId, kind === 'answer')
    }
    this.#send(bytes)
    return true
  }

  /** As a mailbox: whoever was to answer an offer can't any more. @internal */
  unanswered(requestId: number): void {
    if (!this.#offers?.isAsking(requestId)) return
    this.#offers.asked(requestId)
    if (!this.closed) this.fail(requestId, peerAway())
  }

  /** Presence: left out while the socket is slow, held back while a join is being answered. @internal */
  presence(topic: Uint8Array, bytes: Uint8Array): void {
    if (this.closed && !this.#away) return
    if (this.#slow || (this.#held?.length ?? 0) >= MAX_HELD) this.miss(topic)
    else if (this.#held) this.#held.push(bytes)
    else this.#send(bytes)
  }

  /** Presence of this topic was left out: the client is told to ask again as soon as it reads. @internal */
  miss(topic: Uint8Array): void {
    this.#missed ??= new Map()
    this.#missed.set(toKey(topic), copy(topic))
  }

  /** From here on what is sent to it waits, until it is welcomed or ends. @internal */
  wait(): void {
    this.#away = new Away(this.#options.limits, this.#options.room)
  }

  /** Whether a key's hash is that of its own resume key. @internal */
  isResumedBy(key: Uint8Array): boolean {
    return this.resumeKey === toKey(key)
  }

  /** Its client knows before we do that this socket is dead. @internal */
  breakOff(): void {
    this.close('HEARTBEAT_TIMEOUT', 'its client came back on another socket')
  }

  /** As a mailbox. @internal */
  handOver(resumeKey: Uint8Array): Kept | undefined {
    return this.#options.onhandover(this, resumeKey)
  }

  /** As a mailbox. @internal */
  lost(): void {
    if (this.away) this.#options.onlost(this)
    else this.close('REPLACED', 'the same id connected elsewhere')
  }

  /**
   * What its session takes along once its socket has ended: good once. What it has joined and watches is the server's to say.
   *
   * @internal
   */
  pack(): Omit<Kept, 'topics' | 'watches'> | undefined {
    this.release()
    const away = this.#away
    if (!away) return undefined
    this.resumeKey = undefined
    const { sent, received } = this
    const missed = [...(this.#missed?.values() ?? [])]
    const frames = away.end()
    this.#away = undefined
    return { frames, missed, sent, received, lost: away.lost }
  }

  /** Goes on with what another connection handed over. @internal */
  takeOver({ frames, missed, lost, sent, received }: Kept): void {
    const away = this.#away
    if (!away) return
    const meanwhile = away.end()
    // Taken out: who holds on to what was handed over need not hold this.
    for (const frame of [...frames.splice(0), ...meanwhile]) away.push(frame)
    for (const topic of missed) this.miss(topic)
    away.lost += lost + Math.max(sent - (this.greeting?.resume?.received ?? 0), 0)
    if (this.greeting) this.greeting.resumed = { received, lost: away.lost }
  }

  /** Has been welcomed: sends what has waited. @internal */
  flush(): void {
    const away = this.#away
    this.#away = undefined
    for (const frame of away?.end() ?? []) if (this.#mayRead(frame)) this.#send(frame)
    this.#resync()
  }

  /** It may have been taken out of topics meanwhile. */
  #mayRead(bytes: Uint8Array): boolean {
    const frame = decodeFrame(bytes)
    if (frame.kind === 'presence') return !this.#missed?.has(toKey(frame.topic))
    return frame.kind !== 'message' || this.hasJoined(frame.topic)
  }

  /** Its place is given up. @internal */
  giveUp(): void {
    this.#away?.end()
    this.#away = undefined
  }

  /** Has the client ask again who is in a topic. @internal */
  resync(topic: Uint8Array): void {
    if (this.#away) return this.miss(topic)
    const none = { joined: [], left: [], away: [], back: [] }
    this.send({ kind: 'presence', topic, resync: true, ...none })
  }

  /** From here on presence waits, until `release`. @internal */
  hold(): void {
    this.#held ??= []
  }

  /** Sends the presence that waited since `hold`. @internal */
  release(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const bytes of held) this.#send(bytes)
  }

  /** Once a second: asks for a sign of life, ends what is silent or over its limits, forgets old offers. @internal */
  tick(now: number): void {
    const { limits } = this.#options
    if (!this.admitted) {
      if (now - this.#heardAt < limits.helloTimeout) return
      const isAsked = this.id.length > 0
      return this.close('HELLO_TIMEOUT', isAsked ? 'hello was not answered in time' : 'no hello in time')
    }
    // By what has arrived, not by what was handled: a hook that takes long is not the client's silence.
    if (this.heard || this.#inbox) this.#heardAt = Math.floor(now)
    this.heard = false
    if (now - this.#heardAt >= 2 * limits.pingInterval)
      return this.close('HEARTBEAT_TIMEOUT', 'two silent intervals')
    if (now - this.#pinged >= limits.pingInterval) {
      this.#pinged = Math.floor(now)
      this.send({
        kind: 'ping',
        requestId: this.takeId(this.#offers?.waiting),
        received: this.received
      })
    }
    if (this.#expiry?.isOver(now)) return this.close('TOKEN_EXPIRED', 'the token has ended')
    const left = this.#expiry?.notice(now)
    if (left !== undefined) this.send({ kind: 'token', token: String(left) })
    this.#offers?.sweep(now)
    if (this.#rates?.isIdle(now)) this.#rates = undefined
    if (!this.#slow) this.#resync()
  }

  #resync(): void {
    const missed = this.#missed
    this.#missed = undefined
    // What finds the socket too slow for it, or ended, is missed still.
    for (const topic of missed?.values() ?? []) this.resync(topic)
  }

  /** Whether what may be left out is left out. */
  get #slow(): boolean {
    return this.#isSlow(this.bufferedAmount)
  }

  #isSlow(queued: number): boolean {
    return this.#away?.slow ?? queued > this.#options.limits.sendQueueSoft
  }

  /** A message whose turn may not have come. */
  override onmessage(message: Uint8Array): void {
    this.heard = true
    if (this.#inbox) return this.#inbox.push(message)
    const busy = this.receive(message)
    if (busy) this.#queue().waitFor(busy)
  }

  #queue(): Inbox {
    this.#inbox ??= new Inbox(this.socket, this)
    return this.#inbox
  }

  /** For its Inbox. @internal */
  onturn(message: Uint8Array): void | Promise<void> {
    return this.receive(message)
  }

  /** For its Inbox. @internal */
  onidle(): void {
    this.#inbox = undefined
    this.heard = true // Until now it was not read.
  }

  protected override onframe(frame: Frame): void | Promise<void> {
    const debt = this.rates.force()
    if (debt > 0 && !this.#pause(debt)) return
    return this.#options.onframe(this, frame)
  }

  #pause(debt: number): boolean {
    if (this.rates.exceeds(debt)) {
      this.close('RATE_LIMITED', 'too many frames for too long')
      return false
    }
    this.#queue().pauseFor(debt)
    return true
  }

  /** For its Inbox. @internal */
  onoverflow(): void {
    this.close('RATE_LIMITED', 'too much waits on this socket')
  }

  #send(bytes: Uint8Array, queued?: number): void {
    if (!this.#away) this.sendBytes(bytes, queued)
    // Also what its socket was too slow for just now.
    if (this.#away && WAITS.has(bytes[0] as number)) this.#away.push(bytes)
  }

  /** Who does not read is ended: by what others send to it, and by what it asked for itself. @internal */
  override sendBytes(bytes: Uint8Array, queued: number = this.bufferedAmount): void {
    if (queued > this.#options.limits.sendQueueHard)
      return this.close('SLOW_CONSUMER', 'the send queue is full')
    // What waits must not hold the slab that it came in.
    super.sendBytes(queued > 0 ? copy(bytes) : bytes)
  }

  /**
   * While this socket is slow, a signal of somebody without an offer here is left out: whoever likes could fill the
   * queue of a peer that they never met, until it is closed as SLOW_CONSUMER.
   */
  #takeSignal(bytes: Uint8Array): true {
    const queued = this.bufferedAmount
    if (!this.#isSlow(queued) || this.offers.isPartner(new Addressed(bytes, 'signal')))
      this.#send(bytes, queued)
    return true
  }

  protected override onend(event: CloseEvent): void {
    const left = hasLeft(event.code)
    // Of a socket that the server ended, the client is there as before.
    this.#offers?.end(left ? 'PEER_LEFT' : 'PEER_AWAY', left || event.code === BROKEN)
    this.#inbox?.end()
    this.#inbox = undefined
    this.giveUp()
    if (!left && this.admitted) {
      this.wait()
      if (!this.#away?.hold(this.topicCount) || !this.#options.onaway(this)) this.giveUp()
    }
    if (!this.#away) this.#missed = undefined
    this.#options.onclose(this, event)
  }
}

function peerAway(): SignalError {
  return new SignalError('PEER_AWAY', 'the remote is away, it may come back')
}

/** The same words for an unknown peer, an unknown topic and a peer outside the topic: the answer gives nothing away. */
export function peerNotFound(): SignalError {
  return new SignalError('PEER_NOT_FOUND', 'peer not found')
}
