// Mostly waits: the runner starts it beside the others.
import { Redis as Ioredis } from 'ioredis'
import { generateKeyPair } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { RedisBackplane, RedisUsedTokens } from 'socket-signal-redis'
import { createGate, createTokens } from 'socket-signal-token'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { startRedis } from '../tools/redis.ts'
import { Box, failing, found, frameOf, idOf, makeNodes, member, Seen } from '../tools/redis-nodes.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

const options = { needs: ['redis-server' as const], timeout: 60_000 }
const HEARTBEAT = 1000
const PREFIX = 'nodes:'

/** A node with a member 1, that sees 2 and 3 at a node in a process of its own. */
async function beside(t: Test) {
  const { port } = await startRedis(t)
  const client = new Ioredis(port, '127.0.0.1')
  const node = new RedisBackplane({ client, prefix: PREFIX, heartbeat: HEARTBEAT })
  t.teardown(async () => {
    await node.close()
    client.disconnect()
  })
  const box = await member(node, 1)
  const seen = await Seen.at(node)
  const args = [String(port), PREFIX, String(HEARTBEAT), '2', '3']
  const child = new Child(t, 'test/tools/redis-node.ts', args)
  await child.says(/ready/)
  await until(() => seen.numbers === '1 2 3', 'its members are seen')
  return { client, node, box, seen, child }
}

test(
  'redis nodes: of a node that is killed nobody is left within three heartbeats, and who waits for it is told',
  options,
  async t => {
    const { client, node, box, seen, child } = await beside(t)
    t.equal(await node.send(idOf(2), frameOf(1), { id: idOf(1), requestId: 77 }), true, 'an offer is taken')
    child.kill('SIGKILL')
    await child.ended
    const killed = performance.now()
    t.equal((await failing(() => node.send(idOf(3), frameOf(1)))).code, 'BACKPLANE_UNAVAILABLE')
    await until(() => seen.numbers === '1', 'its members have left', 10)
    t.ok(performance.now() - killed < 3 * HEARTBEAT, 'within three heartbeats')
    t.deepEqual(box.unansweredIds, [77], 'and who waits for an answer is told')
    const { code, took } = await failing(async () => t.equal(await node.send(idOf(3), frameOf(1)), false))
    t.ok(code === undefined && took < 1000, 'an offer to one of them is refused at once')
    t.equal(await found(node), '1')
    t.deepEqual(
      await client.zcard((await client.keys(`${PREFIX}*:m`))[0] as string),
      1,
      'nor is it in Redis any more'
    )
  }
)

test(
  'redis nodes: a node that was silent for longer than its lease, and was forgotten, says all its members again',
  options,
  async t => {
    const { node, seen, child } = await beside(t)
    child.kill('SIGSTOP')
    await until(() => seen.numbers === '1', 'its members have left', 10)
    t.equal(await found(node), '1', 'a look-up finds and forgets them')
    child.kill('SIGCONT')
    await until(async () => (await found(node)) === '1 2 3', 'they are found again', 10)
    await until(() => seen.numbers === '1 2 3', 'and seen')
  }
)

test(
  'redis nodes: what others forgot a moment after it was said anew is said once more',
  options,
  async t => {
    const redis = await startRedis(t)
    const connect = () => new Ioredis(redis.port, '127.0.0.1')
    const { nodes, clients, close } = await makeNodes(1, connect)
    t.teardown(close)
    const [node] = nodes as [RedisBackplane]
    const [client] = clients as [Ioredis]
    await member(node, 1)
    const forgotten = new Promise(resolve =>
      node.once('recovered', async () => {
        const [topic = ''] = await client.keys('*:m')
        resolve(await client.del(topic))
      })
    )
    await redis.ask('FLUSHALL')
    t.equal(await forgotten, 1)
    t.equal(await found(node), '')
    await until(async () => (await found(node)) === '1', 'it is found', 10)
  }
)

/** Two servers on one Redis. */
async function twoServers(t: Test, options = {}) {
  const { port } = await startRedis(t)
  const connect = () => new Ioredis(port, '127.0.0.1')
  const { nodes, close, clients } = await makeNodes(2, connect)
  const servers = nodes.map(
    (backplane, at) =>
      new SocketSignalMemoryServer({ backplane, ...options, ...gates(clients[at] as Ioredis) })
  )
  t.teardown(async () => {
    for (const server of servers) await server.close()
    await close()
  })
  for (const server of servers) await server.open()
  return servers as [SocketSignalMemoryServer, SocketSignalMemoryServer]

  function gates(client: Ioredis) {
    const { gate } = options as { gate?: (client: Ioredis) => object }
    return gate ? gate(client) : {}
  }
}

function dial(t: Test, server: SocketSignalMemoryServer, options = {}): SocketSignalMemoryClient {
  const client = new SocketSignalMemoryClient(server, { iceServers: [], ...options })
  t.teardown(() => client.close())
  return client
}

test('redis nodes: who is kicked at one node is kicked at all, within a second', options, async t => {
  const [one, two] = await twoServers(t)
  const client = dial(t, two)
  await client.open()
  const told: string[] = []
  two.on('kicked', (_who, reason) => told.push(reason))
  const started = performance.now()
  one.disconnect({ id: client.id }, 'spam')
  await until(() => client.status === 'closed' || two.connections.size === 0, 'it is gone')
  t.ok(performance.now() - started < 1000)
  t.deepEqual(told, ['spam'])
})

test('redis nodes: the same key at two nodes leaves one, and nobody flaps', options, async t => {
  const [one, two] = await twoServers(t)
  const keyPair = await generateKeyPair()
  const first = dial(t, one, { keyPair })
  await first.open()
  const closes: string[] = []
  first.on('disconnected', (_again, { error }) => closes.push(error.code))
  const second = dial(t, two, { keyPair })
  await second.open()
  await until(() => closes.length > 0, 'the first is told')
  await new Promise(resolve => setTimeout(resolve, 2000))
  t.deepEqual(closes, ['REPLACED'], 'once')
  t.deepEqual([one.connections.size, two.connections.size], [0, 1])
})

test('redis nodes: a ticket lets in once, at whichever node', options, async t => {
  const tokens = createTokens({ secret: 'x'.repeat(32), issuer: 'test', audience: 'test' })
  const gate = (client: Ioredis) => ({
    authorize: createGate(tokens, { used: new RedisUsedTokens({ client, prefix: PREFIX }) }).authorize
  })
  const [one, two] = await twoServers(t, { gate })
  const token = await tokens.mint({ once: true, topics: [], can: ['join'] }, { expiresIn: 60_000 })
  const clients = [one, two, one, two].map(server => dial(t, server, { token }))
  const opened = await Promise.all(
    clients.map(client =>
      client.open().then(
        () => 'in',
        error => (error as { code: string }).code
      )
    )
  )
  t.deepEqual(opened.sort(), ['TOKEN_REPLAYED', 'TOKEN_REPLAYED', 'TOKEN_REPLAYED', 'in'])
})

test('redis nodes: a ticket is not taken while Redis can not say whether it was used', options, async t => {
  const redis = await startRedis(t)
  const client = new Ioredis(redis.port, '127.0.0.1')
  client.on('error', () => {})
  t.teardown(() => client.disconnect())
  const used = new RedisUsedTokens({ client, timeout: 300 })
  t.equal(await used.use('a', Date.now() + 5000), true)
  t.equal(await used.use('a', Date.now() + 5000), false)
  await redis.kill()
  const error = await rejection(used.use('b', Date.now() + 5000))
  t.equal(error.code, 'BACKPLANE_UNAVAILABLE')
})

test('redis nodes: wrong options are told at once', options, async t => {
  const { port } = await startRedis(t)
  const client = new Ioredis(port, '127.0.0.1')
  t.teardown(() => client.disconnect())
  const wrong = [
    {},
    { client: {} },
    { client, prefix: '{a}' },
    { client, heartbeat: 1 },
    { client, timeout: -1 }
  ]
  for (const each of wrong) t.throws(() => new RedisBackplane(each as never), TypeError)
  t.ok(new Box())
})
