import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { RedisBackplane } from 'socket-signal-redis'
import * as client from '../clients/socket-signal.mjs'
import { costOf, createLoad } from '../tools/load.mjs'
import { median } from '../tools/numbers.mjs'
import { startRedis } from '../tools/redis.mjs'
import { startServer } from '../tools/server.mjs'
import { leave, many } from '../tools/socket.mjs'
import { inTurn } from '../tools/turns.mjs'

const AT_ONCE = 200
const LOOKUPS = 1000
const WANTED = 100
const IN_FLIGHT = 200

/**
 * Several nodes over Redis. A routed message between clients of two nodes, in CPU of both nodes, against one between clients of
 * the same node, in the same round; what a member of one large topic takes in Redis, and how long a look-up in it takes.
 */
export async function run({ quick }) {
  const redis = await startRedis()
  try {
    return { nodes: { ...(await routed(redis.port, quick)), ...(await members(redis.port, quick)) } }
  } finally {
    await redis.stop()
  }
}

async function routed(port, quick) {
  const [rounds, seconds, pairs] = quick ? [1, 2, 100] : [3, 2, 500]
  const costs = { same: [], across: [] }
  const servers = [
    await startServer('socket-signal-redis', { redis: port }),
    await startServer('socket-signal-redis', { redis: port })
  ]
  const both = { cpu: async () => (await servers[0].cpu()) + (await servers[1].cpu()) }
  for (let at = 0; at < rounds; at++) {
    for (const kind of inTurn(['same', 'across'], at)) {
      const serverOf = at => (kind === 'same' ? servers[0] : servers[at & 1])
      const ends = await many(2 * pairs, at => client.join(serverOf(at).url, at >> 1))
      const load = createLoad(ends, client, IN_FLIGHT)
      costs[kind].push(await costOf(both, load, seconds))
      load.end()
      await leave(ends)
    }
  }
  for (const server of servers) await server.stop()
  const ratio = median(costs.across.map((cost, at) => cost / costs.same[at]))
  return { sameUs: median(costs.same), acrossUs: median(costs.across), ratio }
}

async function members(port, quick) {
  const count = quick ? 10_000 : 100_000
  const redis = new Redis(port, '127.0.0.1')
  const backplane = new RedisBackplane({ client: redis, prefix: 'members:' })
  await backplane.open()
  const topic = randomBytes(32)
  const before = await usedBy(redis)
  const mailbox = { deliver: () => true, lost() {} }
  const started = performance.now()
  let left = count
  const fill = async () => {
    while (left-- > 0) {
      const place = await backplane.attach(randomBytes(32), { proven: true, conflict: 'replace' }, mailbox)
      await place.join(topic, new Uint8Array(0))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, fill))
  const joinUs = ((performance.now() - started) * 1000) / count
  const bytes = ((await usedBy(redis)) - before) / count
  const times = []
  for (let at = 0; at < LOOKUPS; at++) {
    const began = performance.now()
    const found = await backplane.lookup(topic, { limit: WANTED, except: topic })
    times.push(performance.now() - began)
    if (found.length !== WANTED) throw new Error(`${found.length} members were found`)
  }
  times.sort((a, b) => a - b)
  const at = part => times[Math.floor(times.length * part)]
  const figures = { members: count, redisBytes: Math.round(bytes), joinUs }
  // All at once would be more than its deadline: they end with Redis.
  redis.disconnect()
  return { ...figures, lookupP50Ms: at(0.5), lookupP95Ms: at(0.95) }
}

/** What Redis holds. Unit: bytes. */
async function usedBy(redis) {
  return Number((await redis.info('memory')).match(/used_memory:(\d+)/)[1])
}
