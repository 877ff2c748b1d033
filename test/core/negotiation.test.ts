import { withCandidates } from '../../packages/core/src/negotiation.ts'
import type { RtcSignal } from '../../packages/core/src/rtc.ts'
import { test } from '../tools/test.ts'

const LINE = 'candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host generation 0 ufrag abcd network-cost 999'
const WRITTEN = 'a=candidate:1 1 udp 2113937151 192.0.2.1 54400 typ host generation 0 network-cost 999\r\n'

function of(init: RTCIceCandidateInit): RtcSignal {
  return { type: 'candidate', candidate: { candidate: LINE, ...init } }
}

test('negotiation: candidates go into the description where their media is', async t => {
  const sdp = ['v=0\r\ns=-\r\n', 'm=audio 9 X 0\r\na=mid:0\r\n', 'm=video 9 X 96\r\na=mid:1\r\n']
  const signals = [of({ sdpMLineIndex: 1, sdpMid: '1' }), of({ sdpMLineIndex: 0, sdpMid: '0' })]
  const description = withCandidates({ type: 'offer', sdp: sdp.join('') }, signals)
  t.same(description, { type: 'offer', sdp: [sdp[0], sdp[1], WRITTEN, sdp[2], WRITTEN].join('') })
  t.same(signals, [], 'and are not told once more')
})

test('negotiation: what has no place in the description is told by itself', async t => {
  const sdp = 'v=0\r\nm=application 9 X Y\r\n'
  const others: RtcSignal[] = [
    of({ sdpMid: '0' }),
    of({ sdpMLineIndex: null, sdpMid: '0' }),
    of({ sdpMLineIndex: 1 }),
    of({ sdpMLineIndex: -1 }),
    of({ sdpMLineIndex: 0, candidate: '' }),
    { type: 'renegotiate', renegotiate: true }
  ]
  const signals = [...others]
  t.equal(withCandidates({ type: 'answer', sdp }, signals).sdp, sdp)
  t.same(signals, others)
  const open = [of({ sdpMLineIndex: 0 })]
  t.equal(
    withCandidates({ type: 'answer', sdp: sdp.trimEnd() }, open).sdp,
    sdp.trimEnd(),
    'a line has no end'
  )
  t.equal(open.length, 1)
})
