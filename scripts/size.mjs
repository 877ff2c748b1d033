import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const KB = 1000
const CLIENT = "export { SocketSignalWebsocketClient } from 'socket-signal-websocket'"

// The first chunk holds what a page loads at once. What only traffic between peers needs is loaded when a client opens,
// @noble only where WebCrypto lacks Ed25519.
const measured = [
  { name: 'first chunk', splitting: true, bound: 15.6 * KB },
  { name: 'all in one file', splitting: false, bound: 30.3 * KB }
]

for (const { name, splitting, bound } of measured) {
  const text = await bundle(splitting)
  const gzip = gzipSync(text, { level: 9 }).length
  const verdict = gzip > bound ? `, TOO LARGE: at most ${inKb(bound)}` : ''
  console.log(`${name}: ${inKb(text.length)} min, ${inKb(gzip)} gzip${verdict}`)
  if (gzip > bound && process.argv.includes('--check')) process.exitCode = 1
}

async function bundle(splitting) {
  const { outputFiles, metafile } = await build({
    stdin: { contents: CLIENT, resolveDir: '.' },
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'out',
    minify: true,
    splitting,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser'],
    external: ['#simple-peer'],
    // The root's customConditions are for sources; what is published is measured.
    tsconfigRaw: '{}',
    logLevel: 'error'
  })
  const first = firstLoad(metafile.outputs)
  const loaded = outputFiles.filter(({ path }) => first.some(name => path.endsWith(name)))
  return Buffer.concat(loaded.map(({ contents }) => contents))
}

// The entry, with all that it imports at once.
function firstLoad(outputs) {
  const found = [Object.keys(outputs).find(name => outputs[name].entryPoint)]
  for (const name of found) {
    const statics = outputs[name].imports.filter(
      ({ kind, external }) => kind === 'import-statement' && !external
    )
    for (const { path } of statics) if (!found.includes(path)) found.push(path)
  }
  return found
}

function inKb(bytes) {
  return `${(bytes / KB).toFixed(1)} kB`
}
