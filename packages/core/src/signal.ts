import { isObject } from './codec.ts'
import { SignalError } from './errors.ts'
import type { RtcSignal } from './rtc.ts'

const MAX_SDP = 256 * 1024
const MAX_CANDIDATE = 4096

/** What came from a remote, as a signal. Throws INVALID_ARGUMENT: what simple-peer is given can throw or destroy it. */
export function toRtcSignal(value: unknown): RtcSignal {
  if (isObject(value)) {
    const { type, sdp, candidate, transceiverRequest, iceRestart } = value
    if ((type === 'offer' || type === 'answer') && isText(sdp, MAX_SDP)) return { type, sdp }
    if (isObject(candidate)) return { type: 'candidate', candidate: toCandidate(candidate) }
    if (type === 'renegotiate') return { type, renegotiate: true, ...(iceRestart === true && { iceRestart }) }
    if (type === 'transceiverRequest' && isObject(transceiverRequest)) {
      const { kind, init } = transceiverRequest
      if (kind === 'audio' || kind === 'video') {
        return { type, transceiverRequest: isObject(init) ? { kind, init } : { kind } }
      }
    }
  }
  throw new SignalError('INVALID_ARGUMENT', 'not a signal of WebRTC')
}

function toCandidate({ candidate, sdpMid, sdpMLineIndex }: { [key: string]: unknown }): RTCIceCandidateInit {
  const init: RTCIceCandidateInit = {}
  if (!isText(candidate, MAX_CANDIDATE)) throw new SignalError('INVALID_ARGUMENT', 'not a candidate')
  init.candidate = candidate
  if (isText(sdpMid, 64)) init.sdpMid = sdpMid
  if (typeof sdpMLineIndex === 'number' && Number.isInteger(sdpMLineIndex)) init.sdpMLineIndex = sdpMLineIndex
  if (init.sdpMid === undefined && init.sdpMLineIndex === undefined) init.sdpMLineIndex = 0
  return init
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max
}
