import { Redis as Ioredis } from 'ioredis'
import { createSentinel } from 'redis'
import { backplaneSuite } from 'socket-signal-testing'
import tape from 'tape'
import { type Sentinel, startSentinel } from '../tools/redis.ts'
import { needingRedis, sharedClients } from '../tools/redis-nodes.ts'

const life = { teardown: tape.onFinish }
// Nothing fails over here: a machine that is busy must not look like a master that is down.
const CALM = 30_000
let sentinel: Promise<Sentinel> | undefined

backplaneSuite({
  test: needingRedis,
  name: 'redis sentinel, ioredis',
  make: sharedClients(life, async () => {
    const { sentinels, name } = await (sentinel ??= startSentinel(life, CALM))
    return new Ioredis({ sentinels, name })
  })
})

backplaneSuite({
  test: needingRedis,
  name: 'redis sentinel, node-redis',
  make: sharedClients(
    life,
    async () => {
      const { sentinels, name } = await (sentinel ??= startSentinel(life, CALM))
      const client = createSentinel({ name, sentinelRootNodes: sentinels }).on('error', () => {})
      await client.connect()
      return client
    },
    { hand: true }
  )
})
