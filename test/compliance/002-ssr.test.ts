import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { createContext, runInContext } from 'node:vm'
import { build } from 'esbuild'
import { createElement, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { Video } from 'socket-signal-sdk'
import { App } from '../tools/fixtures/react-app.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

/** Imports entries where every name of a browser is watched; prints those that were looked at, and globals that are new. */
const WATCHED = `
const names = ['window', 'document', 'navigator', 'location', 'customElements', 'HTMLElement', 'RTCPeerConnection', 'MediaStream', 'CSSStyleSheet']
const seen = new Set()
// Libraries ask by typeof whether there is such a thing; what is ours does not even that.
const note = name => void (new Error().stack.split('\\n')[3]?.includes('/packages/') && seen.add(name))
for (const name of names)
  Object.defineProperty(globalThis, name, { configurable: true, get: () => note(name) })
const before = new Set(Object.getOwnPropertyNames(globalThis))
for (const entry of process.env.ENTRIES.split(' ')) await import(entry)
const added = Object.getOwnPropertyNames(globalThis).filter(name => !before.has(name))
console.log(JSON.stringify([[...seen], added]))
`

interface Package {
  name: string
  exports: { [path: string]: unknown }
  sideEffects: boolean | string[]
}

const ELEMENTS = 'socket-signal-sdk/elements'
const PACKAGES = readdirSync('packages').map(
  folder => JSON.parse(readFileSync(`packages/${folder}/package.json`, 'utf8')) as Package
)
const ENTRIES = PACKAGES.flatMap(({ name, exports }) =>
  Object.keys(exports)
    .filter(path => path !== './package.json')
    .map(path => name + path.slice(1))
)
/** Of servers, or of tests: no page has them. */
const NOT_FOR_PAGES = /^socket-signal(-(server|redis|testing|gateway)|\/(server|server-map)|-room\/server)$/

test('002.1 002.2 ssr: every entry of every package is imported in Node, and touches nothing of a browser', t => {
  t.ok(ENTRIES.length > 20 && ENTRIES.includes(ELEMENTS), `${ENTRIES}`)
  const flags = ['--conditions=@socket-signal/source', '--import', 'tsx', '--input-type=module']
  const imported = (entries: string[]) => {
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', WATCHED], {
      encoding: 'utf8',
      env: { ...process.env, ENTRIES: entries.join(' ') }
    })
    t.equal(stderr, '')
    return JSON.parse(stdout)
  }
  t.deepEqual(imported(ENTRIES.filter(entry => entry !== ELEMENTS)), [[], []])
  t.deepEqual(imported([ELEMENTS]), [['customElements'], []], 'elements look whether there is a page')
  t.end()
})

test('002.11 ssr: one entry has an effect where it is imported, that of the elements, and bundlers are told so', t => {
  for (const { name, sideEffects } of PACKAGES) {
    const files = ['src/elements.ts', 'dist/elements.js', 'dist/elements.cjs'].map(file => `./${file}`)
    t.deepEqual(sideEffects, name === 'socket-signal-sdk' ? files : false, name)
  }
  t.end()
})

test('ssr: every entry that a page may have is imported in an edge runtime, and does nothing there (002.1)', async t => {
  const entries = ENTRIES.filter(entry => !NOT_FOR_PAGES.test(entry))
  const lines = entries.map((entry, at) => `export * as e${at} from '${entry}'`)
  const { outputFiles } = await build({
    stdin: { contents: lines.join('\n'), resolveDir: '.' },
    bundle: true,
    write: false,
    format: 'iife',
    globalName: 'entries',
    conditions: ['@socket-signal/source', 'edge-light', 'worker', 'browser'],
    tsconfigRaw: '{}',
    logLevel: 'error'
  })
  // What such runtimes have in common (WinterTC, Minimum Common Web API): no process, Buffer, window or document.
  const context = createContext(Object.fromEntries(COMMON.map(name => [name, Reflect.get(globalThis, name)])))
  const before = Object.getOwnPropertyNames(context)
  runInContext(outputFiles[0]?.text ?? '', context)
  t.deepEqual(
    Object.getOwnPropertyNames(context).filter(name => !before.includes(name)),
    ['entries']
  )
  const sdk = `entries.e${entries.indexOf('socket-signal-sdk')}`
  const session = `new ${sdk}.Video.RoomSession({ token: 'x', room: 'lobby', server: 'ws://127.0.0.1:9' })`
  t.equal((await rejection(runInContext(`${session}.join()`, context))).code, 'UNSUPPORTED')
})

const COMMON = [
  ...['AbortController', 'AbortSignal', 'Blob', 'Event', 'EventTarget', 'Headers', 'Request', 'Response'],
  ...['ReadableStream', 'TransformStream', 'WritableStream', 'TextDecoder', 'TextEncoder', 'URL', 'fetch'],
  ...['URLSearchParams', 'atob', 'btoa', 'clearInterval', 'clearTimeout', 'console', 'crypto', 'performance'],
  ...['queueMicrotask', 'setInterval', 'setTimeout', 'structuredClone']
]

test('ssr: what only a browser has fails at the call, with a code', async t => {
  const session = new Video.RoomSession({ token: 'x', room: 'lobby', server: 'ws://127.0.0.1:9' })
  t.equal((await rejection(session.join())).code, 'UNSUPPORTED')
  t.equal(session.room, undefined)
})

test('002.25 ssr: a component with every hook renders on a server, each time the same, and begins nothing', t => {
  const render = () => renderToString(createElement(StrictMode, null, createElement(App, { token: 'x' })))
  const [first, again] = [render(), render()]
  t.equal(first, again)
  t.match(
    first,
    /<li id="room">idle 0<\/li><li id="media">idle 0<\/li><li id="topic">idle 0<\/li><li id="peers">0 0<\/li>/
  )
  t.end()
})
