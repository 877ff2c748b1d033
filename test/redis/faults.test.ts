import { randomBytes } from 'node:crypto'
import { Redis as Ioredis } from 'ioredis'
import { createClient } from 'redis'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import type { RedisBackplane, RedisClient } from 'socket-signal-redis'
import type { Test } from 'tape'
import { encodeBody } from '../../packages/core/src/codec.ts'
import { encodeFrame } from '../../packages/core/src/frame.ts'
import { encodeEntry } from '../../packages/redis/src/entry.ts'
import { encodeMessage, encodeNote, NO_EPOCH } from '../../packages/redis/src/note.ts'
import { type Redis, startRedis } from '../tools/redis.ts'
import {
  cable,
  eventsOf,
  failing,
  found,
  frameOf,
  idOf,
  makeNodes,
  member,
  Seen,
  TOPIC
} from '../tools/redis-nodes.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const needs = ['redis-server' as const]
const options = { needs, timeout: 60_000 }
const HEARTBEAT = 400
const TIMES = { heartbeat: HEARTBEAT, timeout: 500 }

const CLIENTS: { [name: string]: (port: number) => RedisClient | Promise<RedisClient> } = {
  ioredis: port => new Ioredis(port, '127.0.0.1'),
  'node-redis': port => {
    const client = createClient({ url: `redis://127.0.0.1:${port}` }).on('error', () => {})
    void client.connect().catch(() => {})
    return client
  }
}

/** Nodes on one Redis, with a member of each: 1, 2 and so on. */
async function start(t: Test, ports: number[], name = 'ioredis') {
  let at = 0
  const made = await makeNodes(
    ports.length,
    () => CLIENTS[name]?.(ports[at++ % ports.length] as number) as RedisClient,
    TIMES
  )
  t.teardown(() => made.close())
  return { nodes: made.nodes as [RedisBackplane, RedisBackplane], events: made.nodes.map(eventsOf) }
}

function allAre(nodes: readonly RedisBackplane[], status: string): Promise<void> {
  return until(() => nodes.every(node => node.status === status), `all are ${status}`, 15)
}

/** What works without Redis, and what does not. */
async function isApart(
  t: Test,
  [a]: readonly RedisBackplane[],
  own: { frames: Uint8Array[] }
): Promise<void> {
  const node = a as RedisBackplane
  own.frames.length = 0
  t.equal(node.send(idOf(1), frameOf(7)), true, 'a frame to the same node is taken at once')
  t.equal(own.frames.length, 1)
  t.equal(node.publish(TOPIC, frameOf(8), idOf(9)), 1, 'as is a message to a topic')
  const { code, took } = await failing(() => node.send(idOf(2), frameOf(1)))
  t.equal(code, 'BACKPLANE_UNAVAILABLE', 'one to another node fails')
  t.ok(took < 1000, 'at once')
  await member(node, 5)
  t.ok((await found(node)).includes('5'), 'others come and are found here')
}

for (const name of Object.keys(CLIENTS)) {
  for (const [what, hurt, heal] of [
    ['is killed and starts again', (redis: Redis) => redis.kill(), (redis: Redis) => redis.start()],
    [
      'is stopped and goes on',
      async (redis: Redis) => redis.signal('SIGSTOP'),
      async (redis: Redis) => redis.signal('SIGCONT')
    ]
  ] as const) {
    test(
      `redis faults, ${name}: while Redis ${what}, topics of a node go on, and afterwards all are told of`,
      options,
      async t => {
        const redis = await startRedis(t)
        const { nodes, events } = await start(t, [redis.port, redis.port], name)
        const [a, b] = nodes
        const own = await member(a, 1)
        const other = await member(b, 2)
        const gone = await b.attach(
          idOf(3),
          { proven: true, conflict: 'replace' },
          { deliver: () => true, lost() {} }
        )
        await gone.join(TOPIC, new Uint8Array(0))
        const seen = await Promise.all(nodes.map(node => Seen.at(node)))
        await until(() => seen.every(({ numbers }) => numbers === '1 2 3'), 'all are seen')
        await hurt(redis)
        await allAre(nodes, 'degraded')
        await isApart(t, nodes, own)
        await gone.detach()
        await heal(redis)
        await allAre(nodes, 'ready')
        for (const heard of events) t.deepEqual(heard, ['degraded', 'recovered'])
        for (const node of nodes)
          await until(async () => (await found(node)) === '1 2 5', 'who came and went is known', 10)
        for (const each of seen)
          await until(() => each.numbers === '1 2 5', 'and told to those who watch', 10)
        for (const { changes } of seen)
          t.notOk(
            changes.some(change => /left [12]/.test(change)),
            'nobody left who stayed'
          )
        other.frames.length = 0
        await until(
          async () => (await failing(() => a.send(idOf(2), frameOf(9)))).code === undefined,
          'frames pass'
        )
        t.ok(other.frames.length > 0)
      }
    )
  }
}

test('redis faults: Redis is down at the start, and comes later', options, async t => {
  const redis = await startRedis(t)
  await redis.kill()
  const { nodes } = await start(t, [redis.port, redis.port])
  t.deepEqual(
    nodes.map(({ status }) => status),
    ['degraded', 'degraded']
  )
  const own = await member(nodes[0], 1)
  await isApart(t, nodes, own)
  await redis.start()
  await allAre(nodes, 'ready')
  for (const node of nodes)
    await until(async () => (await found(node)) === '1 5', 'those of before are known')
})

test('redis faults: what Redis has forgotten is said again', options, async t => {
  const redis = await startRedis(t)
  const { nodes, events } = await start(t, [redis.port, redis.port])
  await member(nodes[0], 1)
  await member(nodes[1], 2)
  const seen = await Seen.at(nodes[0])
  await redis.ask('FLUSHALL')
  await until(() => events.every(([last]) => last !== undefined), 'both find out', 10)
  await allAre(nodes, 'ready')
  for (const node of nodes) await until(async () => (await found(node)) === '1 2', 'all are known again')
  t.equal(seen.numbers, '1 2')
  t.notOk(seen.changes.includes('left 2'), 'nobody was said to have left')
})

test('redis faults: two nodes are parted, serve their own, and agree again', options, async t => {
  const redis = await startRedis(t)
  const link = await cable(t, redis.port)
  const { nodes } = await start(t, [redis.port, link.port])
  const [a, b] = nodes
  const claims = [await member(a, 1), await member(b, 2)]
  const seen = await Promise.all(nodes.map(node => Seen.at(node)))
  link.cut()
  await until(() => b.status === 'degraded', 'the one that is cut off knows', 10)
  t.equal(a.status, 'ready')
  await until(() => seen[0]?.numbers === '1', 'to the other one its members have left', 10)
  // The same id on both sides, the later one where nobody hears of it.
  claims.push(await member(a, 4), await member(b, 4))
  await member(b, 5)
  t.deepEqual(
    claims.map(({ losses }) => losses),
    [0, 0, 0, 0]
  )
  link.mend()
  await allAre(nodes, 'ready')
  for (const each of seen) await until(() => each.numbers === '1 2 4 5', 'both see the same', 10)
  for (const node of nodes) await until(async () => (await found(node)) === '1 2 4 5', 'and find it', 10)
  await until(() => claims[2]?.losses === 1, 'the older claim was told')
  t.equal(claims[3]?.losses, 0, 'the newer one stays')
})

test('redis faults: garbage on our channels and keys is ignored and counted', options, async t => {
  const redis = await startRedis(t)
  const { nodes } = await start(t, [redis.port, redis.port])
  const [a, b] = nodes
  const box = await member(a, 1)
  await member(b, 2)
  const evil = new Ioredis(redis.port, '127.0.0.1')
  t.teardown(() => evil.disconnect())
  const channels = (await evil.pubsub('CHANNELS', 'test-*')) as string[]
  t.equal(channels.length, 2)
  const from = channels[0]?.slice(-12) as string
  const head = () => Buffer.concat([Buffer.of(1), Buffer.from(from), randomBytes(8)])
  const garbage = [Buffer.alloc(0), Buffer.from('__proto__'), Buffer.alloc(100, 0xff), head().subarray(0, 5)]
  for (let kind = 0; kind < 16; kind++) {
    for (const size of [0, 1, 3, 31, 64, 200]) {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(size)
      for (const fill of [0, 0x30, 0xff])
        garbage.push(Buffer.concat([head(), Buffer.of(kind), length, Buffer.alloc(size, fill)]))
      garbage.push(
        Buffer.concat([head(), Buffer.of(kind), Buffer.of(0xff, 0xff, 0xff, 0xff), Buffer.alloc(size)])
      )
    }
  }
  for (const channel of channels) for (const message of garbage) await evil.publish(channel, message)
  await until(() => a.malformed > 100 && b.malformed > 100, 'it is counted')
  const keys = await evil.keys('test-*')
  const members = keys.filter(key => key.endsWith(':m'))
  t.equal(members.length, 1)
  await evil.zadd(
    members[0] as string,
    0,
    'x',
    0,
    Buffer.alloc(40, 1),
    0,
    Buffer.concat([idOf(9), Buffer.alloc(29, 0x41)])
  )
  await evil.zadd(keys.find(key => key.endsWith('{nodes}')) as string, 9e15, '__proto__', 9e15, '')
  t.equal(await found(a), '1 2', 'who is there is found')
  const prefix = (keys[0] as string).split('{')[0]
  const mailbox = `${prefix}{m:${Buffer.from(idOf(7)).toString('base64url')}}`
  await evil.set(mailbox, 'garbage that is thirty bytes..')
  t.equal(await a.send(idOf(7), frameOf(1)), false, 'a mailbox that is none is nobody')
  await evil.del(mailbox)
  await evil.lpush(mailbox, 'of another type')
  t.equal((await failing(() => a.send(idOf(7), frameOf(1)))).code, 'BACKPLANE_UNAVAILABLE')
  t.deepEqual([a.status, b.status], ['ready', 'ready'], 'nobody gives up for that')
  box.frames.length = 0
  t.equal(await b.send(idOf(1), frameOf(3)), true)
  t.deepEqual(
    box.frames.map(([, number]) => number),
    [3],
    'and frames pass'
  )
})

test('redis faults: a member that says more of itself than fits into a frame is none', options, async t => {
  const redis = await startRedis(t)
  const { nodes } = await start(t, [redis.port])
  const [node] = nodes
  const server = new SocketSignalMemoryServer({ backplane: node as RedisBackplane })
  t.teardown(() => server.close())
  const watcher = new SocketSignalMemoryClient(server)
  t.teardown(() => watcher.close())
  const seen: number[] = []
  watcher.on('peer-joined', ({ id }) => seen.push(id[0] as number))
  await watcher.join(TOPIC, { watch: true })
  const evil = new Ioredis(redis.port, '127.0.0.1').on('error', () => {})
  t.teardown(() => evil.disconnect())
  const [channel = ''] = (await evil.pubsub('CHANNELS', 'test-*')) as string[]
  const [members = ''] = (await evil.keys('test-*')).filter(key => key.endsWith(':m'))
  const say = async (number: number, size: number) => {
    const other = 'another-node'
    const told = {
      id: idOf(number),
      info: Buffer.alloc(size, 'x'),
      away: false,
      node: other,
      epoch: '1'.repeat(16)
    }
    const entry = encodeEntry(told)
    const note = encodeNote({ kind: 'entered', topic: Buffer.from(TOPIC), before: NO_EPOCH, entry })
    await evil.publish(channel, encodeMessage(other, [note]))
    await evil.zadd(members, 0, entry)
  }
  const before = node.malformed
  await say(5, 1025)
  await say(6, 8000)
  await say(7, 1024)
  await until(() => seen.includes(7), 'one that fits is told')
  t.deepEqual(seen, [7])
  t.ok(node.malformed >= before + 2, 'the others are counted')
  t.ok(watcher.connected)
  t.ok(await watcher.lookup(TOPIC, { details: true }), 'and the topic can be looked into')
})

test('redis faults: what nobody passes on ends no client, nor what comes with it', options, async t => {
  const redis = await startRedis(t)
  const { nodes } = await start(t, [redis.port])
  const [node] = nodes
  const server = new SocketSignalMemoryServer({ backplane: node })
  t.teardown(() => server.close())
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  const heard: unknown[] = []
  client.on('moderated', ({ data }) => heard.push(data))
  client.on('disconnected', (_again, why) => heard.push(why))
  await client.join(TOPIC)
  const evil = new Ioredis(redis.port, '127.0.0.1').on('error', () => {})
  t.teardown(() => evil.disconnect())
  const [channel = ''] = (await evil.pubsub('CHANNELS', 'test-*')) as string[]
  const [topic, to, except] = [Buffer.from(TOPIC), Buffer.from(client.id), Buffer.from(idOf(9))]
  const say = async (bytes: Uint8Array) => {
    const frame = Buffer.from(bytes)
    const notes = [
      encodeNote({ kind: 'frame', seq: 1, to, frame }),
      encodeNote({ kind: 'spoken', topic, except, frame })
    ]
    for (const note of notes) await evil.publish(channel, encodeMessage('another-node', [note]))
  }
  const moderate = (data: object) =>
    encodeFrame({ kind: 'moderate', requestId: 0, topic, id: idOf(9), ...encodeBody(data) })
  const nonce = randomBytes(32)
  const none = [
    ...[Buffer.alloc(0), randomBytes(5), Buffer.alloc(200, 0xff), frameOf(1).subarray(0, 169)],
    ...[moderate({}).subarray(0, 60), encodeFrame({ kind: 'challenge', requestId: 0, versions: [1], nonce })],
    encodeFrame({ kind: 'goodbye', requestId: 0, code: 4505, retryAfterMs: 0, reason: '' })
  ]
  const before = node.malformed
  for (const frame of none) await say(frame)
  await say(moderate({ good: true }))
  await until(() => heard.length === 2, 'what is one arrives, either way')
  t.deepEqual(heard, [{ good: true }, { good: true }])
  t.equal(node.malformed - before, 2 * none.length)
  t.ok(client.connected)
})
