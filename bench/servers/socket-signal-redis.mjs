import { Redis } from 'ioredis'
import { RedisBackplane } from 'socket-signal-redis'
import { SocketSignalWebsocketServer } from 'socket-signal-websocket'
import { RAISED } from './socket-signal.mjs'

/** Ours as one of several nodes. `redis`: the port of a Redis on loopback. */
export async function start({ redis }) {
  const backplane = new RedisBackplane({ client: new Redis(redis, '127.0.0.1') })
  await backplane.open()
  const server = new SocketSignalWebsocketServer({ port: 0, identity: 'required', ...RAISED, backplane })
  await server.open()
  return { url: server.url, stats: () => server.stats() }
}
