import { FakeTarget, type Handler, invalidState } from './target.ts'
import type { FakeTransport } from './transport.ts'

const EVENTS = [
  ...['signalingstatechange', 'icegatheringstatechange', 'iceconnectionstatechange', 'connectionstatechange'],
  ...['icecandidate', 'icecandidateerror', 'negotiationneeded', 'datachannel', 'track']
]

/** The states of a connection, its operations in their order, and when it asks for negotiation. */
export abstract class Signaling extends FakeTarget {
  /** By descriptions alone (W3C WebRTC, 4.3.1). */
  signalingState: RTCSignalingState = 'stable'
  /** `failed` only where there is a clock. */
  iceConnectionState: RTCIceConnectionState = 'new'
  /** What ICE and DTLS come to (W3C WebRTC, 4.3.3). */
  connectionState: RTCPeerConnectionState = 'new'
  /** `signalingState` has changed. */
  onsignalingstatechange: Handler = null
  /** `iceGatheringState` has changed. */
  onicegatheringstatechange: Handler = null
  /** `iceConnectionState` has changed. */
  oniceconnectionstatechange: Handler = null
  /** `connectionState` has changed. */
  onconnectionstatechange: Handler = null
  /** `candidate`: one of ours; null behind the last. */
  onicecandidate: Handler = null
  /** Never called: no STUN or TURN server is asked. */
  onicecandidateerror: Handler = null
  /** There is something that the remote must be told, and the state is `stable`. */
  onnegotiationneeded: Handler = null
  /** `channel`: the remote made one. */
  ondatachannel: Handler = null
  /** `track`, `streams`, `transceiver`, `receiver`: the remote sends media. */
  ontrack: Handler = null

  #chain: Promise<unknown> = Promise.resolve()
  #isNeeded = false

  constructor() {
    super(EVENTS)
  }

  /** One operation after the other (W3C WebRTC, 4.4.1.2). @internal */
  protected enqueue<T>(operation: () => T | Promise<T>): Promise<T> {
    const result = this.#chain.then(() => {
      this.assertOpen()
      return operation()
    })
    this.#chain = result.catch(() => {})
    return result
  }

  /** Throws InvalidStateError. @internal */
  protected assertOpen(): void {
    if (this.signalingState === 'closed')
      throw invalidState("The RTCPeerConnection's signalingState is 'closed'.")
  }

  /** Throws InvalidStateError, with the words of browsers. @internal */
  protected assertState(method: string, ...allowed: RTCSignalingState[]): void {
    if (allowed.includes(this.signalingState)) return
    throw invalidState(`Failed to execute '${method}': Called in wrong state: ${this.signalingState}`)
  }

  /** Another `signalingState`, with its event. @internal */
  protected signal(state: RTCSignalingState): void {
    if (this.signalingState === state) return
    this.signalingState = state
    this.emit('signalingstatechange')
  }

  /** Whether there is something that the remote must be told. @internal */
  protected need(isNeeded: boolean): void {
    this.#isNeeded = isNeeded
    if (isNeeded) queueMicrotask(() => this.askForNegotiation())
  }

  /** `negotiationneeded`, once, in the state `stable`. @internal */
  protected askForNegotiation(): void {
    if (!this.#isNeeded || this.signalingState !== 'stable') return
    this.#isNeeded = false
    this.emit('negotiationneeded')
  }

  /** What ICE and DTLS have come to, with its events. @internal */
  protected follow({ ice, dtls }: Pick<FakeTransport, 'ice' | 'dtls'>): void {
    if (this.signalingState === 'closed') return
    if (this.iceConnectionState !== ice) {
      this.iceConnectionState = ice
      this.emit('iceconnectionstatechange')
    }
    const state = connectionState(ice, dtls)
    // A listener may have closed it.
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
