import { Redis as Ioredis } from 'ioredis'
import { RedisBackplane } from 'socket-signal-redis'
import type { Test } from 'tape'
import { type Redis, startRedis } from '../tools/redis.ts'
import {
  Box,
  cable,
  eventsOf,
  failing,
  found,
  frameOf,
  idOf,
  makeNodes,
  member,
  TOPIC
} from '../tools/redis-nodes.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const options = { needs: ['redis-server' as const], timeout: 60_000 }
const TIMES = { heartbeat: 400, timeout: 500 }

/** Two nodes, the second by a cable. */
async function parted(t: Test) {
  const redis = await startRedis(t)
  const link = await cable(t, redis.port)
  const ports = [redis.port, link.port]
  const connect = () => new Ioredis(ports.shift() as number, '127.0.0.1')
  const { nodes, close } = await makeNodes(2, connect, TIMES)
  t.teardown(close)
  const [near, far] = nodes as [RedisBackplane, RedisBackplane]
  return { link, near, far }
}

function isReady(node: RedisBackplane): Promise<void> {
  return until(() => node.status === 'ready', 'it is back', 15)
}

test(
  'redis rejoin: who was away from Redis hears what was told meanwhile, and nothing twice',
  options,
  async t => {
    const { link, near, far } = await parted(t)
    const heard: string[] = []
    far.listen(note => heard.push(Buffer.from(note).toString()))
    near.listen(note => heard.push(`itself: ${Buffer.from(note)}`))
    await near.tell(Buffer.from('before'))
    await until(() => heard.length === 1, 'it is told')
    link.cut()
    await until(() => far.status === 'degraded', 'it is away', 10)
    await near.tell(Buffer.from('meanwhile'))
    link.mend()
    await isReady(far)
    await near.tell(Buffer.from('behind'))
    await until(() => heard.includes('behind'), 'and what comes now')
    t.deepEqual(heard, ['before', 'meanwhile', 'behind'])
  }
)

test(
  'redis rejoin: of two sessions of an id the one that came later stays, though the earlier found Redis later',
  options,
  async t => {
    const { link, near, far } = await parted(t)
    link.cut()
    await until(() => far.status === 'degraded', 'it is away', 10)
    const early = await member(far, 4)
    await new Promise(resolve => setTimeout(resolve, 100))
    const late = await member(near, 4)
    link.mend()
    await isReady(far)
    await until(() => early.losses === 1, 'the earlier one is told')
    t.equal(late.losses, 0, 'the later one stays')
    late.frames.length = 0
    t.equal(await far.send(idOf(4), frameOf(7)), true)
    t.deepEqual(late.frames, [frameOf(7)])
  }
)

test('redis rejoin: a node that has just come is not taken for a dead one', options, async t => {
  const { port } = await startRedis(t)
  const [old, young] = (await Promise.all(
    [1, 2].map(async () => {
      const client = new Ioredis(port, '127.0.0.1')
      await client.ping()
      const node = new RedisBackplane({ client, heartbeat: 10_000 })
      t.teardown(async () => {
        await node.close()
        client.disconnect()
      })
      return node
    })
  )) as [RedisBackplane, RedisBackplane]
  await member(old, 1)
  // It has looked who is there, when nobody was.
  await new Promise(resolve => setTimeout(resolve, 100))
  await old.tell(Buffer.from('nobody'))
  await new Promise(resolve => setTimeout(resolve, 100))
  await member(young, 2)
  t.equal(await found(old), '1 2')
  const heard = new Promise(resolve => young.listen(resolve))
  await old.tell(Buffer.from('somebody'))
  t.equal(String(await heard), 'somebody')
  t.equal(await old.send(idOf(2), frameOf(1)), true)
})

test(
  'redis rejoin: a subscription that failed many times is heard once when it is granted',
  options,
  async t => {
    const redis = await startRedis(t)
    await redis.ask('ACL SETUSER deaf on >x ~* resetchannels +@all')
    const client = new Ioredis(redis.port, '127.0.0.1')
    const subscriber = new Ioredis(redis.port, '127.0.0.1', { username: 'deaf', password: 'x' })
    const node = new RedisBackplane({ client, subscriber, ...TIMES })
    t.teardown(async () => {
      await node.close()
      for (const each of [client, subscriber]) each.disconnect()
    })
    await node.open()
    t.equal(node.status, 'degraded')
    await new Promise(resolve => setTimeout(resolve, 1000))
    await redis.ask('ACL SETUSER deaf allchannels')
    await isReady(node)
    t.equal(subscriber.listenerCount('messageBuffer'), 1)
  }
)

test(
  'redis rejoin: an ioredis client with a keyPrefix is refused, since it would hear nothing',
  options,
  async t => {
    const { port } = await startRedis(t)
    const client = new Ioredis(port, '127.0.0.1', { keyPrefix: 'app:' })
    t.teardown(() => client.disconnect())
    t.throws(() => new RedisBackplane({ client }), /keyPrefix/)
  }
)

test('redis rejoin: what a client sends again, since its answer was lost, arrives once', options, async t => {
  const { link, near, far } = await parted(t)
  const box = await member(near, 2)
  const bytes = () => box.frames.map(([, number]) => number)
  t.equal(await far.send(idOf(2), frameOf(1)), true)
  link.mute()
  const failed = failing(() => far.send(idOf(2), frameOf(2)))
  const spoken = failing(() => far.publish(TOPIC, frameOf(3), idOf(9)))
  t.equal((await failed).code, 'BACKPLANE_UNAVAILABLE', 'the sender does not know')
  await until(() => bytes().length === 3, 'but both have arrived')
  await spoken // Its deadline would degrade a node that is back already.
  link.mend()
  await isReady(far)
  t.equal(await far.send(idOf(2), frameOf(4)), true)
  t.deepEqual(bytes().sort(), [1, 2, 3, 4])
})

/** A node whose client tells how many commands are under way, and may take its time for each. */
async function watched(t: Test, redis: Redis, times: object) {
  const load = { now: 0, most: 0, all: 0, delay: 0 }
  const connect = () => {
    const client = new Ioredis(redis.port, '127.0.0.1') as Ioredis & Evals
    const run = client.evalshaBuffer.bind(client)
    client.evalshaBuffer = async (...args) => {
      load.all++
      load.most = Math.max(load.most, ++load.now)
      if (load.delay > 0) await new Promise(resolve => setTimeout(resolve, load.delay))
      return run(...args).finally(() => load.now--)
    }
    return client
  }
  const { nodes, close } = await makeNodes(1, connect, times)
  t.teardown(close)
  return { node: nodes[0] as RedisBackplane, load }
}

interface Evals {
  evalshaBuffer(...args: unknown[]): Promise<unknown>
}

test(
  'redis rejoin: a node with more to say than fits in a lease says it once, and is back',
  options,
  async t => {
    const redis = await startRedis(t)
    const { node, load } = await watched(t, redis, { heartbeat: 600, timeout: 5000 })
    const events = eventsOf(node)
    node.on('degraded', error => t.comment(String(error)))
    await Promise.all(Array.from({ length: 200 }, (_, at) => member(node, at)))
    load.delay = 500
    await redis.ask('FLUSHALL')
    await until(() => events.includes('recovered'), 'all is said', 30)
    load.delay = 0
    await new Promise(resolve => setTimeout(resolve, 2000))
    t.deepEqual(events, ['degraded', 'recovered'])
    t.equal((await found(node)).split(' ').length, 200)
  }
)

test('redis rejoin: many that go in one moment do not make Redis look slow', options, async t => {
  const redis = await startRedis(t)
  const { node, load } = await watched(t, redis, { heartbeat: 1000, timeout: 2000 })
  const events = eventsOf(node)
  const attachments = await Promise.all(
    Array.from({ length: 2000 }, async (_, at) => {
      const id = Buffer.from(idOf(3))
      id.writeUInt32BE(at)
      const attachment = await node.attach(id, { proven: true, conflict: 'replace' }, new Box())
      await attachment.join(TOPIC, new Uint8Array(0))
      return attachment
    })
  )
  load.most = 0
  for (const attachment of attachments) void attachment.away()
  await until(() => load.now === 0, 'all is said', 30)
  await Promise.all(attachments.map(attachment => attachment.detach()))
  t.ok(load.most <= 300, `${load.most} at once`)
  t.deepEqual(events, [])
  t.equal(await found(node), '')
})

test('redis rejoin: many topics that are watched are read a few at a time', options, async t => {
  const redis = await startRedis(t)
  const { node, load } = await watched(t, redis, { heartbeat: 400, timeout: 5000 })
  const topics = Array.from({ length: 1000 }, (_, at) =>
    Uint8Array.from(TOPIC, (byte, i) => (i < 2 ? at >> (8 * i) : byte))
  )
  for (const topic of topics) node.watch(topic, () => {})
  const recovered = new Promise<void>(resolve => node.once('recovered', () => resolve()))
  await redis.ask('FLUSHALL')
  await recovered
  await until(() => load.now === 0, 'it is quiet')
  Object.assign(load, { most: 0, all: 0 })
  await until(() => load.all > 3000, 'all are said and read again', 20)
  t.ok(load.most < 200, `${load.most} at once`)
})
