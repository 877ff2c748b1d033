import { PeerServer } from 'peer'

/** PeerServer, which PeerJS uses. */
export async function start() {
  const options = { port: 0, host: '127.0.0.1', concurrent_limit: 20_000 }
  const server = await new Promise(resolve => {
    PeerServer(options, resolve).on('error', () => {})
  })
  return { url: `ws://127.0.0.1:${server.address().port}` }
}
