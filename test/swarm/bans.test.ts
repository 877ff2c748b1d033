import { ManualClock } from 'socket-signal-testing'
import { Bans } from '../../packages/swarm/src/bans.ts'
import { MAX } from '../../packages/swarm/src/bounds.ts'
import { test } from '../tools/test.ts'

test('bans: until they are over, as many as there may be', async t => {
  const clock = new ManualClock()
  const bans = new Bans(clock)
  bans.add('a', 1000)
  await clock.advance(999)
  t.ok(bans.has('a'))
  await clock.advance(1)
  t.notOk(bans.has('a'))
  for (let number = 0; number <= MAX.bans; number++) bans.add(`${number}`, 1000)
  t.notOk(bans.has('0'), 'the first of too many is forgotten')
  t.ok(bans.has('1'))
  bans.delete('1')
  t.notOk(bans.has('1'))
})
