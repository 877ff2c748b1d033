import type { Clock } from 'socket-signal'
import { Author } from './author.ts'
import { parseCandidate } from './candidate.ts'
import { Channels } from './channels.ts'
import type { FakeDataChannel } from './data-channel.ts'
import { Descriptions } from './descriptions.ts'
import { Gatherer } from './gatherer.ts'
import type { FakeMediaStream, FakeMediaStreamTrack, MediaKind } from './media.ts'
import { MediaLines } from './media-lines.ts'
import type { FakeNetwork } from './network.ts'
import { hasLine, parseSdp, type Sdp } from './sdp.ts'
import { Signaling } from './signaling.ts'
import { statsOf } from './stats.ts'
import { invalidState } from './target.ts'
import { type FakeRtpSender, type FakeRtpTransceiver, reverse } from './transceiver.ts'
import { FakeTransport } from './transport.ts'

/** Where a fake connection lives. */
export interface Surroundings {
  /** By which others are found. */
  network: FakeNetwork
  /** Of its host candidates. */
  address: string
  /** Without it, nothing fails by time. */
  clock: Clock | undefined
  /** How long its second candidate takes. Unit: ms of `clock`. */
  gathering: number
  /** It was closed. */
  onclose(connection: FakePeerConnection): void
}

/**
 * `RTCPeerConnection` as simple-peer and our rooms use it, with the state rules of W3C WebRTC and no media. Two of
 * them connect when each has the other's description and a candidate of the other, and both fingerprints are true.
 */
export class FakePeerConnection extends Signaling {
  readonly #surroundings: Surroundings
  readonly #configuration: RTCConfiguration
  readonly #transport: FakeTransport
  readonly #channels: Channels
  readonly #media: MediaLines
  readonly #gatherer: Gatherer
  readonly #author: Author
  readonly #descriptions = new Descriptions()
  #restart = false
  #offerer = false

  constructor(surroundings: Surroundings, configuration: RTCConfiguration = {}) {
    super()
    const { network, address, clock, gathering } = surroundings
    this.#surroundings = surroundings
    this.#configuration = configuration
    this.#media = new MediaLines(network)
    this.#transport = new FakeTransport({
      ...{ network, address, clock },
      onstate: () => this.follow(this.#transport),
      onconnected: () => this.#openChannels(),
      onlost: () => this.#channels.end(false)
    })
    this.#author = new Author({ network, transport: this.#transport, media: this.#media })
    const onchannel = (channel: FakeDataChannel) => this.emit('datachannel', { channel })
    this.#channels = new Channels({ transport: this.#transport, onchannel })
    this.#transport.channels = this.#channels
    this.#gatherer = new Gatherer({
      ...{ network, transport: this.#transport, configuration, clock, takes: gathering },
      onstate: () => this.emit('icegatheringstatechange'),
      oncandidate: candidate => this.emit('icecandidate', { candidate })
    })
  }

  /** `complete` within a few microtasks of `setLocalDescription`, or when `gathering` is over. */
  get iceGatheringState(): RTCIceGatheringState {
    return this.#gatherer.state
  }

  /** With the candidates so far, as W3C WebRTC, 4.4.2 has it. */
  get localDescription(): Sdp | null {
    return this.pendingLocalDescription ?? this.currentLocalDescription
  }

  /** The pending one, else the current one. */
  get remoteDescription(): Sdp | null {
    return this.pendingRemoteDescription ?? this.currentRemoteDescription
  }

  /** Of the last negotiation that was done. */
  get currentLocalDescription(): Sdp | null {
    return this.#gatherer.describe(this.#descriptions.currentLocal)
  }

  /** Of the negotiation that is under way. */
  get pendingLocalDescription(): Sdp | null {
    return this.#gatherer.describe(this.#descriptions.pendingLocal)
  }

  /** Of the last negotiation that was done. */
  get currentRemoteDescription(): Sdp | null {
    return this.#descriptions.currentRemote
  }

  /** Of the negotiation that is under way. */
  get pendingRemoteDescription(): Sdp | null {
    return this.#descriptions.pendingRemote
  }

  /** Rejects with InvalidStateError unless the state is `stable` or `have-local-offer`. */
  createOffer(options: RTCOfferOptions = {}): Promise<Sdp> {
    return this.enqueue(() => this.#makeOffer(options))
  }

  /** Rejects with InvalidStateError unless the state is `have-remote-offer`. */
  createAnswer(): Promise<Sdp> {
    return this.enqueue(() => this.#makeAnswer())
  }

  /** Rejects with InvalidStateError in the wrong state, InvalidModificationError for what this side did not make. */
  setLocalDescription(description?: { type?: string; sdp?: string }): Promise<void> {
    const set = this.enqueue(() => {
      const { type, sdp } = description?.type ? description : this.#make()
      if (type === 'rollback') return this.#rollback('have-local-offer')
      if (type !== 'offer' && type !== 'answer') throw new TypeError(`no type of description: ${type}`)
      if (type === 'offer') this.assertState('setLocalDescription', 'stable', 'have-local-offer')
      else this.assertState('setLocalDescription', 'have-remote-offer')
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
    return this.enqueue(() => {
      if (type === 'rollback') return this.#rollback('have-remote-offer')
      if (type !== 'offer' && type !== 'answer') throw new TypeError(`no type of description: ${type}`)
      if (type === 'offer') this.assertState('setRemoteDescription', 'stable', 'have-remote-offer')
      else this.assertState('setRemoteDescription', 'have-local-offer')
      this.#setRemote({ type, sdp })
    })
  }

  /** Rejects with InvalidStateError before there is a remote description, OperationError for what is no candidate. */
  addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void> {
    return this.enqueue(() => {
      const { remote } = this.#descriptions
      if (!remote) throw invalidState('The remote description was null')
      if (!candidate?.candidate) return
      this.#addCandidate(hasLine(remote, candidate) ? candidate.candidate : '')
    })
  }

  /** Throws InvalidStateError when the connection is closed. */
  createDataChannel(label: string, init?: RTCDataChannelInit): FakeDataChannel {
    this.assertOpen()
    const channel = this.#channels.create(label, init)
    if (!this.#media.data) this.need(true)
    else queueMicrotask(() => this.#openChannels())
    return channel
  }

  /** Takes a line that is free, or a new one; asks for negotiation. Throws InvalidStateError once closed. */
  addTrack(track: FakeMediaStreamTrack, ...streams: FakeMediaStream[]): FakeRtpSender {
    this.assertOpen()
    const sender = this.#media.addTrack(track, streams)
    this.need(true)
    return sender
  }

  /** Its line stays. Asks for negotiation. Throws InvalidStateError once closed. */
  removeTrack(sender: FakeRtpSender): void {
    this.assertOpen()
    this.#media.removeTrack(sender)
    this.need(true)
  }

  /** A new line, `sendrecv` unless it is said. Asks for negotiation. Throws InvalidStateError once closed. */
  addTransceiver(what: MediaKind | FakeMediaStreamTrack, init?: RTCRtpTransceiverInit): FakeRtpTransceiver {
    this.assertOpen()
    const transceiver = this.#media.addTransceiver(what, init)
    this.need(true)
    return transceiver
  }

  /** In the order of their lines. */
  getTransceivers(): FakeRtpTransceiver[] {
    return [...this.#media.transceivers]
  }

  /** Of every transceiver, with or without a track. */
  getSenders(): FakeRtpSender[] {
    return this.#media.transceivers.map(({ sender }) => sender)
  }

  /** Of every transceiver. */
  getReceivers(): { track: FakeMediaStreamTrack }[] {
    return this.#media.transceivers.map(({ receiver }) => receiver)
  }

  /** The transport, the candidates of both sides, and the pair in use, as in W3C WebRTC Statistics. */
  async getStats(): Promise<Map<string, object>> {
    return statsOf(this.#transport)
  }

  /** What it was made with. */
  getConfiguration(): RTCConfiguration {
    return this.#configuration
  }

  /** The next offer restarts ICE. */
  restartIce(): void {
    this.#restart = true
    this.need(true)
  }

  /** Ends it. As W3C says, no event comes here; the other side hears its channels close. */
  close(): void {
    if (this.signalingState === 'closed') return
    this.signalingState = 'closed'
    this.iceConnectionState = 'closed'
    this.connectionState = 'closed'
    this.#channels.end(true)
    this.#transport.close()
    this.#gatherer.close()
    this.#surroundings.onclose(this)
  }

  #make(): Sdp {
    return this.signalingState === 'have-remote-offer' ? this.#makeAnswer() : this.#makeOffer()
  }

  #makeOffer({ iceRestart = false }: RTCOfferOptions = {}): Sdp {
    this.assertState('createOffer', 'stable', 'have-local-offer')
    return this.#author.offer(this.#channels.used, iceRestart || this.#restart)
  }

  #makeAnswer(): Sdp {
    this.assertState('createAnswer', 'have-remote-offer')
    const { remote, restarted } = this.#descriptions
    return this.#author.answer(remote, restarted)
  }

  #setLocal(description: Sdp): void {
    const { ufrag, sections } = parseSdp(description.sdp)
    const { made } = this.#author
    if (made?.credentials.ufrag !== ufrag) {
      throw new DOMException('not what this connection made last', 'InvalidModificationError')
    }
    this.#transport.setLocal(made.credentials)
    if (description.type === 'offer') {
      this.#offerer ||= !this.#transport.negotiated
      this.#restart = false
      this.need(false)
      this.#media.take(made.lines)
      this.#descriptions.offeredLocal(description)
      return this.signal('have-local-offer')
    }
    this.#descriptions.answeredLocal(description)
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
    this.#transport.setRemote({ ufrag, pwd, fingerprint })
    for (const line of candidates) this.#addCandidate(line)
    const arrivals = this.#media.receive(sections)
    if (answers) {
      this.#descriptions.answeredRemote(description, remote)
      this.#media.settle(sections.map(section => ({ ...section, direction: reverse(section.direction) })))
      this.#stable()
    } else {
      this.#descriptions.offeredRemote(description, remote)
      this.signal('have-remote-offer')
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
    this.assertState('rollback', state)
    this.#descriptions.rollback()
    const { currentLocal } = this.#descriptions
    this.#transport.setLocal(currentLocal ? parseSdp(currentLocal.sdp) : undefined)
    // With the first offer its ICE user name and its candidates are gone (RFC 9429, section 5.7).
    if (!currentLocal) this.#gatherer.reset()
    this.signal('stable')
  }

  #stable(): void {
    this.#transport.negotiated = true
    this.#transport.check()
    this.signal('stable')
    queueMicrotask(() => this.#openChannels())
    this.askForNegotiation()
  }

  #openChannels(): void {
    if (this.#transport.connected && this.#media.data) this.#channels.connect(this.#offerer)
  }
}
