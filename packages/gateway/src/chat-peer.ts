import type { Logger } from './chat-signaling.ts'

export interface ChatPeerOptions {
  /** Of two that offer at once, the polite one takes back its own. */
  polite: boolean
  connection: RTCPeerConnection
  send(message: object): void
  onstream(stream: MediaStream): void
  onend(): void
  /** Before each offer and answer: codecs, for instance. */
  prepare(connection: RTCPeerConnection): void
  logger: Logger
}

type Description = { type: 'offer' | 'answer'; sdp: string }

/** Candidates that wait for a description. */
const MAX_CANDIDATES = 64
/** How long somebody who has left by its socket may stay by its media. Unit: ms. */
const GRACE = 10_000

/** One RTCPeerConnection with one remote user: descriptions in order, glare settled, candidates in their time. */
export class ChatPeer {
  readonly connection: RTCPeerConnection
  readonly #options: ChatPeerOptions
  #candidates: RTCIceCandidateInit[] = []
  #turn: Promise<void> = Promise.resolve()
  #ignoring = false
  #restarted = false
  /** Whether it has called, or was connected: of several devices that answer a call one is taken, the others let go. */
  #counts = false
  #leaving: ReturnType<typeof setTimeout> | undefined
  #closed = false

  constructor(options: ChatPeerOptions) {
    this.#options = options
    const connection = options.connection
    this.connection = connection
    connection.onnegotiationneeded = () => void this.negotiate()
    connection.onicecandidate = ({ candidate }) => {
      if (candidate) options.send({ type: 'ice-candidate', candidate: candidate.toJSON() })
    }
    connection.ontrack = ({ track, streams }) => options.onstream(streams[0] ?? new MediaStream([track]))
    connection.onconnectionstatechange = () => this.#onState()
  }

  /** Sends an offer, unless one is under way. */
  negotiate(restart = false): Promise<void> {
    return this.#next(async () => {
      const { connection } = this
      if (connection.signalingState !== 'stable') return
      this.#options.prepare(connection)
      const offer = await connection.createOffer(restart ? { iceRestart: true } : {})
      await connection.setLocalDescription(offer)
      this.#counts = true
      this.#send('offer', offer)
    })
  }

  /** Takes an offer or an answer: SDP as text, or an object. */
  take(type: 'offer' | 'answer', value: unknown): Promise<void> {
    const description = (typeof value === 'string' ? { type, sdp: value } : value) as Description
    return this.#next(async () => {
      const { connection } = this
      const isOpen = connection.signalingState === 'have-local-offer'
      if (type === 'answer' && !isOpen) return // Of another socket of the same user, or too late.
      this.#ignoring = type === 'offer' && isOpen && !this.#options.polite
      if (this.#ignoring) return
      if (type === 'offer' && isOpen) await connection.setLocalDescription({ type: 'rollback' })
      await connection.setRemoteDescription(description)
      for (const candidate of this.#candidates.splice(0)) await this.#add(candidate)
      if (type === 'answer') return
      this.#options.prepare(connection)
      const answer = await connection.createAnswer()
      await connection.setLocalDescription(answer)
      this.#send('answer', answer)
    })
  }

  /** Takes a candidate; one that is early waits. */
  takeCandidate(candidate: RTCIceCandidateInit): Promise<void> {
    return this.#next(async () => {
      if (this.connection.remoteDescription) return this.#add(candidate)
      if (this.#candidates.length < MAX_CANDIDATES) this.#candidates.push(candidate)
    })
  }

  /** Its user has left, or come back, as the server says: media that flow may go on for a while. */
  left(hasLeft: boolean): void {
    clearTimeout(this.#leaving)
    if (!hasLeft) return
    if (this.connection.connectionState !== 'connected') return this.close()
    this.#leaving = setTimeout(() => this.close(), GRACE)
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#leaving)
    this.connection.close()
    this.#options.onend()
  }

  #send(type: 'offer' | 'answer', { sdp }: RTCSessionDescriptionInit): void {
    this.#options.send({ type, [type]: { type, sdp } })
  }

  /** One after the other: a candidate must not overtake the description that it belongs to. */
  #next(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(async () => {
      if (this.#closed) return
      await work().catch(error => this.#closed || this.#options.logger.error('Error in negotiation:', error))
    })
    return this.#turn
  }

  async #add(candidate: RTCIceCandidateInit): Promise<void> {
    try {
      await this.connection.addIceCandidate(candidate)
    } catch (error) {
      // Those of an offer that was ignored belong to nothing.
      if (!this.#ignoring && !this.#closed) this.#options.logger.warn('Error handling ICE candidate:', error)
    }
  }

  #onState(): void {
    const { connectionState } = this.connection
    this.#options.logger.debug('connection', connectionState)
    if (connectionState === 'connected') [this.#restarted, this.#counts] = [false, true]
    if (connectionState === 'disconnected' && this.#leaving !== undefined) return this.close()
    if (connectionState !== 'failed') return
    if (this.#restarted || !this.#counts) return this.close()
    this.#restarted = true
    void this.negotiate(true)
  }
}
