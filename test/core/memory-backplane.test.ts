import { MemoryBackplane } from 'socket-signal'
import { attach, idOf } from '../../packages/testing/src/backplane-box.ts'
import { heap } from '../tools/heap.ts'
import { test } from '../tools/test.ts'

const MANY = 20_000
const PARTNERS = 1000
const TOPICS = 128
const MB = 1024 * 1024

/** As a socket with all that hangs on it. */
function mailbox() {
  const held = new Uint8Array(1024)
  return { deliver: () => held.length > 0, lost: () => {} }
}

test('memory backplane: who sends does not hold on to those that have gone, nor to those that they sent to', async t => {
  const backplane = new MemoryBackplane()
  const first = await attach(backplane, idOf(0))
  const before = await heap()
  let [last, taken] = [first, 0]
  for (let number = 1; number <= MANY; number++) {
    const id = idOf(number)
    const next = await attach(backplane, id, mailbox())
    if (last.send?.({ remoteId: id, frame: id, isFor: () => false })) taken++
    if (last !== first) await last.detach()
    last = next
  }
  await last.detach()
  t.equal(taken, MANY)
  const held = (await heap()) - before
  t.ok(held < MB, `${held} bytes`)
  t.equal(backplane.stats().mailboxes, 1)
})

test('memory backplane: of one that has gone who sent to it last holds little, also if it had resumed with many topics', async t => {
  const backplane = new MemoryBackplane()
  const range = (count: number, from = 0) => Array.from({ length: count }, (_, at) => idOf(from + at))
  const none = { watches: [], frames: [], missed: [], lost: 0, sent: 0, received: 0 }
  const handOver = () => ({ ...none, topics: range(TOPICS).map(topic => ({ topic, watch: false })) })
  const senders = await Promise.all(range(PARTNERS).map(id => attach(backplane, id)))
  const before = await heap()
  let [resumptions, taken] = [0, 0]
  for (const [at, id] of range(PARTNERS, MANY).entries()) {
    await attach(backplane, id, { ...mailbox(), handOver })
    const resumed = await attach(backplane, id, mailbox(), { resumeKey: id })
    if (resumed.resumed?.topics.length === TOPICS) resumptions++
    if (senders[at]?.send?.({ remoteId: id, frame: id, isFor: () => false })) taken++
    await resumed.detach()
  }
  t.deepEqual([resumptions, taken], [PARTNERS, PARTNERS])
  const held = (await heap()) - before
  t.ok(held < 2 * MB, `${held} bytes`)
  t.equal(backplane.stats().mailboxes, senders.length)
})
