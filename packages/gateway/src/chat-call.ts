import { SignalError } from 'socket-signal/errors'
import { isAccountId, type SignalingMessage } from './chat-packet.ts'
import { ChatPeer } from './chat-peer.ts'
import { type ChatClientOptions, ChatSignalingClient, type ServerMessage } from './chat-signaling.ts'

/** How a `ChatCall` connects, beyond what its socket needs. */
export interface ChatCallOptions extends ChatClientOptions {
  /** STUN and TURN servers. Default: those that the server hands out, else none. */
  iceServers?: RTCIceServer[]
  /** Codecs that are offered first, for instance `{ video: ['VP9', 'VP8'] }`. Default: the browser's order. */
  codecs?: { audio?: readonly string[]; video?: readonly string[] }
  /** What is sent of each kind at most. Default: the browser decides. Unit: bits a second. */
  maxBitrate?: { audio?: number; video?: number }
  /** Connections at once; offers beyond are left unanswered. Default: 16. */
  maxPeers?: number
  /** Default: the platform's. */
  RTCPeerConnection?: typeof RTCPeerConnection
  /** Default: the platform's, which browsers give to pages over https or of localhost alone. */
  mediaDevices?: Pick<MediaDevices, 'getUserMedia'>
}

type Kind = 'audio' | 'video'
/** Signals that wait while the socket is away. */
const MAX_UNSENT = 256

/**
 * A call in a chat room, with media: one RTCPeerConnection for each other user, signals to that user alone.
 *
 *     const call = new ChatCall(chatId, serverUrl)
 *     call.onRemoteStream = stream => { video.srcObject = stream }
 *     await call.connect()
 *     await call.startLocalStream()
 *     await call.createOffer() // The caller alone.
 */
export class ChatCall extends ChatSignalingClient {
  /** Camera and microphone, between `startLocalStream` and `disconnect`. */
  localStream: MediaStream | null = null
  /** The media that came last. Where there may be several users, take `onRemoteStream`. */
  remoteStream: MediaStream | null = null
  readonly #options: ChatCallOptions
  readonly #calls = new Map<string, ChatPeer>()
  readonly #streams = new Map<string, MediaStream>()
  readonly #participants = new Set<string>()
  #onRemoteStream: ((stream: MediaStream, userId: string) => void) | undefined
  #iceServers: RTCIceServer[] = []
  /** Whether whoever comes is called. */
  #calling = false
  #unsent: object[] = []
  /** A browser may refuse ICE servers that the server handed out. */
  readonly #report = (error: unknown): void => this.logger.error('Error in a signal:', error)

  constructor(
    chatId: string,
    serverUrl?: string,
    userId?: string,
    userName?: string,
    options: ChatCallOptions = {}
  ) {
    super(chatId, serverUrl, userId, userName, options)
    this.#options = options
    this.onMessage(message => this.handleSignalingMessage(message))
    this.onServerMessage(message => this.#onNotice(message))
  }

  /** Called with the media of each other user; also with those that are there already when it is set. */
  get onRemoteStream(): ((stream: MediaStream, userId: string) => void) | undefined {
    return this.#onRemoteStream
  }

  /** None: nobody is called. */
  set onRemoteStream(handler: ((stream: MediaStream, userId: string) => void) | undefined) {
    this.#onRemoteStream = handler
    for (const [id, stream] of this.#streams) handler?.(stream, id)
  }

  /** The connections, by user. */
  get connections(): ReadonlyMap<string, RTCPeerConnection> {
    return new Map([...this.#calls].map(([id, { connection }]) => [id, connection]))
  }

  /** Offers a call to one user, or to everybody who is here and to whoever comes. Resolves when the offers have gone. */
  async createOffer(to?: string): Promise<void> {
    if (to === undefined) this.#calling = true
    const callees = to === undefined ? [...this.#participants] : [to]
    await Promise.all(callees.map(id => this.#call(id)))
  }

  /**
   * Answers an offer; of two that cross, one gives way (perfect negotiation, W3C WebRTC, 10.7). What is malformed is
   * logged.
   */
  async handleOffer(offer: unknown, senderId: string): Promise<void> {
    const peer = this.#peer(senderId)
    await peer?.take('offer', offer)
    if (peer) await this.#bound(peer.connection)
  }

  /** Takes the answer to an offer of ours; any other is ignored. */
  async handleAnswer(answer: unknown, senderId: string): Promise<void> {
    const peer = this.#calls.get(senderId)
    await peer?.take('answer', answer)
    if (peer) await this.#bound(peer.connection)
  }

  /** Takes a candidate, which may come before its offer. */
  async handleIceCandidate(candidate: unknown, senderId: string): Promise<void> {
    // Before the offer that it belongs to, perhaps.
    await this.#peer(senderId)?.takeCandidate(candidate as RTCIceCandidateInit)
  }

  /**
   * Takes an offer, an answer or a candidate as it came; anything else is logged. Called with each signal, so that a
   * subclass may look first.
   */
  handleSignalingMessage({ type, data, senderAccountId: id }: SignalingMessage): void {
    if (type === 'offer') this.handleOffer(data.offer, id).catch(this.#report)
    else if (type === 'answer') this.handleAnswer(data.answer, id).catch(this.#report)
    else if (type === 'ice-candidate') this.handleIceCandidate(data.candidate, id).catch(this.#report)
    else this.logger.warn('Unknown message type:', type)
  }

  /**
   * Takes camera and microphone, and sends them to everybody. Rejects with what `getUserMedia` says; `mediaProblem`
   * tells what that means.
   */
  async startLocalStream(
    constraints: MediaStreamConstraints = { audio: true, video: true }
  ): Promise<MediaStream> {
    const { mediaDevices = globalThis.navigator?.mediaDevices } = this.#options
    if (!mediaDevices)
      throw new SignalError('UNSUPPORTED', 'no media devices: a page needs https, or localhost')
    const stream = await mediaDevices.getUserMedia(constraints)
    stopTracks(this.localStream)
    this.localStream = stream
    for (const { connection } of this.#calls.values()) this.#addTracks(connection)
    return stream
  }

  /** Ends the call with everybody, and stays in the room. */
  hangUp(): void {
    this.#calling = false
    for (const peer of [...this.#calls.values()]) peer.close()
  }

  /** Ends everything: the calls, camera and microphone, the socket. */
  override disconnect(): void {
    this.hangUp()
    stopTracks(this.localStream)
    this.localStream = this.remoteStream = null
    this.#participants.clear()
    this.#unsent = []
    super.disconnect()
  }

  #onNotice({ event = 'connected', userId, participants, iceServers }: ServerMessage): void {
    if (Array.isArray(iceServers)) this.#iceServers = iceServers
    if (event === 'connected') {
      const here = Array.isArray(participants) ? participants.map(idOf) : []
      this.#participants.clear()
      for (const id of here) this.#meet(id)
      // Who went while we were away.
      for (const [id, peer] of this.#calls) if (!this.#participants.has(id)) peer.left(true)
      for (const message of this.#unsent.splice(0)) this.sendMessage(message)
    }
    if (event === 'joined') this.#meet(userId)
    if (event !== 'left' || typeof userId !== 'string') return
    this.#participants.delete(userId)
    this.#calls.get(userId)?.left(true)
  }

  #meet(id: unknown): void {
    if (!isAccountId(id) || id === this.userId) return
    this.#participants.add(id)
    this.#calls.get(id)?.left(false)
    if (this.#calling && !this.#calls.has(id)) this.#call(id).catch(this.#report)
  }

  async #call(id: string): Promise<void> {
    await this.#peer(id)?.negotiate()
  }

  #peer(id: string): ChatPeer | undefined {
    const known = this.#calls.get(id)
    if (known) return known
    const {
      iceServers = this.#iceServers,
      maxPeers = 16,
      RTCPeerConnection: Rtc = RTCPeerConnection
    } = this.#options
    if (this.#calls.size >= maxPeers) {
      this.logger.warn('Too many connections: left alone', id)
      return undefined
    }
    const connection = new Rtc({ iceServers })
    const peer = new ChatPeer({
      connection,
      polite: (this.userId ?? '') > id,
      logger: this.logger,
      send: message => this.#send({ ...message, to: id }),
      prepare: () => this.#prefer(connection),
      onstream: stream => {
        this.remoteStream = stream
        if (this.#streams.get(id) === stream) return // Its second track.
        this.#streams.set(id, stream)
        this.#onRemoteStream?.(stream, id)
      },
      onend: () => {
        this.#streams.delete(id)
        if (this.#calls.get(id) === peer) this.#calls.delete(id)
      }
    })
    this.#calls.set(id, peer)
    if (this.localStream) this.#addTracks(connection)
    else if (this.#calling)
      for (const kind of KINDS) connection.addTransceiver(kind, { direction: 'recvonly' })
    return peer
  }

  /** Where the socket is away, once it is back. */
  #send(message: object): void {
    if (this.isConnected) this.sendMessage(message)
    else if (this.#unsent.length < MAX_UNSENT) this.#unsent.push(message)
  }

  #addTracks(connection: RTCPeerConnection): void {
    const { localStream } = this
    for (const track of localStream?.getTracks() ?? []) {
      const sender = connection.getSenders().find(sender => sender.track?.kind === track.kind)
      if (sender)
        void sender.replaceTrack(track).catch(error => this.logger.error('Error in a track:', error))
      else connection.addTrack(track, localStream as MediaStream)
    }
  }

  #prefer(connection: RTCPeerConnection): void {
    const { codecs = {} } = this.#options
    for (const transceiver of connection.getTransceivers()) {
      const kind = transceiver.receiver.track.kind as Kind
      const wanted = codecs[kind]?.map(name => name.toLowerCase())
      const known = wanted && RTCRtpReceiver.getCapabilities(kind)?.codecs
      if (!known) continue
      const rank = ({ mimeType }: { mimeType: string }) => {
        const at = wanted.indexOf(mimeType.split('/')[1]?.toLowerCase() ?? '')
        return at < 0 ? wanted.length : at
      }
      transceiver.setCodecPreferences([...known].sort((a, b) => rank(a) - rank(b)))
    }
  }

  /** Once negotiated: before, there are no encodings to bound. */
  async #bound(connection: RTCPeerConnection): Promise<void> {
    const { maxBitrate = {} } = this.#options
    for (const sender of connection.getSenders()) {
      const most = sender.track ? maxBitrate[sender.track.kind as Kind] : undefined
      if (most === undefined) continue
      const parameters = sender.getParameters()
      for (const encoding of parameters.encodings) encoding.maxBitrate = most
      await sender
        .setParameters(parameters)
        .catch(error => this.logger.warn('No bound on the bitrate:', error))
    }
  }
}

const KINDS: readonly Kind[] = ['audio', 'video']

/** What an error of `getUserMedia` means: `denied` by user or page, `missing` devices, `other`. */
export function mediaProblem(error: unknown): 'denied' | 'missing' | 'other' {
  const { name } = Object(error)
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied'
  return name === 'NotFoundError' || name === 'OverconstrainedError' ? 'missing' : 'other'
}

function stopTracks(stream: MediaStream | null): void {
  for (const track of stream?.getTracks() ?? []) track.stop()
}

/** Servers other than ours may give ids, or accounts by other names. */
function idOf(person: unknown): unknown {
  const { id, userId, accountId } = Object(person)
  return typeof person === 'string' ? person : (id ?? userId ?? accountId)
}
