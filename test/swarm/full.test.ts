import { full } from 'socket-signal-swarm'
import { churned } from '../tools/mesh-world.ts'
import { test } from '../tools/test.ts'

test('swarm: full ends complete: 200 peers under churn, 40 seeds', { timeout: 170_000 }, async t => {
  for (let seed = 1; seed <= 40; seed++) {
    const world = await churned(seed, full, 200, 10)
    if (world.degrees().some(count => count !== 199)) t.fail(`seed ${seed}: not complete`)
  }
  t.pass('over 40 seeds')
})
