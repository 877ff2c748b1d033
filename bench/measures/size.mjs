import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const KB = 1000
const FOLDER = new URL('..', import.meta.url).pathname

/** What a page loads, in one file: minified, and by gzip. simple-peer is in what needs it. */
const BUNDLES = {
  'socket-signal': "export { SocketSignalWebsocketClient } from 'socket-signal-websocket'",
  'simple-peer': "export { default } from 'simple-peer/simplepeer.min.js'",
  peerjs: "export { Peer } from 'peerjs'",
  trystero: "export { joinRoom } from 'trystero'",
  'socket.io-client': "export { io } from 'socket.io-client'"
}

export async function run() {
  const size = {}
  for (const [name, contents] of Object.entries(BUNDLES)) {
    size[name] = await bundle(contents)
  }
  const { gzipKB } = await bundle(BUNDLES['socket-signal'], ['#simple-peer'])
  size['socket-signal'].gzipKBWithoutSimplePeer = gzipKB
  return { size }
}

async function bundle(contents, external = []) {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: FOLDER },
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    external,
    tsconfigRaw: '{}',
    logLevel: 'silent'
  })
  const [{ contents: bytes }] = outputFiles
  return { minKB: bytes.length / KB, gzipKB: gzipSync(bytes, { level: 9 }).length / KB }
}
