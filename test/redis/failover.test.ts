// Mostly waits: the runner starts it beside the others.
import { Cluster, Redis as Ioredis } from 'ioredis'
import type { RedisBackplane } from 'socket-signal-redis'
import type { Test } from 'tape'
import { startCluster, startSentinel } from '../tools/redis.ts'
import { eventsOf, failing, found, frameOf, idOf, makeNodes, member, Seen } from '../tools/redis-nodes.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const options = { needs: ['redis-server' as const], timeout: 90_000 }
const TIMES = { heartbeat: 400, timeout: 500 }

test(
  'redis failover: a replica takes over by Sentinel, all is known again, and there are no ghosts',
  options,
  async t => {
    const { master, sentinels, name } = await startSentinel(t)
    const connect = () => new Ioredis({ sentinels, name })
    const { nodes, close } = await makeNodes(2, connect, TIMES)
    t.teardown(close)
    const left = await survives(t, nodes as [RedisBackplane, RedisBackplane], () => master.kill())
    t.equal(left, '1 2 3 4 5')
  }
)

test(
  'redis failover: one master of a cluster is lost, its replica takes over, and there are no ghosts',
  options,
  async t => {
    const servers = await startCluster(t, true)
    const roots = servers.map(({ port }) => ({ host: '127.0.0.1', port }))
    const connect = () => new Cluster(roots, { clusterRetryStrategy: () => 200 })
    const { nodes, close } = await makeNodes(2, connect, TIMES)
    t.teardown(close)
    const replicated = async () =>
      (await servers[0]?.ask('INFO replication'))?.includes('state=online') ?? false
    await until(replicated, 'the replica is up to date', 20)
    const left = await survives(t, nodes as [RedisBackplane, RedisBackplane], async () => servers[0]?.kill())
    t.equal(left, '1 2 3 4 5')
  }
)

test('redis failover: in a cluster, what was said while nobody listened is made up for', options, async t => {
  const servers = await startCluster(t)
  const roots = servers.map(({ port }) => ({ host: '127.0.0.1', port }))
  const { nodes, close } = await makeNodes(1, () => new Cluster(roots), TIMES)
  t.teardown(close)
  const [node] = nodes as [RedisBackplane]
  await member(node, 1)
  const events = eventsOf(node)
  for (const server of servers) await server.ask('CLIENT KILL TYPE pubsub')
  await until(() => events.length === 2, 'it is noticed, and over', 15)
  t.deepEqual(events, ['degraded', 'recovered'])
})

/** Members of both nodes are there before and after, and one that left meanwhile is not. Gives who is there in the end. */
async function survives(
  t: Test,
  nodes: [RedisBackplane, RedisBackplane],
  hurt: () => Promise<unknown>
): Promise<string> {
  const [a, b] = nodes
  for (const number of [1, 3]) await member(a, number)
  for (const number of [2, 4, 5]) await member(b, number)
  const leaver = await b.attach(
    idOf(6),
    { proven: true, conflict: 'replace' },
    { deliver: () => true, lost() {} }
  )
  await leaver.join(idOf(0x70), new Uint8Array(0))
  const seen = await Promise.all(nodes.map(node => Seen.at(node)))
  await until(() => seen.every(({ numbers }) => numbers === '1 2 3 4 5 6'), 'all are seen')
  await hurt()
  await until(() => nodes.some(({ status }) => status === 'degraded'), 'it is noticed', 10)
  await leaver.detach()
  await until(() => nodes.every(({ status }) => status === 'ready'), 'it is over', 40)
  for (const each of seen)
    await until(() => each.numbers === '1 2 3 4 5', 'those who watch see who is there', 20)
  for (const node of nodes)
    await until(async () => (await found(node)) === '1 2 3 4 5', 'and so do look-ups', 20)
  const passes = (node: RedisBackplane, to: number) =>
    until(
      async () => (await failing(async () => t.ok(await node.send(idOf(to), frameOf(1))))).code === undefined,
      'frames pass',
      20
    )
  await passes(a, 2)
  await passes(b, 1)
  return found(a)
}
