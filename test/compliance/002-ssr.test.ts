import { spawnSync } from 'node:child_process'
import { createElement, StrictMode } from 'react'
import { renderToString } from 'react-dom/server'
import { Video } from 'socket-signal-sdk'
import { App } from '../tools/fixtures/react-app.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

/** Imports an entry where every name of a browser is watched; prints those that were looked at, and globals that are new. */
const WATCHED = `
const names = ['window', 'document', 'navigator', 'location', 'customElements', 'HTMLElement', 'RTCPeerConnection', 'MediaStream', 'CSSStyleSheet']
const seen = new Set()
// Libraries ask by typeof whether there is such a thing; what is ours does not even that.
const note = name => void (new Error().stack.split('\\n')[3]?.includes('/packages/') && seen.add(name))
for (const name of names)
  Object.defineProperty(globalThis, name, { configurable: true, get: () => note(name) })
const before = new Set(Object.getOwnPropertyNames(globalThis))
await import(process.env.ENTRY)
const added = Object.getOwnPropertyNames(globalThis).filter(name => !before.has(name))
console.log(JSON.stringify([[...seen], added]))
`

const ENTRIES = [
  ['socket-signal-sdk', []],
  ['socket-signal-sdk/react', []],
  ['socket-signal-sdk/elements', ['customElements']]
] as const

test('002.1 002.2 002.11 ssr: every entry is imported in Node, and touches nothing of a browser', t => {
  const flags = ['--conditions=@socket-signal/source', '--import', 'tsx', '--input-type=module']
  for (const [entry, looks] of ENTRIES) {
    const { stdout, stderr } = spawnSync(process.execPath, [...flags, '--eval', WATCHED], {
      encoding: 'utf8',
      env: { ...process.env, ENTRY: entry }
    })
    t.equal(stderr, '', entry)
    t.deepEqual(JSON.parse(stdout), [looks, []], 'elements look whether there is a page')
  }
  t.end()
})

test('ssr: what only a browser has fails at the call, with a code', async t => {
  const session = new Video.RoomSession({ token: 'x', room: 'lobby', server: 'ws://127.0.0.1:9' })
  t.equal((await rejection(session.join())).code, 'UNSUPPORTED')
  t.equal(session.room, undefined)
})

test('002.24 002.25 ssr: a component with every hook renders on a server, each time the same, and begins nothing', t => {
  const render = () => renderToString(createElement(StrictMode, null, createElement(App, { token: 'x' })))
  const [first, again] = [render(), render()]
  t.equal(first, again)
  t.match(
    first,
    /<li id="room">idle 0<\/li><li id="media">idle 0<\/li><li id="topic">idle 0<\/li><li id="peers">0<\/li>/
  )
  t.end()
})
