import { ManualClock } from 'socket-signal-testing'
import { Batch } from '../../packages/core/src/batch.ts'
import { Bucket } from '../../packages/core/src/bucket.ts'
import { test } from '../tools/test.ts'

test('bucket: as many at once as its burst, then as many a second as its rate', async t => {
  const clock = new ManualClock()
  const bucket = new Bucket(clock, 10, 3)
  const taken = (tries: number) => Array.from({ length: tries }, () => bucket.take()).filter(Boolean).length
  t.equal(taken(5), 3, 'the burst')
  t.equal(bucket.wait(), 100, 'the next in a tenth of a second')
  await clock.advance(99)
  t.equal(taken(1), 0)
  t.ok(bucket.wait() >= 1 && bucket.wait() <= 2, 'rounded up, so that nobody comes back too early')
  await clock.advance(1)
  t.equal(taken(2), 1)
  await clock.advance(60_000)
  t.equal(taken(10), 3, 'never more than the burst, however long it rested')
})

test('bucket: a thousand seconds at its rate let everything through, above it only its share', async t => {
  const clock = new ManualClock()
  const steady = new Bucket(clock, 10, 1)
  const greedy = new Bucket(clock, 10, 1)
  let [steadily, greedily] = [0, 0]
  for (let i = 0; i < 10_000; i++) {
    if (i % 2 === 0 && steady.take()) steadily++
    if (greedy.take()) greedily++
    await clock.advance(50)
  }
  t.equal(steadily, 5000)
  t.ok(Math.abs(greedily - 5000) <= 1, `${greedily} of 10,000 in 500 seconds at 10 a second`)
})

test('bucket: taken by force it goes into debt, and says for how long', async t => {
  const clock = new ManualClock()
  const bucket = new Bucket(clock, 10, 2)
  t.deepEqual([bucket.force(), bucket.force()], [0, 0], 'the burst')
  t.deepEqual([bucket.force(), bucket.force(), bucket.force()], [100, 200, 300])
  t.notOk(bucket.take(), 'while in debt nothing is given')
  await clock.advance(300)
  t.notOk(bucket.take(), 'the debt is paid, and nothing left')
  await clock.advance(100)
  t.ok(bucket.take())
})

test('bucket: a clock that stands still gives nothing new', t => {
  const bucket = new Bucket(new ManualClock(), 1000, 1)
  t.ok(bucket.take())
  for (let i = 0; i < 100; i++) if (bucket.take()) t.fail('out of nothing')
  t.end()
})

test('batch: what happens alone waits for no timer', async t => {
  const { clock, batch, flushes } = start(50)
  batch.schedule()
  t.deepEqual(flushes, [0], 'at once')
  await clock.advance(51)
  batch.schedule()
  t.deepEqual(flushes, [0, 51], 'at once again, when the interval is over')
  await clock.advance(1000)
  t.equal(flushes.length, 2, 'nothing more comes of itself')
  t.equal(clock.pending, 0)
})

test('batch: what comes within an interval is flushed once, at its end', async t => {
  const { clock, batch, flushes } = start(50)
  for (let i = 0; i < 5; i++) {
    batch.schedule()
    await clock.advance(10)
  }
  t.deepEqual(flushes, [0, 50])
  for (let i = 0; i < 95; i++) {
    batch.schedule()
    await clock.advance(10)
  }
  t.equal(flushes.length, 21, 'each 50 ms, for a second')
  for (const [i, at] of flushes.entries()) if (at !== i * 50) t.fail(`flush ${i} at ${at} ms`)
})

test('batch: what is scheduled by its own flush comes in the next one', async t => {
  const clock = new ManualClock()
  const flushes: number[] = []
  const batch: Batch = new Batch(clock, 50, () => {
    flushes.push(clock.now())
    if (flushes.length < 3) batch.schedule()
  })
  batch.schedule()
  t.deepEqual(flushes, [0], 'not without end')
  await clock.advance(200)
  t.deepEqual(flushes, [0, 50, 100])
})

test('batch: an ended one forgets what is due and holds no timer', async t => {
  const { clock, batch, flushes } = start(50)
  batch.schedule()
  batch.schedule()
  batch.end()
  t.equal(clock.pending, 0)
  await clock.advance(1000)
  t.deepEqual(flushes, [0])
})

function start(interval: number) {
  const clock = new ManualClock()
  const flushes: number[] = []
  return { clock, flushes, batch: new Batch(clock, interval, () => flushes.push(clock.now())) }
}
