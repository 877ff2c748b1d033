import { MAX } from './bounds.ts'
import { copy, equals, toKey } from './bytes.ts'
import { FOREVER } from './clock.ts'
import { type Body, decodeBody, encodeBody, toObject } from './codec.ts'
import { asError, isCode, SignalError, toSignalError } from './errors.ts'
import { Addressed, type Failure, type Frame, type Result } from './frame.ts'
import type { Host } from './host.ts'
import { InBand } from './in-band.ts'
import { Limiter } from './limiter.ts'
import { isWish, Negotiation } from './negotiation.ts'
import { Opening } from './opening.ts'
import { Outbox } from './outbox.ts'
import { Path } from './path.ts'
import type { Metadata, Peer, PeerHandle } from './peer.ts'
import { type AddressedKind, FLAG } from './protocol.ts'
import { Recovery } from './recovery.ts'
import type { Rtc, RtcSignal } from './rtc.ts'
import { ReplayWindow, unproven } from './seal.ts'
import { toRtcSignal } from './signal.ts'
import { wait } from './wait.ts'

/** What a hook is told of an offer, an answer, or a wish to be called. Ids and topic: 32 bytes. */
export interface OfferData {
  /** Who it is: 32 bytes. */
  id: Uint8Array
  /** 32 bytes. */
  topic: Uint8Array
  /** Of this connection alone: 32 bytes. */
  sessionId: Uint8Array
  /** What it says of itself. */
  metadata: Metadata
  /** The signals that came: one description. */
  data: RtcSignal[]
  /** The one description, where it is an offer. */
  offer?: RtcSignal
  /** The one description, where it is an answer. */
  answer?: RtcSignal
}

/** What `_onOffer` and `_onRemoteConnect` may give back for the peer that is made then. */
export interface OfferResult {
  /** Told to the remote, over the client's own. */
  metadata?: Metadata
  /** simple-peer's options, for this connection only. */
  simplePeer?: { [option: string]: unknown }
}

/** What one remote may send in one session; renegotiations of one that lives for days are many, of an attacked one more. */
const ALLOWED = { candidate: 64, transceiverRequest: 32, description: 1000 }

/**
 * Between a Peer and the wire: signs and sends what the peer emits, in order; checks, filters and counts what the
 * remote sends, in order; keeps the deadline.
 */
export class Session {
  readonly peer: Peer
  /** Whether we began, by `connect` or `remoteConnect`. */
  readonly ours: boolean
  readonly dedupe: boolean
  /** Remote and session in one. */
  readonly key: string
  /** Whether the remote has answered, or we have answered it. */
  answered = false
  /** Outlives it. */
  readonly opening: Opening

  readonly #host: Host
  readonly #handle: PeerHandle
  readonly #abort = new AbortController()
  readonly #window = new ReplayWindow()
  readonly #outbox: Outbox
  readonly #allowed = { ...ALLOWED }
  /** The signature of our own request: an invited peer's offer may come before its answer has been read. */
  #asked: Uint8Array | undefined
  /** Under which the remote answered it. */
  #asking: number | undefined
  /** Whether the remote waits for something of ours, or for the channel. */
  #pledged = false
  #seq = 0
  /** Signing and checking are asynchronous; the order stays. */
  readonly #sending = new Limiter(1)
  readonly #receiving = new Limiter(1)
  /** What came before the peer takes signals. */
  #early: RtcSignal[] | undefined = []
  readonly #negotiation = new Negotiation()
  #recovery: Recovery | undefined
  #inBand: InBand | undefined
  /** Whether the remote signs. Who does not may be a published client, which would take a second channel for its first. */
  #signs = false
  #deadline: unknown

  constructor(host: Host, handle: PeerHandle, ours: boolean, dedupe = false) {
    const { peer } = handle
    this.#host = host
    this.#handle = handle
    this.peer = peer
    this.ours = ours
    this.dedupe = dedupe
    this.opening = new Opening(host)
    this.key = toKey(peer.id) + toKey(peer.sessionId)
    this.#outbox = new Outbox(host.clock, signals => this.#carry(signals))
    handle.watch = rtc => this.#watch(rtc)
    handle.onsignal = signal => this.#onSignal(signal)
    peer.on('connect', () => {
      this.#disarm()
      this.#pledged = false
      // Of what comes later nothing is said again in time, so it does not go where it may be swallowed.
      this.opening.detoured = false
    })
    peer.on('close', () => {
      this.#outbox.end()
      this.#recovery?.close()
      this.#cancel()
      const wasOpen = handle.trace.marks.get('open')?.ended !== undefined
      const { code } = (peer.error ?? {}) as Partial<SignalError>
      if (ours && wasOpen && code === 'ICE_FAILED') host.renew(peer, handle.simplePeer)
      this.fail(peer.error ?? new SignalError('CLOSED', 'the connection is closed'))
    })
  }

  /** Whether we dial, and nothing has come of it yet. */
  get dialing(): boolean {
    return this.ours && !this.peer.destroyed && !this.peer.connected
  }

  /** Whether this is one we asked for, whose offer has yet to come. */
  get expectsOffer(): boolean {
    return this.ours && !this.peer.initiator && this.opening.begun === this.#asked
  }

  /** Makes the offer, or asks the remote to make it, and sees it through. Settles with the connection. */
  async call(): Promise<void> {
    const { initiator } = this.peer
    const { trace } = this.#handle
    this.#armDeadline()
    const { detour, link } = this.#host
    const { topic, id } = this.peer
    if (!detour?.reaches(topic, id)) await link.usable(this.#abort.signal)
    trace.begin('offer')
    if (initiator) await this.#start()
    const offer = initiator ? await this.#race(this.#outbox.description()) : undefined
    const frame = await this.#seal(initiator ? 'offer' : 'remoteConnect', {
      offer,
      ...(this.dedupe && { dedupe: true }),
      metadata: this.#metadata()
    })
    if (initiator) this.#outbox.open()
    trace.end('offer')
    const body = await this.#race(trace.during('route', this.#request(frame)))
    trace.begin('accepted')
    // A wish that was granted is not answered before its offer has come and is answered here.
    this.answered = initiator
    const metadata = toObject(body.metadata)
    const answer = initiator ? toRtcSignal(body.answer) : undefined
    if (answer) await this.#race(this.#host.hook('_onAnswer', this.#data(metadata, { answer })))
    this.#handle.setRemoteMetadata(metadata)
    trace.begin('answer', 'accepted')
    if (answer) this.#take(answer)
    await this.peer.ready()
  }

  /** Checks an offer, or the wish for one, and gives what it says. Throws BAD_SIGNATURE, UNPROVEN_ID, INVALID_ARGUMENT. */
  async open(frame: Addressed): Promise<{ [key: string]: unknown }> {
    this.opening.begun = copy(frame.signature)
    this.opening.detoured = frame.requestId === 0
    await this.#handle.trace.during('offer', this.#check(frame))
    return toObject(decodeBody(frame))
  }

  /** Asks the gate about an offer, or the wish for one. */
  async consent(
    hook: '_onOffer' | '_onRemoteConnect',
    body: { [key: string]: unknown },
    description: { offer?: RtcSignal } = {}
  ): Promise<void> {
    this.#handle.trace.begin('accepted')
    this.#abort.signal.throwIfAborted() // Who gave up meanwhile is not asked about.
    this.#armDeadline()
    const metadata = toObject(body.metadata)
    const result = await this.#race(this.#host.hook(hook, this.#data(metadata, description)))
    const { metadata: own = {}, simplePeer } = toObject(result) as OfferResult
    if (Object.keys(own).length > 0) await this.peer.setMetadata(own)
    this.#handle.simplePeer ??= simplePeer
    this.#handle.setRemoteMetadata(metadata)
  }

  /** Takes the remote's offer through the gates and answers it. Settles with the connection. */
  async accept(body: { [key: string]: unknown }, requestId: number, welcome: () => void): Promise<void> {
    const offer = toRtcSignal(body.offer)
    const { trace } = this.#handle
    await this.consent('_onOffer', body, { offer })
    // Who gave up meanwhile, or has another session that took over, is let in no more.
    this.#abort.signal.throwIfAborted()
    welcome()
    await this.#race(this.#host.hook('_onIncomingPeer', this.peer))
    trace.begin('answer', 'accepted')
    await this.#start(offer)
    await this.answer(requestId, await this.#race(this.#outbox.description()))
    trace.end('answer')
    this.answered = true
    this.#outbox.open()
    await this.peer.ready()
  }

  /** Says yes: with an answer to an offer, without one to the wish for an offer. */
  answer(requestId: number, answer?: RtcSignal): Promise<void> {
    this.#pledged = true
    // A wish that was granted has its time anew when its turn to dial comes.
    if (!answer) this.#disarm()
    return this.#respond('answer', { answer, metadata: this.#metadata() }, requestId)
  }

  refuse({ code, message, retryable }: SignalError, requestId: number): Promise<void> {
    this.answered = true
    this.#pledged = false
    return this.#respond('refusal', { code, message, retryable }, requestId)
  }

  /** The same offer again: gets the same answer, or waits for it as the first one does. */
  repeat(frame: Addressed): boolean {
    const { opening, peer } = this
    const another = opening.detoured !== (frame.requestId === 0)
    if (!opening.repeat(frame, peer.connected)) return false
    // An answer that was lost on its way: so were the candidates behind it.
    if (another && opening.reply && !peer.destroyed) this.#outbox.repeat(isCandidate)
    return true
  }

  /** Takes candidates and later descriptions, or that the caller gave up. */
  receive(frame: Addressed): void {
    this.#hear(async () => {
      await this.#check(frame)
      if (frame.kind !== 'cancel') return this.#takeAll(frame)
      this.#pledged = false
      if (this.peer.connected) return
      this.fail(new SignalError(this.ours ? 'PEER_LEFT' : 'CLOSED', 'the remote gave up'))
    })
  }

  /** Does it when what came before has been dealt with. */
  #hear(work: () => Promise<void>): void {
    const drop = (error: unknown) =>
      this.#host.emit('dropped', { error: toSignalError(error, 'INVALID_ARGUMENT'), id: this.peer.id })
    // Fetching credentials for an offer may hold it up for long; a connection delivers much meanwhile.
    if (this.#receiving.waiting >= MAX.unheard) drop(new SignalError('SIGNAL_LIMIT', 'too many signals wait'))
    else this.#receiving.run(work).catch(drop)
  }

  async #takeAll(body: Body): Promise<void> {
    const signals = decodeBody(body)
    if (!Array.isArray(signals)) throw new SignalError('INVALID_ARGUMENT', 'not a list of signals')
    let wrong: unknown
    for (const each of signals)
      try {
        if (this.#abort.signal.aborted) return
        const signal = toRtcSignal(each)
        // It may restart ICE.
        if (signal.type === 'offer') await this.#recovery?.prepare()
        this.#take(signal)
      } catch (error) {
        wrong ??= error // Behind a description that came twice there may be candidates that came once.
      }
    if (wrong) throw wrong
  }

  /** The server says that the remote has gone: that ends what is not open yet, and nothing else. */
  gone({ requestId, code, message }: Failure): void {
    if (requestId !== this.#asking || !/^PEER_(LEFT|AWAY)$/.test(code) || this.peer.connected) return
    this.fail(new SignalError(code, message))
  }

  /** Another session with the same remote takes over. */
  supersede(survivor: Promise<Peer>): void {
    this.#handle.supersede(survivor)
    this.#abort.abort(new SignalError('GLARE_LOST', 'another connection took over'))
  }

  /** Ends it. */
  fail(reason: unknown): void {
    const error = asError(reason)
    this.#disarm()
    this.#abort.abort(error)
    this.peer.destroy(error)
  }

  /**
   * Throws BAD_SIGNATURE or UNPROVEN_ID. A frame's topic decides by which policy it is judged: a server must not choose
   * another one by changing it. Only a frame that is genuine counts as seen: a forged one must not use up numbers.
   */
  async #check(frame: Addressed, re?: Uint8Array): Promise<void> {
    if (!equals(frame.topic, this.peer.topic))
      throw new SignalError('BAD_SIGNATURE', 'a frame of another topic')
    await this.#host.seal.check(frame, re)
    this.#window.assertNew(frame.seq)
    this.#signs = (frame.flags & FLAG.bare) === 0
  }

  /** Tells the other side that what it was offered, has answered or had asked for is given up. */
  #cancel(): void {
    if (!this.#pledged) return
    const host = this.#host
    const { parting } = host
    host.parting = this.#sealNow('cancel', null)
      .then(frame => (this.opening.detoured && host.detour?.carry(frame)) || host.link.rpc?.send(frame))
      .catch(() => {}) // Without a signature nobody would believe it.
      .then(() => parting)
  }

  #armDeadline(): void {
    if (this.#deadline !== undefined) return
    const timeout = this.#host.connectTimeout ?? this.#host.requestTimeout
    this.#deadline = this.#host.clock.setTimeout(() => {
      const cause = this.#host.link.problem
      const within = `within ${Math.round(timeout)} ms`
      this.fail(
        this.answered
          ? new SignalError('CONNECT_TIMEOUT', `no open channel ${within}`)
          : new SignalError('SIGNAL_TIMEOUT', `no answer from the remote ${within}`, { cause })
      )
    }, timeout)
  }

  #disarm(): void {
    this.#host.clock.clearTimeout(this.#deadline)
    this.#deadline = undefined
  }

  /** The promise, or what ended the session if that comes first. */
  #race<T>(work: T | Promise<T>): Promise<T> {
    return wait(Promise.resolve(work), { signal: this.#abort.signal })
  }

  /** The path is gone, or the network is another one: searches it anew. */
  recover(): void {
    void this.#recovery?.restart()
  }

  /** Whether it was open, and its path is gone. */
  get lost(): boolean {
    return this.peer.connected && !this.#alive
  }

  get #alive(): boolean {
    return this.peer.connected && this.#handle.path?.alive === true
  }

  #watch(rtc: Rtc): Path {
    const { peer } = this
    const path = new Path(rtc, {
      trace: this.#handle.trace,
      onnone: error => !peer.connected && this.fail(error),
      onpair: pair => this.#handle.onpair(pair),
      onstate: state => peer.connected && this.#recovery?.onstate(state)
    })
    const { clock, grace, ice } = this.#host
    const mine = path.servers === ice.list
    this.#recovery = new Recovery({
      ...{ peer, path, clock, grace },
      prepare: async () => {
        if (!mine) return
        await ice.renew()
        path.servers = ice.list
      },
      unanswered: () => this.#negotiation.unanswered,
      resend: () => this.#outbox.repeat(peer.initiator ? undefined : isWish),
      ask: () => this.#onSignal({ type: 'renegotiate', renegotiate: true, iceRestart: true })
    })
    this.#inBand = new InBand(rtc, body => {
      this.#hear(async () => {
        if (peer.connected) await this.#takeAll({ flags: FLAG.json, body })
      })
    })
    peer.on('connect', () => void path.look())
    return path
  }

  #onSignal(signal: RtcSignal): void {
    this.#negotiation.sent(signal)
    if (signal.type === 'offer') this.#recovery?.offered()
    if (this.peer.connected && (signal.type === 'offer' || isWish(signal))) this.#recovery?.asked()
    this.#outbox.push(signal)
  }

  #carry(signals: RtcSignal[]): void {
    // Without a server the connection itself may carry them.
    if (!this.#host.link.rpc && this.#alive && this.#signs && this.#inBand?.send(signals)) return
    const work = async () => this.opening.post(await this.#sealNow('signal', signals), this.#abort.signal)
    // Its failure can be left alone: the session has ended then.
    this.#sending.run(work).catch(() => {})
  }

  #seal(kind: AddressedKind, value: unknown, re?: Uint8Array): Promise<Addressed> {
    return this.#sending.run(() => this.#sealNow(kind, value, re))
  }

  #sealNow(kind: AddressedKind, value: unknown, re?: Uint8Array): Promise<Addressed> {
    const { id: address, topic, sessionId: session } = this.peer
    return this.#host.seal.seal(kind, {
      address,
      topic,
      session,
      seq: ++this.#seq,
      re,
      ...encodeBody(value)
    })
  }

  /** Sends our offer, or our wish for one, and reads the remote's answer. */
  async #request(frame: Addressed): Promise<{ [key: string]: unknown }> {
    const { id, topic } = this.peer
    this.#pledged = true
    this.opening.begun = this.#asked = copy(frame.signature)
    const accept = (answer: Frame) => !(answer instanceof Addressed) || answer.route === this.key
    const { detour, link } = this.#host
    let waited = false
    this.opening.detoured = true // What follows must not overtake it.
    const byServer = (signal: AbortSignal) => {
      this.opening.detoured = false
      // An offer that was lost: the candidates behind it went to a remote that knew no session.
      if (waited) this.#outbox.repeat(isCandidate)
      return link.ask(frame, { signal, accept, timeout: FOREVER }).catch(error => {
        if (error?.code !== 'REJECTED') throw error
        // The server speaks for itself: its words can't pass for the remote's.
        throw new SignalError('FORBIDDEN', error.message, { cause: error })
      })
    }
    const { signal } = this.#abort // The session keeps the deadline.
    const asked = detour ? detour.ask(frame, signal, byServer) : byServer(signal)
    waited = true
    const answer = await asked
    this.opening.detoured = answer.requestId === 0
    this.#asking = answer.requestId || undefined
    if (answer instanceof Addressed) await this.#check(answer, this.#asked)
    // A custom server may answer in the remote's place; only who asks for no signatures takes that.
    else if (this.#host.seal.policy(id, topic) === 'required') throw unproven()
    const body = toObject(decodeBody(answer as Addressed | Result))
    if (answer.kind !== 'refusal') return body
    this.answered = true
    this.#pledged = false
    throw refusal(body)
  }

  async #respond(kind: 'answer' | 'refusal', value: unknown, requestId: number): Promise<void> {
    const { opening } = this
    opening.respond(requestId, await this.#seal(kind, value, opening.begun))
  }

  #take(signal: RtcSignal): void {
    const { type } = signal
    const kind = type in ALLOWED ? (type as keyof typeof ALLOWED) : 'description'
    const early = this.#early
    if (this.#allowed[kind]-- <= 0 || (early && (early.push(signal) > MAX.early || sizeOf(early) > MAX.sdp)))
      this.fail(new SignalError('SIGNAL_LIMIT', 'too many signals'))
    else if (!early) this.#give(signal)
  }

  /** Tells the connection what the remote said, as far as it may be told now. */
  #give(signal: RtcSignal): void {
    const negotiation = this.#negotiation
    if (signal.type === 'renegotiate' && signal.iceRestart) return this.recover()
    if (negotiation.repeats(signal)) return negotiation.answered ? this.#outbox.repeat() : undefined
    const { remote } = negotiation
    const signals = negotiation.take(signal)
    // An ICE restart brings candidates of its own.
    if (negotiation.remote !== remote) {
      this.#allowed.candidate = ALLOWED.candidate
      if (this.peer.connected) this.#recovery?.restarted()
    }
    for (const each of signals) {
      this.#handle.receive(each)
      this.#handle.path?.heard(each)
    }
  }

  /** Makes the RTCPeerConnection, and gives it what has waited for it. */
  async #start(...first: RtcSignal[]): Promise<void> {
    await this.#race(this.#host.ice.refresh())
    this.#handle.start()
    const early = this.#early ?? []
    this.#early = undefined
    for (const signal of [...first, ...early]) this.#give(signal)
  }

  #data(metadata: Metadata, description: { offer?: RtcSignal; answer?: RtcSignal }): OfferData {
    const { id, topic, sessionId } = this.peer
    return { id, topic, sessionId, metadata, data: Object.values(description), ...description }
  }

  #metadata(): Metadata {
    return { ...this.#host.metadata, ...this.peer.metadata }
  }
}

function sizeOf(signals: RtcSignal[]): number {
  return JSON.stringify(signals).length
}

function isCandidate({ type }: RtcSignal): boolean {
  return type === 'candidate'
}

function refusal({ code, message, retryable }: { [key: string]: unknown }): SignalError {
  const words = typeof message === 'string' ? message : 'the remote refused'
  return new SignalError(isCode(code) ? code : 'REJECTED', words, {
    retryable: retryable === true
  })
}
