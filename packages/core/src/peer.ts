/**
 * The peer alone.
 *
 * @module socket-signal/peer
 */

import { MAX } from './bounds.ts'
import { copy } from './bytes.ts'
import type { Clock } from './clock.ts'
import { assertMetadata } from './codec.ts'
import { deferred } from './deferred.ts'
import { Emitter } from './emitter.ts'
import { SignalError } from './errors.ts'
import type { Explanation } from './explain.ts'
import type { Pair, Path } from './path.ts'
import { asyncDispose, type Waitable } from './resource.ts'
import { iceUfrag, type Rtc, type RtcSignal } from './rtc.ts'
import { Trace } from './trace.ts'
import { wait } from './wait.ts'

/** Any JSON object. It travels in the signed body of an offer or answer. */
export type Metadata = { [key: string]: unknown }

/** What a peer tells. */
export interface PeerEvents {
  /** Its RTCPeerConnection was made, and nothing is negotiated yet. */
  rtc: [rtc: Rtc]
  /** The data channel is open. */
  connect: []
  /** It is over, for whatever reason. */
  close: []
  /** Why it failed; `close` follows. */
  error: [error: Error]
  /** Packets take another way than before: another network, a relay or none any more. */
  'path-changed': [pair: Pair]
  /** The remote sends media. */
  stream: [mediaStream: MediaStream]
  /** A renegotiation of media that does not travel by itself, because `subscribeMediaStream` is false. */
  signal: [signal: RtcSignal]
  /** By `setMetadata`. */
  'metadata-updated': [metadata: Metadata]
  /** The remote's offer or answer has come. */
  'remote-metadata-updated': [metadata: Metadata]
}

/** What a client makes a peer of. @internal */
export interface PeerOptions {
  id: Uint8Array
  sessionId: Uint8Array
  topic: Uint8Array
  initiator: boolean
  metadata: Metadata
  simplePeer?: { [option: string]: unknown } | undefined
}

/** What a client lends its peers. @internal */
export interface PeerHost {
  readonly clock: Clock
  /** Of token, socket and joins. */
  readonly trace: Trace
  /** Makes an RTCPeerConnection, as an Rtc. */
  createRtc(initiator: boolean, simplePeer: object | undefined, streams: MediaStream[]): Rtc
  /** What of a signal may be told; undefined: nothing. */
  veil(signal: RtcSignal): RtcSignal | undefined
  explain(handle: PeerHandle): Promise<Explanation>
}

/** What a peer's owner may do with it and nobody else. @internal */
export interface PeerHandle {
  /** The one that it is of. */
  readonly peer: Peer
  readonly host: PeerHost
  /** How far it has come. */
  readonly trace: Trace
  /** What is set before the RTCPeerConnection is made counts. */
  simplePeer: PeerOptions['simplePeer']
  /** Listens to a new RTCPeerConnection. */
  watch(rtc: Rtc): Path
  /** The way to the remote, once there is an RTCPeerConnection. */
  path: Path | undefined
  /** The way has become another. */
  onpair(pair: Pair): void
  /** Takes each signal that is to reach the remote. */
  onsignal(signal: RtcSignal): void
  /** Makes the RTCPeerConnection if nobody has touched `stream` before. */
  start(): void
  /** Gives it a signal of the remote, filtered before. */
  receive(signal: RtcSignal): void
  /** The remote has said something of itself. */
  setRemoteMetadata(metadata: Metadata): void
  /** Another peer takes its place: `ready()` follows that one, this one ends without an error. */
  supersede(survivor: Promise<Peer>): void
}

/**
 * One connection with one remote peer. `client.connect` gives one at once; its RTCPeerConnection is made when its
 * turn comes, or when somebody touches `stream`.
 */
export class Peer extends Emitter<PeerEvents> {
  /** The remote's id: 32 bytes. */
  readonly id: Uint8Array
  /** Unique for each connection: 32 random bytes. */
  readonly sessionId: Uint8Array
  /** 32 bytes. */
  readonly topic: Uint8Array
  /** Whether this side makes the offer. */
  readonly initiator: boolean
  /** Whether renegotiation of media travels through the signal server. Candidates and ICE restarts always do. */
  subscribeMediaStream = false

  readonly #handle: PeerHandle
  readonly #ready = deferred<Peer>()
  readonly #closed = deferred<void>()
  #rtc: Rtc | undefined
  #streams: MediaStream[] = []
  #mediaStreams: MediaStream[] = []
  #metadata: Metadata
  #remoteMetadata: Metadata = {}
  #error: Error | null = null
  #signals: RtcSignal[] = []
  #ufrag: string | undefined
  #connected = false
  #ending = false
  #superseded = false

  private constructor(host: PeerHost, options: PeerOptions) {
    super()
    const { id, sessionId, topic, initiator, metadata, simplePeer } = options
    this.#handle = {
      ...{ peer: this, host, simplePeer },
      trace: new Trace(host.clock),
      watch: () => undefined as never,
      path: undefined,
      onpair: pair => this.emit('path-changed', pair),
      onsignal: () => {},
      start: () => void this.#open(),
      receive: signal => {
        const rtc = this.#open()
        if (!this.destroyed) rtc.signal(signal)
      },
      setRemoteMetadata: metadata => {
        this.#remoteMetadata = metadata
        this.emit('remote-metadata-updated', metadata)
      },
      supersede: survivor => {
        this.#superseded = true
        survivor.catch(() => {}) // Who was superseded before waits for another one already.
        this.#ready.resolve(survivor)
        this.destroy()
      }
    }
    this.id = copy(id)
    this.sessionId = copy(sessionId)
    this.topic = copy(topic)
    this.initiator = initiator
    this.#metadata = metadata
  }

  /** Makes a peer and its owner's handle. Users get theirs from a client. @internal */
  static create(host: PeerHost, options: PeerOptions): PeerHandle {
    return new Peer(host, options).#handle
  }

  /** The connection as a duplex stream: simple-peer's, or what the option `rtc` made. */
  get stream(): Rtc {
    return this.#open()
  }

  /** Whether its channel is open. */
  get connected(): boolean {
    return this.#connected && !this.destroyed
  }

  /** Whether it is over, or ending. */
  get destroyed(): boolean {
    return this.#ending || this.#rtc?.destroyed === true
  }

  /** Why it failed, or null. */
  get error(): Error | null {
    return this.#error
  }

  /** What the remote is told of this connection, over the client's own metadata. */
  get metadata(): Metadata {
    return this.#metadata
  }

  /** What the remote said of itself; empty until its offer or answer has come. */
  get remoteMetadata(): Metadata {
    return this.#remoteMetadata
  }

  /** The latest signals that this side sent. */
  get signals(): readonly RtcSignal[] {
    return this.#signals
  }

  /** Media streams that the remote sends; those that it has taken back are not there. */
  get mediaStreams(): readonly MediaStream[] {
    return this.#mediaStreams.filter(({ active }) => active)
  }

  /** Replaces the metadata. Told to the remote with the offer or answer, so set it before. */
  async setMetadata(metadata: Metadata): Promise<Metadata> {
    assertMetadata(metadata)
    this.#metadata = metadata
    this.emit('metadata-updated', metadata)
    return metadata
  }

  /**
   * Resolves with this peer once the channel is open, or with the one that took its place (`dedupe`).
   * Rejects with why it failed: REJECTED with the remote's words, PEER_NOT_FOUND, SIGNAL_TIMEOUT, CONNECT_TIMEOUT,
   * ICE_FAILED, ICE_NO_CANDIDATES, TURN_AUTH, BAD_SIGNATURE, UNPROVEN_ID, WEBRTC_UNAVAILABLE, CLOSED.
   */
  async ready({ signal }: Waitable = {}): Promise<Peer> {
    const peer = await wait(this.#ready.promise, { signal })
    if (this.#connected && this.destroyed) throw this.#reason()
    return peer
  }

  /** Resolves when it is over, however that came. */
  async waitForClose({ signal }: Waitable = {}): Promise<void> {
    return wait(this.#closed.promise, { signal })
  }

  /**
   * How it stands, or why it failed: a stable code, a sentence, what to try, and what was seen on the way. Tells no
   * address, token or credential. Rejects with UNSUPPORTED in a lean bundle.
   */
  async explain(): Promise<Explanation> {
    return this.#handle.host.explain(this.#handle)
  }

  /** Ends it. Resolves when it is closed. */
  async close(options: Waitable = {}): Promise<void> {
    this.destroy()
    return this.waitForClose(options)
  }

  /** As `close()`, for `await using`. */
  [asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Ends it at once; with an error, `ready()` rejects with it. */
  destroy(error?: Error): void {
    if (this.#ending) return
    this.#ending = true
    this.#fail(error)
    const rtc = this.#rtc
    if (!rtc || rtc.destroyed) this.#finish()
    else rtc.destroy(error)
  }

  /** Sends media from the first offer or answer on; on a live connection it is renegotiated. Gives this peer. */
  addStream(mediaStream: MediaStream): this {
    if (this.#rtc) this.#rtc.addStream(mediaStream)
    else this.#streams.push(mediaStream)
    return this
  }

  /** Waits for the connection, then sends media over it. Needs `subscribeMediaStream` on both sides. */
  async addMediaStream(mediaStream: MediaStream): Promise<void> {
    const { stream } = await this.ready()
    stream.addStream(mediaStream)
  }

  /** Waits for the connection, then takes media off it. Needs `subscribeMediaStream` on both sides. */
  async deleteMediaStream(mediaStream: MediaStream): Promise<void> {
    const { stream } = await this.ready()
    stream.removeStream(mediaStream)
  }

  /** The next media stream that the remote sends. */
  async waitForMediaStream({ signal }: Waitable = {}): Promise<MediaStream> {
    const next = deferred<MediaStream>()
    this.once('stream', next.resolve)
    void this.#closed.promise.then(() => next.reject(this.#reason()))
    return wait(next.promise, { signal })
  }

  #reason(): Error {
    return this.#error ?? new SignalError('CLOSED', 'the connection is closed')
  }

  #open(): Rtc {
    if (this.#rtc) return this.#rtc
    if (this.#ending) throw this.#reason()
    const { host, simplePeer } = this.#handle
    const rtc = host.createRtc(this.initiator, simplePeer, this.#streams)
    this.#rtc = rtc
    this.#handle.path = this.#handle.watch(rtc)
    rtc.on('signal', (signal: RtcSignal) => this.#onSignal(signal))
    rtc.on('connect', () => {
      this.#connected = true
      for (const stage of ['answer', 'open']) this.#handle.trace.end(stage)
      this.#ready.resolve(this)
      this.emit('connect')
    })
    rtc.on('stream', (mediaStream: MediaStream) => {
      this.#mediaStreams.push(mediaStream)
      this.emit('stream', mediaStream)
    })
    // Never taken away: simple-peer without a listener for errors ends the process.
    rtc.on('error', (error: Error) => this.#fail(named(error)))
    rtc.on('close', () => this.#finish())
    this.emit('rtc', rtc)
    return rtc
  }

  #fail(error: Error | undefined): void {
    if (error) this.#error ??= (!this.#connected && this.#handle.path?.explain(error)) || error
  }

  #onSignal(whole: RtcSignal): void {
    const signal = this.#handle.host.veil(whole)
    if (!signal) return
    if (this.#connected && !this.subscribeMediaStream && this.#isMedia(signal))
      return this.emit('signal', signal)
    if ('sdp' in signal) this.#ufrag = iceUfrag(signal.sdp)
    this.#signals.push(signal)
    if (this.#signals.length > MAX.signals) this.#signals.shift()
    this.#handle.onsignal(signal)
  }

  /** Whether this renegotiates media; an ICE restart, told by its new user name, does not. */
  #isMedia(signal: RtcSignal): boolean {
    if (signal.type === 'candidate') return false
    return !('sdp' in signal) || iceUfrag(signal.sdp) === this.#ufrag
  }

  #finish(): void {
    this.#ending = true
    this.#ready.reject(this.#reason())
    if (this.#error && !this.#superseded) this.emit('error', this.#error)
    this.emit('close')
    this.#closed.resolve(undefined)
  }
}

/** simple-peer's error under a code of ours; any other error as it is. */
function named(error: Error & { code?: unknown }): Error {
  const { message } = error
  const code = String(error.code) // A DOMException's is a number.
  if (error instanceof SignalError || !code.startsWith('ERR_')) return error
  const ours = /CONNECTION_FAILURE$/.test(code) ? 'ICE_FAILED' : 'RTC_FAILED'
  return new SignalError(ours, message, { cause: error })
}
