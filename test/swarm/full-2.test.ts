import { complete } from '../tools/mesh-world.ts'
import { test } from '../tools/test.ts'

test('swarm: full ends complete: 200 peers under churn, seeds 101 to 200 of 200', { timeout: 240_000 }, t =>
  complete(t, 101)
)
