import { MAX } from './bounds.ts'
import { isObject } from './codec.ts'
import { SignalError } from './errors.ts'
import type { RtcSignal } from './rtc.ts'

/** What came from a remote, as a signal. Throws INVALID_ARGUMENT: what simple-peer is given can throw or destroy it. */
export function toRtcSignal(value: unknown): RtcSignal {
  if (isObject(value)) {
    const { type, sdp, candidate, transceiverRequest, iceRestart } = value
    if ((type === 'offer' || type === 'answer') && isText(sdp, MAX.sdp)) return { type, sdp }
    if (isObject(candidate) && isText(candidate.candidate, MAX.candidate))
      return { type: 'candidate', candidate: toCandidate(candidate) }
    if (type === 'renegotiate') return { type, renegotiate: true, ...(iceRestart === true && { iceRestart }) }
    if (type === 'transceiverRequest' && isObject(transceiverRequest)) {
      const { kind, init } = transceiverRequest
      if (kind === 'audio' || kind === 'video') {
        return { type, transceiverRequest: isObject(init) ? { kind, init } : { kind } }
      }
    }
  }
  throw new SignalError('INVALID_ARGUMENT', 'not a signal')
}

function toCandidate({ candidate, sdpMid, sdpMLineIndex }: RTCIceCandidateInit): RTCIceCandidateInit {
  const init: RTCIceCandidateInit = { candidate }
  if (isText(sdpMid, MAX.mid)) init.sdpMid = sdpMid
  if (Number.isInteger(sdpMLineIndex)) init.sdpMLineIndex = sdpMLineIndex
  else if (!('sdpMid' in init)) init.sdpMLineIndex = 0
  return init
}

function isText(value: unknown, max: number): value is string {
  return typeof value === 'string' && value.length <= max
}
