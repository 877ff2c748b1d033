import { chaosOfNodes } from '../chaos/nodes.ts'
import { test } from '../tools/test.ts'

test('redis chaos: three servers behind a balancer are killed and restarted, and all clients see exactly who is there', {
  needs: ['redis-server'],
  timeout: 280_000
}, async t => {
  const seed = Number(process.env.CHAOS_SEED ?? 7)
  t.comment(`CHAOS_SEED=${seed}`)
  const { pairs, failures, faults, wrong } = await chaosOfNodes({
    ...{ nodes: 3, clients: 100, seconds: 10, seed, life: t },
    print: line => t.comment(line)
  })
  t.ok(pairs > 80, 'all that are in one topic have tried to connect, two and two')
  t.same(failures, [], 'and did')
  t.ok(Object.values(faults).reduce((all, count) => all + count, 0) > 3, 'much has happened')
  t.same(wrong, [], 'everybody sees exactly who is there')
})
