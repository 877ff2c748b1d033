import { encodeFrame } from '../../packages/core/src/frame.ts'
import { type Baggage, decodeBaggage, encodeBaggage } from '../../packages/redis/src/kept.ts'
import { idOf } from '../tools/redis-nodes.ts'
import { test } from '../tools/test.ts'

const FRAME = encodeFrame({ kind: 'ping', requestId: 1, received: 0 })
const KEPT = { topics: [], watches: [], frames: [FRAME], missed: [idOf(2)], lost: 1, sent: 2, received: 3 }
const INFOS = [{ topic: idOf(1), info: Buffer.alloc(1024, 'x'), away: true }]
const GOOD: Baggage = { kept: KEPT, infos: INFOS, epoch: '1'.repeat(16) }

test('redis kept: what a session takes to another node arrives as it was', t => {
  const { kept, infos, epoch } = decodeBaggage(encodeBaggage(GOOD)) ?? {}
  t.deepEqual(epoch, GOOD.epoch)
  t.deepEqual(
    kept?.frames.map(frame => Buffer.compare(frame, FRAME)),
    [0]
  )
  t.deepEqual([kept?.lost, kept?.sent, kept?.received], [1, 2, 3])
  t.deepEqual(
    infos?.map(({ info, away }) => [info.length, away]),
    [[1024, true]]
  )
  t.end()
})

test('redis kept: what would end the socket that it is given to, or the node, is none', t => {
  const wrong: [name: string, baggage: unknown][] = [
    ['nothing', null],
    ['a list', []],
    ['no frame', { ...GOOD, kept: { ...KEPT, frames: [FRAME, FRAME.subarray(0, 5)] } }],
    ['an empty frame', { ...GOOD, kept: { ...KEPT, frames: [Buffer.alloc(0)] } }],
    ['frames that are none', { ...GOOD, kept: { ...KEPT, frames: [{ length: 5 }] } }],
    ['more info than fits', { ...GOOD, infos: [{ ...INFOS[0], info: Buffer.alloc(1025) }] }],
    ['a topic that is too short', { ...GOOD, infos: [{ ...INFOS[0], topic: Buffer.alloc(31) }] }],
    ['a count below zero', { ...GOOD, kept: { ...KEPT, lost: -1 } }],
    ['an epoch that is none', { ...GOOD, epoch: '__proto__' }],
    ['too many topics', { ...GOOD, kept: { ...KEPT, missed: Array(4097).fill(idOf(1)) } }]
  ]
  for (const [name, baggage] of wrong)
    t.equal(decodeBaggage(encodeBaggage(baggage as Baggage)), undefined, name)
  for (const text of ['', '{', '[[[', '\xff'])
    t.equal(decodeBaggage(Buffer.from(text, 'latin1')), undefined, text)
  t.end()
})
