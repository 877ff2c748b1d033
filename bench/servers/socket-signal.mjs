import { once } from 'node:events'
import { createServer } from 'node:http'
import { SocketSignalWebsocketServer } from 'socket-signal-websocket'

/** A second, or at once: far above any load here, and counted as the defaults are, in small whole numbers. */
const UNLIMITED = 1e6

/** The limits that the load would run into. Everything else has its default. */
export const RAISED = {
  frameRate: UNLIMITED,
  frameBurst: UNLIMITED,
  joinRate: UNLIMITED,
  joinBurst: UNLIMITED,
  messageRate: UNLIMITED,
  messageBurst: UNLIMITED
}

/**
 * Ours, as published: identities proven, the reference map of topics. `raised: false` for all default limits,
 * `droppable` to know its sockets.
 */
export async function start({ raised = true, droppable = false } = {}) {
  const http = droppable ? createServer().listen(0, '127.0.0.1') : undefined
  const sockets = new Set()
  http?.on('connection', socket => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  const server = new SocketSignalWebsocketServer({
    ...(http ? { server: http } : { port: 0 }),
    identity: 'required',
    ...(raised ? RAISED : {})
  })
  await server.open()
  if (http && !http.listening) await once(http, 'listening')
  return {
    url: server.url,
    stats: () => server.stats(),
    /** As a network does that is gone: without a word. */
    dropAll() {
      for (const socket of sockets) socket.destroy()
    }
  }
}
