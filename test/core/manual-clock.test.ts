import { ManualClock } from 'socket-signal-testing'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

test('manual clock: fires what becomes due, in order of time and then of setting', async t => {
  const clock = new ManualClock()
  const fired: string[] = []
  const set = (name: string, ms: number) => clock.setTimeout(() => fired.push(`${name} ${clock.now()}`), ms)
  set('b', 20)
  set('a', 10)
  set('b2', 20)
  set('now', 0)
  set('past', -5)
  t.equal(clock.pending, 5)
  await clock.advance(0)
  t.same(fired.splice(0), ['now 0', 'past 0'])
  await clock.advance(19)
  t.same(fired.splice(0), ['a 10'])
  await clock.advance(1)
  t.same(fired.splice(0), ['b 20', 'b2 20'])
  t.same([clock.now(), clock.pending], [20, 0])
})

test('manual clock: a stopped one fires nothing', async t => {
  const clock = new ManualClock(1000)
  let fired = 0
  clock.setTimeout(() => fired++, 0)
  await new Promise(resolve => setTimeout(resolve, 5))
  t.same([fired, clock.now(), clock.pending], [0, 1000, 1])
})

test('manual clock: promises have their turn between two timers', async t => {
  const clock = new ManualClock()
  const order: string[] = []
  clock.setTimeout(async () => {
    for (let i = 0; i < 100; i++) await undefined
    order.push('promises of the first')
    clock.setTimeout(() => order.push('set by the first'), 5)
  }, 10)
  clock.setTimeout(() => order.push('second'), 12)
  await clock.advance(15)
  t.same(order, ['promises of the first', 'second', 'set by the first'])
})

test('manual clock: cleared timers never fire, infinite ones neither', async t => {
  const clock = new ManualClock()
  let fired = 0
  const timers = Array.from({ length: 1000 }, (_, i) => clock.setTimeout(() => fired++, i))
  for (const timer of timers) clock.clearTimeout(timer)
  clock.clearTimeout(timers[0])
  clock.clearTimeout(undefined)
  t.equal(clock.pending, 0)
  const never = clock.setTimeout(() => fired++, Number.POSITIVE_INFINITY)
  await clock.advance(Number.MAX_SAFE_INTEGER)
  t.same([fired, clock.pending], [0, 1])
  clock.clearTimeout(never)
  t.equal(clock.pending, 0)
})

test('manual clock: a timer may clear another that is due with it', async t => {
  const clock = new ManualClock()
  let fired = 0
  clock.setTimeout(() => clock.clearTimeout(second), 5)
  const second = clock.setTimeout(() => fired++, 5)
  await clock.advance(5)
  t.same([fired, clock.pending], [0, 0])
})

test('manual clock: advance says what a timer threw, and refuses what is no time', async t => {
  const clock = new ManualClock()
  clock.setTimeout(() => {
    throw new Error('from a timer')
  }, 1)
  t.equal((await rejection(clock.advance(1))).message, 'from a timer')
  t.equal(clock.pending, 0)
  for (const ms of [-1, Number.NaN, Number.POSITIVE_INFINITY]) {
    t.ok((await rejection(clock.advance(ms))) instanceof TypeError)
  }
})
