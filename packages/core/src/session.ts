import { Batch } from './batch.ts'
import { copy, describe, equals } from './bytes.ts'
import type { Clock } from './clock.ts'
import { type Body, decodeBody, decodeObject, encodeBody, isObject } from './codec.ts'
import { deferred } from './deferred.ts'
import { isCode, SignalError, toSignalError } from './errors.ts'
import { Addressed, createAddressed, type Frame } from './frame.ts'
import { type Metadata, Peer, type PeerHandle } from './peer.ts'
import { type AddressedKind, isReply } from './protocol.ts'
import { abortable } from './resource.ts'
import type { Rtc, RtcSignal } from './rtc.ts'
import { toRtcSignal } from './rtc.ts'
import { NO_SIGNATURE, ReplayWindow, type Seal, sameSignature, unproven } from './seal.ts'

/** What a hook is told of an offer, an answer, or a wish to be called. Ids and topic: 32 bytes. */
export interface OfferData {
  id: Uint8Array
  topic: Uint8Array
  sessionId: Uint8Array
  metadata: Metadata
  /** The signals that came: one description. */
  data: RtcSignal[]
  offer?: RtcSignal
  answer?: RtcSignal
}

/** What `_onOffer` and `_onRemoteConnect` may give back for the peer that is made then. */
export interface OfferResult {
  metadata?: Metadata
  simplePeer?: { [option: string]: unknown }
}

/** What sessions need of their client. */
export interface SessionContext {
  readonly seal: Seal
  readonly clock: Clock
  /** Client metadata, under a peer's own. */
  readonly metadata: Metadata
  connectTimeout(): number
  /** Waits until the client is open and its server can be reached. */
  ready(signal: AbortSignal): Promise<void>
  createRtc(options: { initiator: boolean; streams: MediaStream[]; simplePeer: object }): Rtc
  /** Sends a request, again when the socket broke and came back, until the deadline. */
  ask(frame: Addressed, options: { signal: AbortSignal; accept(answer: Frame): boolean }): Promise<Frame>
  /** Sends a frame as soon as there is a socket. */
  post(frame: Addressed, signal?: AbortSignal): Promise<void>
  /** Sends a frame if there is a socket. */
  postNow(frame: Addressed): void
  onOffer(data: OfferData): unknown
  onAnswer(data: OfferData): unknown
  onIncomingPeer(peer: Peer): unknown
  /** Something of a remote or of the server was left out of account. */
  dropped(error: SignalError, remoteId: Uint8Array): void
}

export interface SessionOptions {
  remoteId: Uint8Array
  topic: Uint8Array
  sessionId: Uint8Array
  initiator: boolean
  /** Whether we began, by `connect` or `remoteConnect`. */
  ours: boolean
  dedupe?: boolean
}

/** Limits of what one remote may send in one session. */
const MAX_CANDIDATES = 64
const MAX_EARLY = 32
const MAX_TRANSCEIVERS = 32
/** Renegotiations of a session that lives for days are many, of one that is attacked more. */
const MAX_DESCRIPTIONS = 1000
const BATCH_INTERVAL = 5

/**
 * Between a Peer and the wire: signs and sends what the peer emits, in order; checks, filters and counts what the
 * remote sends, in order; keeps the deadline.
 */
export class Session {
  readonly options: SessionOptions
  /** The offer, or the wish for one, that this session began with: its signature, by which a repetition is known. */
  offerSignature: Uint8Array = NO_SIGNATURE
  /** The answer or refusal that went out, to be sent again when the same offer comes again. */
  reply: Addressed | undefined

  readonly #context: SessionContext
  readonly #abort = new AbortController()
  readonly #window = new ReplayWindow()
  readonly #outgoing: RtcSignal[] = []
  readonly #batch: Batch
  readonly #local = deferred<RtcSignal>()
  #handle: PeerHandle | undefined
  /** The signature of our own request: an invited peer's offer may come before its answer has been read. */
  #asked = NO_SIGNATURE
  #seq = 0
  #sending: Promise<unknown> = Promise.resolve()
  #receiving: Promise<unknown> = Promise.resolve()
  #early: RtcSignal[] = []
  #candidates = 0
  #transceivers = 0
  #descriptions = 0
  /** Whether the peer takes signals yet. */
  #taking = false
  /** Whether our description has gone, so that candidates may follow. */
  #live = false
  #opened = false
  #described = false
  #answered = false
  #deadline: unknown

  constructor(context: SessionContext, options: SessionOptions) {
    this.#context = context
    this.options = options
    this.#batch = new Batch(context.clock, BATCH_INTERVAL, () => this.#flush())
  }

  get peer(): Peer | undefined {
    return this.#handle?.peer
  }

  /** Whether this is one we asked for, whose offer has yet to come. */
  get expectsOffer(): boolean {
    return this.options.ours && !this.options.initiator && !this.#opened
  }

  /** Whether the remote has answered, or we have answered it. */
  get answered(): boolean {
    return this.#answered
  }

  createPeer(metadata: Metadata, simplePeer: { [option: string]: unknown } = {}): Peer {
    const { remoteId, topic, sessionId, initiator } = this.options
    const { streams = [], ...own } = simplePeer as { streams?: MediaStream[] }
    this.#handle = Peer.create({
      id: remoteId,
      topic,
      sessionId,
      initiator,
      metadata,
      createRtc: added =>
        this.#context.createRtc({ initiator, streams: [...streams, ...added], simplePeer: own }),
      onsignal: signal => this.#onSignal(signal)
    })
    const { peer } = this.#handle
    peer.on('connect', () => this.#context.clock.clearTimeout(this.#deadline))
    peer.on('close', () => this.#end(peer))
    return peer
  }

  /** Makes the offer and sees it through. Settles with the connection. */
  async dial(extra: { dedupe?: boolean } = {}): Promise<void> {
    const handle = this.#begin()
    await this.#context.ready(this.#abort.signal)
    this.#start(handle)
    const offer = await this.#race(this.#local.promise)
    const frame = await this.#seal('offer', { offer, ...extra, metadata: this.#metadata() })
    this.#live = true
    this.#flush()
    await this.#answer(await this.#request(frame), 'answer')
    await handle.peer.ready()
  }

  /** Asks the remote to make the offer, then waits for it. */
  async invite(): Promise<void> {
    const { peer } = this.#begin()
    await this.#context.ready(this.#abort.signal)
    const frame = await this.#seal('remoteConnect', { metadata: this.#metadata() })
    await this.#answer(await this.#request(frame), 'accepted')
    await peer.ready()
  }

  /** Checks an offer, or the wish for one, and gives what it says. Throws BAD_SIGNATURE, UNPROVEN_ID, INVALID_ARGUMENT. */
  async open(frame: Addressed): Promise<{ [key: string]: unknown }> {
    this.#opened = true
    this.offerSignature = copy(frame.signature)
    await this.#check(frame, NO_SIGNATURE)
    return decodeObject({ flags: frame.flags, bytes: frame.body })
  }

  /** Takes the remote's offer through the gates and answers it. Settles with the connection. */
  async accept(
    body: { [key: string]: unknown },
    requestId: number,
    onpeer: (peer: Peer) => void
  ): Promise<void> {
    const offer = toRtcSignal(body.offer)
    const metadata = toMetadata(body.metadata)
    this.#armDeadline()
    const result = await this.#race(this.#context.onOffer(this.#data(metadata, { offer })))
    const { metadata: own = {}, simplePeer } = (isObject(result) ? result : {}) as OfferResult
    const peer = this.peer ?? this.createPeer(own, simplePeer)
    if (this.options.ours && Object.keys(own).length > 0) await peer.setMetadata(own)
    const handle = this.#handle as PeerHandle
    handle.setRemoteMetadata(metadata)
    onpeer(peer)
    await this.#race(this.#context.onIncomingPeer(peer))
    this.#start(handle, [offer])
    const answer = await this.#race(this.#local.promise)
    await this.#respond('answer', { answer, metadata: this.#metadata() }, requestId)
    this.#answered = this.#live = true
    this.#flush()
    await peer.ready()
  }

  /** Sets what the remote says of itself. */
  tell(metadata: Metadata): void {
    this.#handle?.setRemoteMetadata(metadata)
  }

  /** Says yes to the wish for an offer. */
  async agree(requestId: number): Promise<void> {
    await this.#respond('answer', { metadata: this.#metadata() }, requestId)
  }

  /** Refuses with the words of what was thrown. */
  async refuse(thrown: unknown, requestId: number): Promise<void> {
    const { code, message, retryable } = toSignalError(thrown, 'REJECTED')
    await this.#respond('refusal', { code, message, retryable }, requestId)
  }

  /** The same offer again: gets the same answer, or waits for it as the first one does. */
  repeat(frame: Addressed): boolean {
    if (!sameSignature(frame.signature, this.offerSignature)) return false
    if (this.reply) {
      const again = new Addressed(copy(this.reply.bytes), this.reply.kind)
      again.requestId = frame.requestId
      this.#post(again)
    }
    return true
  }

  /**
   * Throws BAD_SIGNATURE or UNPROVEN_ID. A frame's topic decides by which policy it is judged: a server must not choose
   * another one by changing it. Only a frame that is genuine counts as seen: a forged one must not use up numbers.
   */
  async #check(frame: Addressed, re: Uint8Array): Promise<void> {
    if (!equals(frame.topic, this.options.topic)) {
      throw new SignalError('BAD_SIGNATURE', "a frame's topic is not that of its session")
    }
    await this.#context.seal.check(frame, re)
    if (!this.#window.accept(frame.seq)) throw new SignalError('BAD_SIGNATURE', 'this frame was seen before')
  }

  /** Takes candidates and later descriptions. */
  receive(frame: Addressed): void {
    this.#receiving = this.#receiving.then(async () => {
      try {
        await this.#check(frame, NO_SIGNATURE)
        const signals = decodeBody({ flags: frame.flags, bytes: frame.body })
        if (!Array.isArray(signals)) throw new SignalError('INVALID_ARGUMENT', 'signals come as a list')
        for (const signal of signals) this.#receiveSignal(toRtcSignal(signal))
      } catch (error) {
        this.#context.dropped(toSignalError(error, 'INVALID_ARGUMENT'), this.options.remoteId)
      }
    })
  }

  /** The caller gave up. */
  async cancelled(frame: Addressed): Promise<void> {
    try {
      await this.#check(frame, NO_SIGNATURE)
      if (!this.peer?.connected) this.fail(new SignalError('CLOSED', 'the other side gave up'))
    } catch (error) {
      this.#context.dropped(toSignalError(error), this.options.remoteId)
    }
  }

  /** Another session with the same remote takes over. */
  supersede(survivor: Promise<Peer>): void {
    this.#handle?.supersede(survivor)
    this.#abort.abort(new SignalError('GLARE_LOST', 'another connection with this peer took over'))
  }

  /** Ends it, whether it has a peer already or not. */
  fail(error: Error): void {
    this.#context.clock.clearTimeout(this.#deadline)
    this.#abort.abort(error)
    this.peer?.destroy(error)
  }

  /** Tells the other side that what it was offered, or had asked for, is given up. */
  cancel(): void {
    const { ours, initiator } = this.options
    const invited = initiator && !ours
    if (this.#answered || !(invited || (ours && this.#live))) return
    this.#seal('cancel', null).then(
      frame => this.#context.postNow(frame),
      () => {} // Without a signature nobody would believe it.
    )
  }

  #begin(): PeerHandle {
    this.#armDeadline()
    return this.#handle as PeerHandle
  }

  #armDeadline(): void {
    if (this.#deadline !== undefined) return
    const timeout = this.#context.connectTimeout()
    this.#deadline = this.#context.clock.setTimeout(() => {
      const [code, words] = this.#answered
        ? (['CONNECT_TIMEOUT', 'no open channel'] as const)
        : (['SIGNAL_TIMEOUT', 'no answer from the remote'] as const)
      this.fail(new SignalError(code, `${words} within ${Math.round(timeout)} ms`))
    }, timeout)
  }

  #end(peer: Peer): void {
    this.#context.clock.clearTimeout(this.#deadline)
    this.#batch.end()
    this.cancel()
    this.#abort.abort(peer.error ?? new SignalError('CLOSED', 'the connection with this peer is closed'))
  }

  /** The promise, or what ended the session if that comes first. */
  #race<T>(work: T | Promise<T>): Promise<T> {
    return abortable(Promise.resolve(work), this.#abort.signal)
  }

  #onSignal(signal: RtcSignal): void {
    if (!this.#described && 'sdp' in signal) {
      this.#described = true
      return this.#local.resolve(signal)
    }
    this.#outgoing.push(signal)
    // Before the description has gone, nothing may overtake it.
    if (this.#live) this.#batch.schedule()
  }

  #flush(): void {
    if (this.#outgoing.length === 0) return
    const signals = this.#outgoing.splice(0)
    this.#sending = this.#sending
      .then(async () =>
        this.#context.post(await this.#sealNow('signal', signals, NO_SIGNATURE), this.#abort.signal)
      )
      .catch(() => {}) // The session ended meanwhile: nobody needs its candidates.
  }

  /** Sends a reply, also when the session has ended: its failure is what the other side waits to hear. */
  #post(frame: Addressed): void {
    this.#sending = this.#sending.then(() => this.#context.post(frame)).catch(() => {})
  }

  #seal(kind: AddressedKind, value: unknown, re: Uint8Array = NO_SIGNATURE): Promise<Addressed> {
    const sealed = this.#sending.then(() => this.#sealNow(kind, value, re))
    this.#sending = sealed.catch(() => {})
    return sealed
  }

  async #sealNow(kind: AddressedKind, value: unknown, re: Uint8Array): Promise<Addressed> {
    const { remoteId: address, topic, sessionId: session } = this.options
    const { flags, bytes: body }: Body = encodeBody(value)
    const { seal } = this.#context
    const fields = { flags: flags | seal.flags, address, topic, session, seq: ++this.#seq, body }
    const frame = createAddressed(kind, fields)
    await seal.sign(frame, re)
    return frame
  }

  async #request(frame: Addressed): Promise<Frame> {
    const { remoteId, sessionId } = this.options
    const signature = copy(frame.signature)
    const accept = (answer: Frame) =>
      !isReply(answer.kind) ||
      (equals((answer as Addressed).session, sessionId) && equals((answer as Addressed).address, remoteId))
    this.offerSignature = this.#asked = signature
    try {
      return await this.#context.ask(frame, { signal: this.#abort.signal, accept })
    } catch (error) {
      throw notTheRemote(error)
    }
  }

  /** Reads the remote's answer to our offer or our wish for one. */
  async #answer(answer: Frame, kind: 'answer' | 'accepted'): Promise<void> {
    const { metadata, body } = await this.#race(this.#read(answer))
    this.#answered = true
    const handle = this.#handle as PeerHandle
    if (kind === 'answer') {
      const signal = toRtcSignal(body.answer)
      await this.#race(this.#context.onAnswer(this.#data(metadata, { answer: signal })))
      handle.setRemoteMetadata(metadata)
      this.#receiveSignal(signal)
    } else handle.setRemoteMetadata(metadata)
  }

  async #read(answer: Frame): Promise<{ body: { [key: string]: unknown }; metadata: Metadata }> {
    const body = answer instanceof Addressed ? await this.#readSigned(answer) : this.#readUnsigned(answer)
    return { body, metadata: toMetadata(body.metadata) }
  }

  async #readSigned(answer: Addressed): Promise<{ [key: string]: unknown }> {
    await this.#check(answer, this.#asked)
    const body = decodeObject({ flags: answer.flags, bytes: answer.body })
    if (answer.kind === 'answer') return body
    this.#answered = true
    throw refusal(body)
  }

  /** A custom server may answer in the remote's place; only who asks for no signatures takes that. */
  #readUnsigned(answer: Frame): { [key: string]: unknown } {
    const { remoteId, topic } = this.options
    if (answer.kind !== 'result')
      throw new SignalError('BAD_FRAME', `${answer.kind} is no answer to an offer`)
    if (this.#context.seal.policy(remoteId, topic) === 'required') throw unproven()
    return decodeObject({ flags: answer.flags, bytes: answer.body })
  }

  async #respond(kind: 'answer' | 'refusal', value: unknown, requestId: number): Promise<void> {
    const frame = await this.#seal(kind, value, this.offerSignature)
    frame.requestId = requestId
    this.reply = new Addressed(copy(frame.bytes), kind)
    this.#post(frame)
  }

  #receiveSignal(signal: RtcSignal): void {
    if (signal.type === 'candidate') this.#candidates++
    else if (signal.type === 'transceiverRequest') this.#transceivers++
    else this.#descriptions++
    if (!this.#taking) this.#early.push(signal)
    if (
      this.#candidates > MAX_CANDIDATES ||
      this.#transceivers > MAX_TRANSCEIVERS ||
      this.#descriptions > MAX_DESCRIPTIONS ||
      this.#early.length > MAX_EARLY
    ) {
      return this.fail(new SignalError('SIGNAL_LIMIT', 'the remote sent too many signals'))
    }
    if (this.#taking) this.#handle?.receive(signal)
  }

  /** Makes the RTCPeerConnection, and gives it what has waited for it. */
  #start(handle: PeerHandle, first: RtcSignal[] = []): void {
    handle.start()
    this.#taking = true
    for (const signal of [...first, ...this.#early.splice(0)]) handle.receive(signal)
  }

  #data(metadata: Metadata, description: { offer?: RtcSignal; answer?: RtcSignal }): OfferData {
    const { remoteId: id, topic, sessionId } = this.options
    return { id, topic, sessionId, metadata, data: Object.values(description), ...description }
  }

  #metadata(): Metadata {
    return { ...this.#context.metadata, ...this.peer?.metadata }
  }
}

/** The server speaks for itself: its words can't pass for the remote's. */
function notTheRemote(error: unknown): unknown {
  if (!(error instanceof SignalError) || error.code !== 'REJECTED') return error
  return new SignalError('FORBIDDEN', error.message, { cause: error })
}

function refusal({ code, message, retryable }: { [key: string]: unknown }): SignalError {
  const words = typeof message === 'string' ? message : 'the remote refused'
  return new SignalError(typeof code === 'string' && isCode(code) ? code : 'REJECTED', words, {
    retryable: retryable === true
  })
}

function toMetadata(value: unknown): Metadata {
  return isObject(value) ? value : {}
}

export function assertMetadata(metadata: unknown): asserts metadata is Metadata | undefined {
  if (metadata === undefined || isObject(metadata)) return
  throw new TypeError(`metadata must be an object, got ${describe(metadata)}`)
}
