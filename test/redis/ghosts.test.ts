// Mostly waits: the runner starts it beside the others.
import { Redis as Ioredis } from 'ioredis'
import { RedisBackplane } from 'socket-signal-redis'
import type { Test } from 'tape'
import { startRedis } from '../tools/redis.ts'
import { Box, failing, found, idOf, makeNodes, member } from '../tools/redis-nodes.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const options = { needs: ['redis-server' as const], timeout: 60_000 }
const DEAD = 'a-dead-node-'
const EPOCH = '1700000000000000'

/** A node with a member 1, and somebody else at the same Redis, who knows its keys. */
async function haunted(t: Test) {
  const { port } = await startRedis(t)
  const connect = () => new Ioredis(port, '127.0.0.1')
  const { nodes, close } = await makeNodes(1, connect, { heartbeat: 400 })
  const evil = connect()
  t.teardown(async () => {
    evil.disconnect()
    await close()
  })
  const [node] = nodes as [RedisBackplane]
  const box = await member(node, 1)
  const [members = ''] = await evil.keys('*:m')
  const prefix = members.replace(/\{.*/, '')
  const mailbox = (number: number) => `${prefix}{m:${Buffer.from(idOf(number)).toString('base64url')}}`
  return { node, box, evil, members, mailbox, nodesKey: `${prefix}{nodes}` }
}

/** A member as it stands in Redis. */
function entry(id: Uint8Array, node: string, epoch: string): Buffer {
  return Buffer.concat([id, Buffer.from(`${node}${epoch}-`)])
}

test('redis ghosts: those of a dead node, many as they are, hold nobody up', options, async t => {
  const { node, evil, members } = await haunted(t)
  const ghosts = Array.from({ length: 900 }, (_, at) => {
    const id = Buffer.from(idOf(0x55))
    id.writeUInt32BE(at)
    return entry(id, DEAD, EPOCH)
  })
  await evil.zadd(members, ...ghosts.flatMap(ghost => [0, ghost]))
  const started = performance.now()
  t.equal(await found(node), '1')
  t.ok(performance.now() - started < 5000, 'at once')
  await until(async () => (await evil.zcard(members)) === 1, 'and they are forgotten')
})

test('redis ghosts: a clock that is set back lets no dead node live on', options, async t => {
  const { node, evil, members, nodesKey } = await haunted(t)
  await evil.zadd(nodesKey, Date.now() + 3_600_000, DEAD)
  await evil.zadd(members, 0, entry(idOf(2), DEAD, EPOCH))
  await until(async () => (await found(node)) === '1', 'its members are gone', 10)
  await until(() => node.nodes === 0, 'as it is', 10)
  t.equal(await evil.zcard(nodesKey), 1)
})

test('redis ghosts: names that are none are no nodes', options, async t => {
  const { node, evil, nodesKey } = await haunted(t)
  const soon = Date.now() + 3000
  await evil.zadd(nodesKey, soon, '__proto__', soon, '', soon, DEAD)
  await until(() => node.nodes > 0, 'they are read')
  t.equal(node.nodes, 1)
})

test(
  'redis ghosts: an entry that is malformed, or forged to be newer than can be, displaces nobody',
  options,
  async t => {
    const { node, box, evil, members, mailbox } = await haunted(t)
    await evil.zadd(members, 0, entry(idOf(1), 'z'.repeat(12), 'z'.repeat(16)))
    await member(node, 1, box)
    t.equal(await found(node), '1')
    t.equal(box.losses, 1, 'it was displaced by itself alone')
    await evil.set(mailbox(7), `${DEAD}9999999999999999p-`)
    await member(node, 7)
    t.equal(await found(node), '1 7')
    const sizes = (await evil.zrangeBuffer(members, '0', '-1')).map(({ length }) => length)
    t.deepEqual(sizes, [62, 62], 'and stand there as they should')
  }
)

test('redis ghosts: a key of another type spoils what is about it, and nothing else', options, async t => {
  const { node, evil, mailbox, nodesKey } = await haunted(t)
  await member(node, 2)
  await evil.del(mailbox(1), mailbox(2))
  await evil.lpush(mailbox(1), 'not ours')
  const degraded = new Promise(resolve => node.once('degraded', resolve))
  const before = node.malformed
  await evil.del(nodesKey)
  await degraded
  await until(() => node.status === 'ready', 'it is back', 10)
  t.equal(await evil.exists(mailbox(2)), 1, 'the other id is said again')
  t.ok(node.malformed > before, 'and it is counted')
})

test(
  'redis ghosts: of two that claim one id in the same moment at one node, the rules hold',
  options,
  async t => {
    const { node } = await haunted(t)
    for (const [first, second] of [
      [{ proven: true }, { proven: false }],
      [{ proven: false }, { proven: false }],
      [{ proven: true }, { proven: true, conflict: 'reject' }]
    ] as const) {
      const [box, other] = [new Box(), new Box()]
      const attaching = node.attach(idOf(9), { conflict: 'replace', ...first }, box)
      const { code } = await failing(() => node.attach(idOf(9), { conflict: 'replace', ...second }, other))
      t.equal(code, 'ID_IN_USE')
      const attachment = await attaching
      t.deepEqual([box.losses, other.losses], [0, 0])
      await attachment.detach()
    }
  }
)

test('redis ghosts: a node that was closed leaves nothing running, whoever opens it', options, async t => {
  const { port } = await startRedis(t)
  const client = new Ioredis(port, '127.0.0.1')
  t.teardown(() => client.disconnect())
  await client.ping()
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  const node = new RedisBackplane({ client })
  await node.close()
  await node.open()
  t.equal(node.status, 'closed')
  await until(() => timers() <= before, 'no timer is left')
})
