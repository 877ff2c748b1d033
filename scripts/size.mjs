import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const KB = 1000
const CLIENT = "export { SocketSignalWebsocketClient } from 'socket-signal-websocket'"
const PUBLISHED = ['browser']
const SOURCE = ['@socket-signal/source', 'browser']

// Loaded only when somebody asks for it, or where WebCrypto has no Ed25519.
const SELDOM = /\/(candidates|explain|diagnose|noble|sha2)[-.][^/]*$/

// Ed25519 for a WebCrypto that has none.
const FALLBACK = /\/(noble|sha2)[-.][^/]*$/

// What is published, without simple-peer. The first chunk is what a page loads at once; what only an open client needs
// comes while it opens. One file holds all of it, since it can't be split.
const MEASURED = [
  { name: 'first chunk', splitting: true, bound: 15 * KB },
  { name: 'what a page that connects two peers loads, in one piece', without: SELDOM, bound: 23.6 * KB },
  {
    name: 'all in one file, without Ed25519 for browsers that have none',
    without: FALLBACK,
    bound: 27.7 * KB
  },
  { name: 'all in one file', bound: 31.8 * KB }
]

// What each entry of the SDK loads at once, without React; and its file for a script tag.
const ENTRIES = {
  'socket-signal-sdk': 34 * KB,
  'socket-signal-sdk/elements': 36 * KB,
  'socket-signal-sdk/react': 33 * KB
}

// What the bundle of the sources loses when these files are left out as well, one group after the other.
const FEATURES = {
  'Ed25519 where WebCrypto has none': /core\/src\/(noble|sha512)\.ts$/,
  'explain and diagnose': /core\/src\/(explain|diagnose|advice)\.ts$/,
  'recovery of peers': /core\/src\/(path|recovery|negotiation|in-band)\.ts$/,
  'TURN and privacy': /core\/src\/(ice-source|candidates)\.ts$/,
  'trust: keys, signatures, replays': /core\/src\/(seal|signer)\.ts$/,
  'topics, presence, messages': /core\/src\/(memberships|messages)\.ts$/
}

for (const { name, bound, ...options } of MEASURED) {
  report(name, bound, await measure({ conditions: PUBLISHED, ...options }))
}

for (const [entry, bound] of Object.entries(ENTRIES)) {
  const contents = `export * from '${entry}'`
  report(`${entry}, first chunk`, bound, await measure({ contents, conditions: PUBLISHED, splitting: true }))
}

let left = (await measure({ conditions: SOURCE })).gzip
const leftOut = []
console.log('of that, gzip:')
for (const [name, files] of Object.entries(FEATURES)) {
  leftOut.push(files.source)
  const { gzip } = await measure({ conditions: SOURCE, stubs: new RegExp(leftOut.join('|')) })
  console.log(`  ${name}: ${inKb(left - gzip)}`)
  left = gzip
}
console.log(`  connecting: ${inKb(left)}`)

function report(name, bound, { min, gzip }) {
  const isLarge = gzip > bound
  const verdict = isLarge ? `, TOO LARGE: at most ${inKb(bound)}` : ''
  console.log(`${name}: ${inKb(min)} min, ${inKb(gzip)} gzip${verdict}`)
  if (isLarge && process.argv.includes('--check')) process.exitCode = 1
}

async function measure({ contents = CLIENT, conditions, splitting = false, without, stubs }) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: '.' },
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'out',
    minify: true,
    splitting,
    format: 'esm',
    platform: 'browser',
    conditions,
    external: ['#simple-peer', 'react'],
    plugins: [leaveOut(without, stubs)],
    // The root's customConditions are for sources.
    tsconfigRaw: '{}',
    logLevel: 'error'
  })
  const first = firstLoad(metafile.outputs)
  const loaded = outputFiles.filter(({ path }) => first.some(name => path.endsWith(name)))
  const text = Buffer.concat(loaded.map(({ contents }) => contents))
  return { min: text.length, gzip: gzipSync(text, { level: 9 }).length }
}

function leaveOut(without, stubs) {
  return {
    name: 'leave-out',
    setup({ onResolve, onLoad }) {
      if (without) onResolve({ filter: without }, ({ path }) => ({ path, external: true }))
      if (stubs) onLoad({ filter: stubs }, () => ({ contents: 'module.exports = {}', loader: 'js' }))
    }
  }
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
