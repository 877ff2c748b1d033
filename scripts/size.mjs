import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const KB = 1000
const CLIENT = "export { SocketSignalWebsocketClient } from 'socket-signal-websocket'"
const PUBLISHED = ['browser']
const LEAN = ['browser', '@socket-signal/lean']
const SOURCE = ['@socket-signal/source', 'browser']

// Loaded only when somebody asks for it, or where WebCrypto has no Ed25519.
const SELDOM = /\/(candidates|explain|diagnose|recall|noble|sha2)[-.][^/]*$/

// Ed25519 for a WebCrypto that has none.
const FALLBACK = /\/(noble|sha2)[-.][^/]*$/

// What is published, without simple-peer. The first chunk is what a page loads at once; what only an open client needs
// comes while it opens. One file can't be split: it holds what few ask for as well, or, lean, leaves it out.
const MEASURED = [
  { name: 'first chunk', splitting: true, bound: 15 * KB },
  { name: 'what a page that connects two peers loads, in one piece', without: SELDOM, bound: 24 * KB },
  { name: 'all in one file, lean', conditions: LEAN, bound: 23 * KB },
  {
    name: 'all in one file, without Ed25519 for browsers that have none',
    without: FALLBACK,
    bound: 28.3 * KB
  },
  { name: 'all in one file', bound: 32.2 * KB }
]

// What each entry for browsers, or one of its names, loads at once: all that it needs but simple-peer and React.
const ENTRIES = {
  'socket-signal': 36 * KB,
  'socket-signal/client': 15 * KB,
  'socket-signal/peer': 3.5 * KB,
  'socket-signal/errors': 1.5 * KB,
  'socket-signal/browser': 1 * KB,
  'socket-signal/detour': 4.5 * KB,
  'socket-signal/wire': 6.5 * KB,
  'socket-signal-websocket': 15.5 * KB,
  'socket-signal-memory': 36 * KB,
  'socket-signal-room': 20 * KB,
  'socket-signal-swarm': 18.5 * KB,
  'socket-signal-token/credentials': 1.5 * KB,
  'socket-signal-gateway/chat-client': 5.5 * KB,
  'socket-signal-sdk': 34 * KB,
  'socket-signal-sdk { Video }': 32 * KB,
  'socket-signal-sdk { Chat }': 19 * KB,
  'socket-signal-sdk { PubSub }': 18 * KB,
  'socket-signal-sdk/elements': 36 * KB,
  'socket-signal-sdk/react': 33 * KB
}

// For a script tag: all of the SDK and simple-peer, in one file.
const EMBED = { file: 'packages/sdk/dist/embed.iife.js', bound: 90 * KB }

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

console.log('for browsers, the first chunk:')
for (const [entry, bound] of Object.entries(ENTRIES)) {
  const [, from, names = '*'] = /^(\S+)(?: (.+))?$/.exec(entry)
  const contents = `export ${names} from '${from}'`
  report(`  ${entry}`, bound, await measure({ contents, conditions: PUBLISHED, splitting: true }))
}
const embed = readFileSync(EMBED.file)
report('  socket-signal-sdk, dist/embed.iife.js', EMBED.bound, sizeOf(embed))

console.log('for Node, their own code:')
for (const entry of entries().filter(entry => !(entry in ENTRIES))) {
  const contents = `export * from '${entry}'`
  report(
    `  ${entry}`,
    Infinity,
    await measure({ contents, conditions: ['node'], external: othersThan(entry) })
  )
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

// Every entry of every package.
function entries() {
  return readdirSync('packages').flatMap(folder => {
    const { name, exports } = JSON.parse(readFileSync(`packages/${folder}/package.json`, 'utf8'))
    return Object.keys(exports)
      .filter(path => path !== './package.json')
      .map(path => name + path.slice(1))
  })
}

// What an entry's package takes from others, of ours and from npm.
function othersThan(entry) {
  const [name] = entry.split('/')
  const { dependencies = {} } = JSON.parse(
    readFileSync(`packages/${name.replace(/^socket-signal-?/, '') || 'core'}/package.json`, 'utf8')
  )
  return ['node:*', ...Object.keys(dependencies).flatMap(other => [other, `${other}/*`])]
}

async function measure({ contents = CLIENT, conditions, splitting = false, without, stubs, external = [] }) {
  const { outputFiles, metafile } = await build({
    stdin: { contents, resolveDir: '.' },
    bundle: true,
    write: false,
    metafile: true,
    outdir: 'out',
    minify: true,
    splitting,
    format: 'esm',
    platform: conditions.includes('node') ? 'node' : 'browser',
    conditions,
    external: ['#simple-peer', 'react', ...external],
    plugins: [leaveOut(without, stubs)],
    // The root's customConditions are for sources.
    tsconfigRaw: '{}',
    logLevel: 'error'
  })
  const first = firstLoad(metafile.outputs)
  const loaded = outputFiles.filter(({ path }) => first.some(name => path.endsWith(name)))
  return sizeOf(Buffer.concat(loaded.map(({ contents }) => contents)))
}

function sizeOf(text) {
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
  const found = [Object.keys(outputs).find(name => outputs[name].entryPoint === '<stdin>')]
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
