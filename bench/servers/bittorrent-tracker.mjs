import { once } from 'node:events'
import Server from 'bittorrent-tracker/server'

/** The WebSocket tracker of WebTorrent. */
export async function start() {
  const server = new Server({ http: false, udp: false, ws: true, stats: false })
  server.on('warning', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { url: `ws://127.0.0.1:${server.ws.address().port}` }
}
