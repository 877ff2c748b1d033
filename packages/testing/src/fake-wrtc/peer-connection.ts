import type { Clock } from 'socket-signal'
import { parseCandidate } from './candidate.ts'
import { Channels } from './channels.ts'
import type { FakeDataChannel } from './data-channel.ts'
import { Gatherer } from './gatherer.ts'
import type { FakeMediaStream, FakeMediaStreamTrack, MediaKind } from './media.ts'
import { type Line, MediaLines } from './media-lines.ts'
import type { FakeNetwork } from './network.ts'
import { type Credentials, type Description, parseSdp, renderSdp } from './sdp.ts'
import { statsOf } from './stats.ts'
import { FakeTarget, type Handler, invalidState } from './target.ts'
import { type FakeRtpSender, type FakeRtpTransceiver, reverse } from './transceiver.ts'
import { FakeTransport } from './transport.ts'

/** Where a fake connection lives. */
export interface Surroundings {
  network: FakeNetwork
  address: string
  clock: Clock | undefined
  onclose(connection: FakePeerConnection): void
}

interface Sdp {
  type: 'offer' | 'answer'
  sdp: string
}

const EVENTS = [
  ...['signalingstatechange', 'icegatheringstatechange', 'iceconnectionstatechange', 'connectionstatechange'],
  ...['icecandidate', 'icecandidateerror', 'negotiationneeded', 'datachannel', 'track']
]

/**
 * `RTCPeerConnection` as simple-peer and our rooms use it, with the state rules of W3C WebRTC and no media. Two of
 * them connect when each has the other's description and a candidate of the other, and both fingerprints are true.
 */
export class FakePeerConnection extends FakeTarget {
  signalingState: RTCSignalingState = 'stable'
  iceConnectionState: RTCIceConnectionState = 'new'
  connectionState: RTCPeerConnectionState = 'new'
  onsignalingstatechange: Handler = null
  onicegatheringstatechange: Handler = null
  oniceconnectionstatechange: Handler = null
  onconnectionstatechange: Handler = null
  onicecandidate: Handler = null
  onicecandidateerror: Handler = null
  onnegotiationneeded: Handler = null
  ondatachannel: Handler = null
  ontrack: Handler = null

  readonly #surroundings: Surroundings
  readonly #configuration: RTCConfiguration
  readonly #transport: FakeTransport
  readonly #channels: Channels
  readonly #media: MediaLines
  readonly #gatherer: Gatherer
  readonly #session: string
  #version = 1
  #chain: Promise<unknown> = Promise.resolve()
  #currentLocal: Sdp | null = null
  #pendingLocal: Sdp | null = null
  #currentRemote: Sdp | null = null
  #pendingRemote: Sdp | null = null
  /** What the last offer or answer of ours was made of. */
  #made: { credentials: Credentials; lines: Line[] } | undefined
  #remote: Description | undefined
  #restart = false
  #offerer = false
  #wanted = false

  constructor(surroundings: Surroundings, configuration: RTCConfiguration = {}) {
    super(EVENTS)
    const { network, address, clock } = surroundings
    this.#surroundings = surroundings
    this.#configuration = configuration
    this.#session = network.text(18, '0123456789')
    this.#media = new MediaLines(network)
    this.#transport = new FakeTransport({
      ...{ network, address, clock },
      onstate: () => this.#tell(),
      onconnected: () => this.#openChannels(),
      onlost: () => this.#channels.end(false)
    })
    const onchannel = (channel: FakeDataChannel) => this.emit('datachannel', { channel })
    this.#channels = new Channels({ transport: this.#transport, onchannel })
    this.#transport.channels = this.#channels
    this.#gatherer = new Gatherer({
      ...{ network, transport: this.#transport, configuration },
      onstate: () => this.emit('icegatheringstatechange'),
      oncandidate: candidate => this.emit('icecandidate', { candidate })
    })
  }

  get iceGatheringState(): RTCIceGatheringState {
    return this.#gatherer.state
  }

  get localDescription(): Sdp | null {
    return this.pendingLocalDescription ?? this.currentLocalDescription
  }

  get remoteDescription(): Sdp | null {
    return this.#pendingRemote ?? this.#currentRemote
  }

  get currentLocalDescription(): Sdp | null {
    return this.#gatherer.describe(this.#currentLocal)
  }

  get pendingLocalDescription(): Sdp | null {
    return this.#gatherer.describe(this.#pendingLocal)
  }

  get currentRemoteDescription(): Sdp | null {
    return this.#currentRemote
  }

  get pendingRemoteDescription(): Sdp | null {
    return this.#pendingRemote
  }

  /** Rejects with InvalidStateError unless the state is `stable` or `have-local-offer`. */
  createOffer(options: RTCOfferOptions = {}): Promise<Sdp> {
    return this.#enqueue(() => this.#makeOffer(options))
  }

  /** Rejects with InvalidStateError unless the state is `have-remote-offer`. */
  createAnswer(): Promise<Sdp> {
    return this.#enqueue(() => this.#makeAnswer())
  }

  /** Rejects with InvalidStateError in the wrong state, InvalidModificationError for what this side did not make. */
  setLocalDescription(description?: { type?: string; sdp?: string }): Promise<void> {
    const set = this.#enqueue(() => {
      const { type, sdp } = description?.type ? description : this.#make()
      if (type === 'rollback') return this.#rollback('have-local-offer')
      if (type !== 'offer' && type !== 'answer') throw new TypeError(`no type of description: ${type}`)
      if (type === 'offer') this.#assertState('setLocalDescription', 'stable', 'have-local-offer')
      else this.#assertState('setLocalDescription', 'have-remote-offer')
      this.#setLocal({ type, sdp: sdp ?? '' })
    })
    // Two turns later, so that whoever waits for this promise sees candidates behind the description.
    set
      .then(() => {})
      .then(
        () => this.signalingState !== 'closed' && this.#gatherer.start(),
        () => {} // The caller is told.
      )
    return set
  }

  /**
   * Rejects with InvalidStateError in the wrong state (as libwebrtc in Node does, also for an offer in
   * `have-local-offer`: no implicit rollback), OperationError for what is no description.
   */
  setRemoteDescription({ type, sdp = '' }: { type?: string; sdp?: string }): Promise<void> {
    return this.#enqueue(() => {
      if (type === 'rollback') return this.#rollback('have-remote-offer')
      if (type !== 'offer' && type !== 'answer') throw new TypeError(`no type of description: ${type}`)
      if (type === 'offer') this.#assertState('setRemoteDescription', 'stable', 'have-remote-offer')
      else this.#assertState('setRemoteDescription', 'have-local-offer')
      this.#setRemote({ type, sdp })
    })
  }

  /** Rejects with InvalidStateError before there is a remote description, OperationError for what is no candidate. */
  addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void> {
    return this.#enqueue(() => {
      if (!this.#remote) throw invalidState('The remote description was null')
      if (!candidate?.candidate) return
      const { sdpMid, sdpMLineIndex } = candidate
      const { sections } = this.#remote
      const known =
        typeof sdpMid === 'string' ? sections.some(({ mid }) => mid === sdpMid) : sections[sdpMLineIndex ?? 0]
      this.#addCandidate(known ? candidate.candidate : '')
    })
  }

  /** Throws InvalidStateError when the connection is closed. */
  createDataChannel(label: string, init?: RTCDataChannelInit): FakeDataChannel {
    this.#assertOpen()
    const channel = this.#channels.create(label, init)
    if (!this.#media.data) this.#need()
    else queueMicrotask(() => this.#openChannels())
    return channel
  }

  addTrack(track: FakeMediaStreamTrack, ...streams: FakeMediaStream[]): FakeRtpSender {
    this.#assertOpen()
    const sender = this.#media.addTrack(track, streams)
    this.#need()
    return sender
  }

  removeTrack(sender: FakeRtpSender): void {
    this.#assertOpen()
    this.#media.removeTrack(sender)
    this.#need()
  }

  addTransceiver(what: MediaKind | FakeMediaStreamTrack, init?: RTCRtpTransceiverInit): FakeRtpTransceiver {
    this.#assertOpen()
    const transceiver = this.#media.addTransceiver(what, init)
    this.#need()
    return transceiver
  }

  getTransceivers(): FakeRtpTransceiver[] {
    return [...this.#media.transceivers]
  }

  getSenders(): FakeRtpSender[] {
    return this.#media.transceivers.map(({ sender }) => sender)
  }

  getReceivers(): { track: FakeMediaStreamTrack }[] {
    return this.#media.transceivers.map(({ receiver }) => receiver)
  }

  async getStats(): Promise<Map<string, object>> {
    return statsOf(this.#transport)
  }

  getConfiguration(): RTCConfiguration {
    return this.#configuration
  }

  /** The next offer restarts ICE. */
  restartIce(): void {
    this.#restart = true
    this.#need()
  }

  /** Ends it. As W3C says, no event comes here; the other side hears its channels close. */
  close(): void {
    if (this.signalingState === 'closed') return
    this.signalingState = 'closed'
    this.iceConnectionState = 'closed'
    this.connectionState = 'closed'
    this.#channels.end(true)
    this.#transport.close()
    this.#surroundings.onclose(this)
  }

  /** One operation after the other (W3C WebRTC, 4.4.1.2). */
  #enqueue<T>(operation: () => T | Promise<T>): Promise<T> {
    const result = this.#chain.then(() => {
      this.#assertOpen()
      return operation()
    })
    this.#chain = result.catch(() => {})
    return result
  }

  #assertOpen(): void {
    if (this.signalingState === 'closed')
      throw invalidState("The RTCPeerConnection's signalingState is 'closed'.")
  }

  #assertState(method: string, ...allowed: RTCSignalingState[]): void {
    if (allowed.includes(this.signalingState)) return
    throw invalidState(`Failed to execute '${method}': Called in wrong state: ${this.signalingState}`)
  }

  #credentials(): Credentials {
    const { network } = this.#surroundings
    return { ufrag: network.text(8), pwd: network.text(24) }
  }

  #render(
    credentials: Credentials,
    setup: 'actpass' | 'active',
    sections: Parameters<typeof renderSdp>[0]['sections']
  ): string {
    const { fingerprint } = this.#transport
    return renderSdp({
      ...credentials,
      session: this.#session,
      version: ++this.#version,
      fingerprint,
      setup,
      sections
    })
  }

  #make(): Sdp {
    return this.signalingState === 'have-remote-offer' ? this.#makeAnswer() : this.#makeOffer()
  }

  #makeOffer({ iceRestart = false }: RTCOfferOptions = {}): Sdp {
    this.#assertState('createOffer', 'stable', 'have-local-offer')
    const { local } = this.#transport
    const credentials = local && !iceRestart && !this.#restart ? local : this.#credentials()
    const lines = this.#media.offer(this.#channels.used)
    this.#made = { credentials, lines }
    return { type: 'offer', sdp: this.#render(credentials, 'actpass', this.#media.sections(lines)) }
  }

  #makeAnswer(): Sdp {
    this.#assertState('createAnswer', 'have-remote-offer')
    const { local } = this.#transport
    const restarted = this.#currentRemote && parseSdp(this.#currentRemote.sdp).ufrag !== this.#remote?.ufrag
    const credentials = local && !restarted ? local : this.#credentials()
    this.#made = { credentials, lines: [] }
    const sections = this.#media.sections(undefined, this.#remote?.sections)
    return { type: 'answer', sdp: this.#render(credentials, 'active', sections) }
  }

  #setLocal(description: Sdp): void {
    const { ufrag, sections } = parseSdp(description.sdp)
    const made = this.#made
    if (made?.credentials.ufrag !== ufrag) {
      throw new DOMException('not what this connection made last', 'InvalidModificationError')
    }
    this.#transport.setLocal(made.credentials)
    if (description.type === 'offer') {
      this.#offerer ||= !this.#transport.negotiated
      this.#restart = this.#wanted = false
      this.#media.take(made.lines)
      this.#pendingLocal = description
      return this.#signal('have-local-offer')
    }
    this.#currentLocal = description
    this.#currentRemote = this.#pendingRemote
    this.#media.settle(sections)
    this.#stable()
  }

  #setRemote(description: Sdp): void {
    const remote = parseSdp(description.sdp)
    const { ufrag, pwd, fingerprint, sections, candidates } = remote
    const answers = description.type === 'answer'
    if (answers ? sections.length !== this.#media.size : sections.length < this.#media.size) {
      throw new DOMException("The order of m-lines doesn't match", 'InvalidAccessError')
    }
    this.#remote = remote
    this.#transport.setRemote({ ufrag, pwd, fingerprint })
    for (const line of candidates) this.#addCandidate(line)
    const arrivals = this.#media.receive(sections)
    if (answers) {
      this.#currentRemote = description
      this.#currentLocal = this.#pendingLocal
      this.#media.settle(sections.map(section => ({ ...section, direction: reverse(section.direction) })))
      this.#stable()
    } else {
      this.#pendingRemote = description
      this.#signal('have-remote-offer')
    }
    for (const { transceiver, track, streams } of arrivals) {
      this.emit('track', { track, streams, transceiver, receiver: transceiver.receiver })
    }
  }

  #addCandidate(line: string): void {
    const fields = parseCandidate(line)
    if (!fields) throw new DOMException('Error processing ICE candidate', 'OperationError')
    this.#transport.remoteCandidates.push(fields)
    this.#transport.check()
  }

  #rollback(state: RTCSignalingState): void {
    this.#assertState('rollback', state)
    this.#pendingLocal = this.#pendingRemote = null
    this.#remote = this.#currentRemote ? parseSdp(this.#currentRemote.sdp) : undefined
    if (this.#currentLocal) this.#transport.setLocal(parseSdp(this.#currentLocal.sdp))
    this.#signal('stable')
  }

  #stable(): void {
    this.#pendingLocal = this.#pendingRemote = null
    this.#transport.negotiated = true
    this.#transport.check()
    this.#signal('stable')
    queueMicrotask(() => this.#openChannels())
    this.#askForNegotiation()
  }

  #signal(state: RTCSignalingState): void {
    if (this.signalingState === state) return
    this.signalingState = state
    this.emit('signalingstatechange')
  }

  #need(): void {
    this.#wanted = true
    queueMicrotask(() => this.#askForNegotiation())
  }

  #askForNegotiation(): void {
    if (!this.#wanted || this.signalingState !== 'stable') return
    this.#wanted = false
    this.emit('negotiationneeded')
  }

  #openChannels(): void {
    if (this.#transport.connected && this.#media.data) this.#channels.connect(this.#offerer)
  }

  #tell(): void {
    if (this.signalingState === 'closed') return
    const { ice, dtls } = this.#transport
    if (this.iceConnectionState !== ice) {
      this.iceConnectionState = ice
      this.emit('iceconnectionstatechange')
    }
    const state = connectionState(ice, dtls)
    if (this.connectionState === state || (this.signalingState as string) === 'closed') return
    this.connectionState = state
    this.emit('connectionstatechange')
  }
}

/** W3C WebRTC, 4.3.3: what ICE and DTLS come to. */
function connectionState(ice: FakeTransport['ice'], dtls: FakeTransport['dtls']): RTCPeerConnectionState {
  if (ice === 'failed' || dtls === 'failed') return 'failed'
  if (ice === 'connected') return dtls === 'connected' ? 'connected' : 'connecting'
  return ice === 'checking' ? 'connecting' : ice
}
