import { Redis as Ioredis } from 'ioredis'
import { startRedis } from '../tools/redis.ts'
import { failing, idOf, makeNodes } from '../tools/redis-nodes.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const options = { needs: ['redis-server' as const], timeout: 60_000 }
const BOUNDS = { length: 10, age: 600_000, bytes: 100_000 }
const EVER = { ...BOUNDS, before: Number.MAX_SAFE_INTEGER }
const TOPIC = idOf(9)
const frame = (number: number) => new Uint8Array(170).fill(0x26, 0, 1).fill(number, 1)

test(
  'redis history: its keys have one slot and end by themselves, whatever stands in them harms nobody',
  options,
  async t => {
    const redis = await startRedis(t)
    const { nodes, clients, close } = await makeNodes(
      2,
      () => new Ioredis(redis.port, '127.0.0.1'),
      client => client.disconnect()
    )
    t.teardown(close)
    const [one, two] = nodes as [(typeof nodes)[0], (typeof nodes)[0]]
    const client = clients[0] as Ioredis
    await one.keep(TOPIC, frame(1), BOUNDS)
    const keys = (await client.keys('*')).filter(key => key.includes('{t:'))
    t.equal(keys.length, 2)
    t.equal(new Set(keys.map(key => key.replace(/.*\{(.*)\}.*/, '$1'))).size, 1, 'one slot of a cluster')
    for (const key of keys) {
      const left = await client.pttl(key)
      t.ok(left > 0 && left <= BOUNDS.age, `${key.slice(-2)} ends in ${left} ms`)
    }
    const kept = keys.find(key => key.endsWith(':h')) as string
    const size = keys.find(key => key.endsWith(':s')) as string
    await client.zadd(kept, 1e15, 'nonsense', 1e15, `${'9'.repeat(16)}short`)
    const before = two.malformed
    t.deepEqual(
      (await two.recall(TOPIC, { ...EVER, age: 30 * 86_400_000 })).map(past => past.frame[1]),
      [1]
    )
    await client.del(size)
    for (let i = 2; i < 14; i++) await two.keep(TOPIC, frame(i), BOUNDS)
    t.deepEqual(
      (await one.recall(TOPIC, EVER)).map(past => past.frame[1]),
      [4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
      'what is nonsense goes by the same bounds'
    )
    t.ok(two.malformed >= before)
    await client.del(kept)
    await client.set(kept, 'no set')
    t.equal((await failing(() => one.recall(TOPIC, EVER))).code, 'BACKPLANE_UNAVAILABLE')
    t.equal(one.status, 'ready', 'one key that is broken is one topic')
    await redis.kill()
    await until(() => one.status === 'degraded')
    t.equal((await failing(() => one.recall(TOPIC, EVER))).code, 'BACKPLANE_UNAVAILABLE')
    t.equal((await failing(() => one.keep(TOPIC, frame(1), BOUNDS))).code, 'BACKPLANE_UNAVAILABLE')
  }
)
