import { once } from 'node:events'
import { WebSocketServer } from 'ws'

/** The bare relay: two sockets paired by their URL, each buffer forwarded as it is. Checks nothing. */
export async function start() {
  const server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    perMessageDeflate: false
  })
  const alone = new Map()
  server.on('connection', (websocket, { url }) => {
    const other = alone.get(url)
    if (other) {
      alone.delete(url)
      websocket.other = other
      other.other = websocket
    } else {
      alone.set(url, websocket)
    }
    websocket.on('message', data => websocket.other?.send(data))
    websocket.on('close', () => {
      if (alone.get(url) === websocket) alone.delete(url)
    })
  })
  await once(server, 'listening')
  return { url: `ws://127.0.0.1:${server.address().port}` }
}
