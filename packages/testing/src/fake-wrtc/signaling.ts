import { FakeTarget, type Handler, invalidState } from './target.ts'

const EVENTS = [
  ...['signalingstatechange', 'icegatheringstatechange', 'iceconnectionstatechange', 'connectionstatechange'],
  ...['icecandidate', 'icecandidateerror', 'negotiationneeded', 'datachannel', 'track']
]

/** The states of a connection, and its operations in their order. */
export abstract class Signaling extends FakeTarget {
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

  #chain: Promise<unknown> = Promise.resolve()

  constructor() {
    super(EVENTS)
  }

  /** One operation after the other (W3C WebRTC, 4.4.1.2). */
  protected enqueue<T>(operation: () => T | Promise<T>): Promise<T> {
    const result = this.#chain.then(() => {
      this.assertOpen()
      return operation()
    })
    this.#chain = result.catch(() => {})
    return result
  }

  protected assertOpen(): void {
    if (this.signalingState === 'closed')
      throw invalidState("The RTCPeerConnection's signalingState is 'closed'.")
  }

  protected assertState(method: string, ...allowed: RTCSignalingState[]): void {
    if (allowed.includes(this.signalingState)) return
    throw invalidState(`Failed to execute '${method}': Called in wrong state: ${this.signalingState}`)
  }

  protected signal(state: RTCSignalingState): void {
    if (this.signalingState === state) return
    this.signalingState = state
    this.emit('signalingstatechange')
  }
}
