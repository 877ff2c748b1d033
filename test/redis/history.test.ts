// Mostly waits: the runner starts it beside the others.
import { Cluster, Redis as Ioredis } from 'ioredis'
import { RedisBackplane } from 'socket-signal-redis'
import { deferred } from '../../packages/core/src/deferred.ts'
import { History } from '../../packages/redis/src/history.ts'
import { FORGET, RECALL, REMEMBER, WEIGH } from '../../packages/redis/src/history-scripts.ts'
import { Names } from '../../packages/redis/src/names.ts'
import type { Script } from '../../packages/redis/src/script.ts'
import { startCluster, startRedis } from '../tools/redis.ts'
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
    const { nodes, clients, close } = await makeNodes(2, () => new Ioredis(redis.port, '127.0.0.1'))
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

const KB = 1024
const MOST = 200 * KB
const GENEROUS = { ...BOUNDS, length: 1000, bytes: 1000 * KB }
const large = (number: number) => new Uint8Array(10 * KB).fill(0x26, 0, 1).fill(number, 1)
const seen = async (node: RedisBackplane, number: number) =>
  (await node.recall(idOf(number), { ...GENEROUS, before: EVER.before })).length

for (const isCluster of [false, true])
  test(`redis history: over all topics${isCluster ? ' of a cluster' : ''} there is a bound, and the longest unspoken are forgotten first`, {
    ...options,
    timeout: 90_000
  }, async t => {
    const masters = isCluster ? await startCluster(t) : [await startRedis(t)]
    const at = masters.map(({ port }) => ({ port, host: '127.0.0.1' }))
    const connect = () => (isCluster ? new Cluster(at) : new Ioredis(at[0] as { port: number; host: string }))
    const { nodes, close } = await makeNodes<Ioredis | Cluster>(2, connect, {
      historyBytes: MOST
    })
    t.teardown(close)
    const [one, two] = nodes as [RedisBackplane, RedisBackplane]
    for (let topic = 1; topic <= 15; topic++) await one.keep(idOf(topic), large(topic), GENEROUS)
    await until(() => one.stats().history > 15 * 10 * KB, 'counted')
    await two.keep(idOf(1), large(16), GENEROUS)
    for (let topic = 17; topic <= 26; topic++) await two.keep(idOf(topic), large(topic), GENEROUS)
    await until(
      () => two.stats().history > 100 * KB && two.stats().history <= MOST,
      'what is too much is gone'
    )
    t.equal(await seen(one, 1), 2, 'where somebody has spoken lately it stays')
    const left = await Promise.all(Array.from({ length: 26 }, (_, topic) => seen(one, topic + 1)))
    t.deepEqual([left[1], left[2], left[14], left[25]], [0, 0, 1, 1], left.join(' '))
    const bytes = left.reduce((sum, count) => sum + count * 10 * KB, 0)
    t.ok(bytes <= MOST && bytes > MOST - 40 * KB, `${bytes} bytes are left`)
    t.deepEqual([one.malformed, two.malformed], [0, 0])
  })

test(
  'redis history: the count ends with what it counts, is taken on after Redis was away, and nonsense in it harms nobody',
  options,
  async t => {
    const redis = await startRedis(t)
    const { nodes, clients, close } = await makeNodes(1, () => new Ioredis(redis.port, '127.0.0.1'), {
      historyBytes: MOST
    })
    t.teardown(close)
    const [node] = nodes as [RedisBackplane]
    const client = clients[0] as Ioredis
    const brief = { ...GENEROUS, age: 1500 }
    await node.keep(idOf(1), large(1), brief)
    await until(() => node.stats().history > 10 * KB)
    await until(async () => (await client.keys('*{history}*')).length === 0, 'none is left behind')
    await node.keep(idOf(2), frame(2), GENEROUS)
    await until(async () => (await client.keys('*{history}*')).length === 2)
    await until(() => node.stats().history > 500 && node.stats().history < KB, 'what was over is not counted')
    const [topics = '', weights = ''] = (await client.keys('*{history}*')).sort()
    await client.zadd(topics, 1, 'nonsense', 2, idOf(0).toString())
    await client.hset(weights, { nonsense: 'much', '': 10_000_000 })
    await node.keep(idOf(3), large(3), GENEROUS)
    await until(() => node.stats().history > MOST, 'somebody has written that it is much')
    await until(async () => (await client.zcard(topics)) === 1, 'all but the last are forgotten')
    await client.del(topics)
    for (let topic = 4; topic < 34; topic++) await node.keep(idOf(topic), large(topic), GENEROUS)
    await until(async () => (await client.keys('*:h')).length <= 20, 'and it goes on')
    await redis.kill()
    await until(() => node.status === 'degraded')
    await redis.start()
    await until(() => node.status === 'ready', 'it is back', 20)
    for (let topic = 1; topic < 40; topic++) await node.keep(idOf(topic), large(topic), GENEROUS)
    await until(() => node.stats().history > 100 * KB && node.stats().history <= MOST, 'as before')
    t.equal(await seen(node, 39), 1)
    t.equal(await seen(node, 1), 0)
    await node.keep(idOf(40), large(40), GENEROUS)
    await node.close()
    t.ok(await client.zscore(topics, Buffer.from(idOf(40))), 'what was kept last is counted at the end')
  }
)

test(
  'redis history: nonsense that somebody writes beside what is kept is no endless work, and degrades nobody',
  options,
  async t => {
    const redis = await startRedis(t)
    const connect = () => new Ioredis(redis.port, '127.0.0.1')
    const { nodes, clients, close } = await makeNodes(1, connect, { historyBytes: MOST })
    t.teardown(close)
    const [node] = nodes as [RedisBackplane]
    const client = clients[0] as Ioredis
    await node.keep(idOf(1), large(1), GENEROUS)
    await until(async () => (await client.keys('*{history}*')).length === 2)
    const [topics = '', weights = ''] = (await client.keys('*{history}*')).sort()
    const [kept = ''] = await client.keys('*:h')
    const [size = ''] = (await client.keys('*')).filter(
      key => key !== kept && key.startsWith(kept.slice(0, -1))
    )
    await client.set(size, 'much')
    await node.keep(idOf(1), large(2), GENEROUS)
    t.equal(await seen(node, 1), 2, 'a size that is none counts as none')
    await client.zadd(topics, '1e18', 'a', 'inf', 'b', 'inf', 'c', `${Date.now() * 1000}.5`, 'd')
    await client.hset(weights, { '': 10_000_000, a: 1, b: 1, c: 1, d: 1 })
    await client.set(size, 'much')
    await node.keep(idOf(2), large(3), GENEROUS)
    await until(() => node.stats().history > MOST, 'it has counted')
    await node.keep(idOf(3), large(4), GENEROUS)
    const asked = async () => Number(/total_commands_processed:(\d+)/.exec(await client.info('stats'))?.[1])
    const before = await asked()
    await new Promise(resolve => setTimeout(resolve, 2500))
    const many = (await asked()) - before
    t.ok(many < 500, `${many} commands in 2.5 s`)
    t.equal(node.status, 'ready')
    await client.hset(weights, '', 0)
    await node.keep(idOf(4), large(4), GENEROUS)
    await until(() => node.stats().history < MOST, 'it goes on')
    t.equal(await seen(node, 4), 1)
  }
)

test(
  'redis history: what two servers keep of a topic at once is counted as it is, and what is said meanwhile stays',
  options,
  async t => {
    const redis = await startRedis(t)
    const client = new Ioredis(redis.port, '127.0.0.1')
    t.teardown(() => client.disconnect())
    const names = new Names('x:')
    const run = ({ text }: Script, keys: string[], args: (string | Uint8Array)[]) =>
      client.eval(text, keys.length, ...keys, ...args.map(arg => Buffer.from(arg))) as Promise<number[]>
    const remember = () => run(REMEMBER, names.history('a'), [large(1), '1000', '600000', '1000000'])
    const weigh = (most: number, ...topics: unknown[]) =>
      run(WEIGH, names.weights, ['600000', String(most), ...topics.map(String)])
    const [early = [], late = []] = [await remember(), await remember()]
    t.deepEqual(await weigh(MOST, 'a', ...late), [late[0]])
    t.deepEqual(
      await weigh(MOST, 'a', ...early),
      [late[0]],
      'what was said earlier and counted later changes nothing'
    )
    const [, newer = 0] = await weigh(MOST, 'b', 100, Number(late[1]) + 1)
    t.equal(newer, 0, 'nothing is beyond')
    t.deepEqual(
      await weigh(1, 'a', ...late),
      [Number(late[0]) + 100, 'a', late[1]],
      'the one that was silent for longer'
    )
    const [weight, at] = await remember()
    t.deepEqual(await run(FORGET, names.history('a'), [String(late[1])]), [weight, at], 'somebody has spoken')
    t.equal(
      (await run(RECALL, names.history('a').slice(0, 1), ['10', '600000', '1000000', '9e15'])).length,
      3
    )
    t.deepEqual(await run(FORGET, names.history('a'), [String(at)]), [0, at])
    t.deepEqual(await weigh(MOST, 'a', 0, at), [100])
  }
)

test('redis history: what is kept while it is counted is counted next', async t => {
  const counts = [deferred<unknown>(), deferred<unknown>(), deferred<unknown>()]
  const weighed: string[] = []
  const run = async (script: Script, _keys: unknown, [, , ...topics]: (string | Buffer)[]) => {
    if (script === REMEMBER) return [1000, 1_795_363_200_000_000]
    weighed.push(topics.map(topic => topic[0]).join())
    return counts[weighed.length - 1]?.promise
  }
  const history = new History({
    ...{ pulse: { run } as never, names: new Names('x:'), most: MOST },
    onmalformed: () => {}
  })
  await history.keep(idOf(1), frame(1), BOUNDS)
  await until(() => weighed.length === 1)
  await history.keep(idOf(2), frame(2), BOUNDS)
  const counting = history.count()
  counts[0]?.reject(new Error('Redis is away'))
  await counting
  await until(() => weighed.length === 2, 'without another message')
  counts[1]?.resolve([2000])
  await until(() => history.total === 2000)
  t.deepEqual(weighed, ['1,1,1', '2,1,1,1,1,1'])
  counts[2]?.resolve([0])
  await history.close()
})

test('redis history: a bound that is none is told at once', t => {
  const client = { evalshaBuffer: () => {} } as never
  for (const historyBytes of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])
    t.throws(() => new RedisBackplane({ client, historyBytes }), /historyBytes/)
  t.end()
})
