import { ManualClock } from 'socket-signal-testing'
import { MS } from '../../packages/swarm/src/bounds.ts'
import { Comers } from '../../packages/swarm/src/comers.ts'
import { test } from '../tools/test.ts'

test('comers: each holds its place until it has come or taken too long', async t => {
  const clock = new ManualClock()
  const comers = new Comers(clock)
  t.equal(comers.next, Number.POSITIVE_INFINITY)
  comers.add('a', true)
  await clock.advance(1000)
  comers.add('b', false)
  t.equal(comers.next, clock.now() + MS.coming - 1000, 'the first is the next')
  await clock.advance(MS.coming - 1001)
  comers.expire()
  t.equal(comers.size, 2)
  await clock.advance(1)
  comers.expire()
  t.deepEqual(comers.all, [{ id: 'b', needy: false }])
  t.ok(comers.delete('b'))
  t.notOk(comers.has('b'))
})
