import { Redis as Ioredis } from 'ioredis'
import { createClient } from 'redis'
import { backplaneSuite } from 'socket-signal-testing'
import tape from 'tape'
import { type Redis, startRedis } from '../tools/redis.ts'
import { needingRedis, sharedClients } from '../tools/redis-nodes.ts'

const life = { teardown: tape.onFinish }
let redis: Promise<Redis> | undefined

backplaneSuite({
  test: needingRedis,
  name: 'redis, ioredis',
  make: sharedClients(life, async () => {
    const { port } = await (redis ??= startRedis(life))
    return new Ioredis(port, '127.0.0.1')
  })
})

backplaneSuite({
  test: needingRedis,
  name: 'redis, node-redis',
  make: sharedClients(life, async () => {
    const { url } = await (redis ??= startRedis(life))
    return createClient({ url })
      .on('error', () => {})
      .connect()
  })
})
