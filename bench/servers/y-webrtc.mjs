import { once } from 'node:events'
import { createServer } from 'node:net'

/** The signaling server that y-webrtc ships as its bin, unchanged. It takes a port and tells none: a free one first. */
export async function start() {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address()
  probe.close()
  await once(probe, 'close')
  process.env.PORT = String(port)
  await import(new URL('../node_modules/y-webrtc/bin/server.js', import.meta.url))
  return { url: `ws://127.0.0.1:${port}` }
}
