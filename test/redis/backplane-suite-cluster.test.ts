import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { backplaneSuite } from 'socket-signal-testing'
import tape from 'tape'
import { type Redis, startCluster } from '../tools/redis.ts'
import { needingRedis, sharedClients } from '../tools/redis-nodes.ts'

const life = { teardown: tape.onFinish }
let masters: Promise<Redis[]> | undefined

backplaneSuite({
  test: needingRedis,
  name: 'redis cluster, ioredis',
  make: sharedClients(life, async () => {
    const nodes = (await (masters ??= startCluster(life))).map(({ port }) => ({ host: '127.0.0.1', port }))
    return new Cluster(nodes)
  })
})

backplaneSuite({
  test: needingRedis,
  name: 'redis cluster, node-redis',
  make: sharedClients(life, async () => {
    const rootNodes = (await (masters ??= startCluster(life))).map(({ url }) => ({ url }))
    const client = createCluster({ rootNodes }).on('error', () => {})
    await client.connect()
    return client
  })
})
