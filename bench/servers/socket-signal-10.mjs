import { once } from 'node:events'
import SocketServer from 'simple-websocket/server.js'
import { SocketSignalServerMap } from 'socket-signal-10'

/** The predecessor: socket-signal 10.3.2 over simple-websocket 9.1.0, as its documentation puts them together. */
export async function start() {
  const signal = new SocketSignalServerMap()
  await signal.open()
  const server = new SocketServer({ port: 0, host: '127.0.0.1' })
  server.on('connection', socket => {
    socket.on('error', () => {})
    signal.addSocket(socket).catch(() => {})
  })
  await once(server, 'listening')
  return { url: `ws://127.0.0.1:${server.address().port}` }
}
