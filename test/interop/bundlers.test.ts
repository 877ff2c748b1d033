import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import tape from 'tape'
import { shareChromium } from '../tools/browser.ts'
import { run } from '../tools/command.ts'
import { entries, installPacked } from '../tools/packed.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'

const { execPath: node } = process
const VITE_MODULE = resolve('examples/03-browser-chat/node_modules/vite/dist/node/index.js')
const vite = resolve('examples/03-browser-chat/node_modules/vite/bin/vite.js')
const esbuild = resolve('node_modules/esbuild/bin/esbuild')
const options = { timeout: 120_000 }
const inChromium = { ...options, needs: ['chromium' as const] }

const APP = `
import { toHex } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'

const client = new SocketSignalWebsocketClient(location.href, { iceServers: [] })
client.open().then(
  () => (document.title = 'id ' + toHex(client.id)),
  error => (document.title = String(error))
)
`
/** Two of a page meet; then it asks for what a lean bundle has not. */
const LEAN = `
import { topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'

const create = options => new SocketSignalWebsocketClient(location.href, { iceServers: [], ...options })
const codeOf = call => call.then(() => 'nothing', ({ code }) => code)

async function story() {
  const topic = await topicFromName('lean')
  const [alice, bob] = [create(), create()]
  bob.on('peer-connected', ({ peer }) => peer.stream.on('data', data => peer.stream.write(data)))
  await bob.join(topic)
  const [id] = await alice.join(topic)
  const peer = await alice.connect(topic, id).ready()
  const echo = new Promise(resolve => peer.stream.once('data', resolve))
  peer.stream.write('there and back')
  const words = new TextDecoder().decode(await echo)
  const asked = [peer.explain(), alice.diagnose(), alice.history(topic), create({ privacy: 'no-host' }).open()]
  Object.defineProperty(crypto, 'subtle', { value: undefined })
  asked.push(create().open())
  document.title = words + '; ' + (await Promise.all(asked.map(codeOf)))
}
story().catch(error => (document.title = String(error)))
`
/** As README has it, by the Vite that is installed elsewhere: built with, which is more than compiled. */
const [, README_CONFIG = ''] =
  /```javascript\n(import \{ defaultClientConditions[\s\S]*?)```/.exec(readFileSync('README.md', 'utf8')) ??
  []
const LEAN_CONFIG = README_CONFIG.replace("'vite'", JSON.stringify(pathToFileURL(VITE_MODULE).href))
const PAGE = '<!doctype html><title>waiting</title><script type="module" src="./main.js"></script>'

test(
  'bundlers: a plain Vite app of the client builds without a configuration and runs',
  inChromium,
  async t => {
    const folder = await app('vite', { 'main.js': APP, 'index.html': PAGE })
    const { code, stdout, stderr } = await run(t, [node, vite, 'build'], { cwd: folder })
    t.equal(code, 0, stderr)
    t.notOk(/warn|externalized/i.test(stdout + stderr), 'no warning')
    await connects(t, join(folder, 'dist'))
  }
)

test('bundlers: a plain esbuild bundle of the client does so in one file', inChromium, async t => {
  const folder = await app('esbuild', { 'main.js': APP, 'out/index.html': PAGE })
  const command = [esbuild, 'main.js', '--bundle', '--outfile=out/main.js', '--log-level=warning']
  const { code, stdout, stderr } = await run(t, command, { cwd: folder })
  t.deepEqual({ code, stdout, stderr }, { code: 0, stdout: '', stderr: '' }, 'no warning')
  await connects(t, join(folder, 'out'))
})

for (const [bundler, command] of [
  ['esbuild', [esbuild, 'main.js', '--bundle', '--outfile=out/main.js', '--conditions=@socket-signal/lean']],
  ['Vite', [node, vite, 'build', '--outDir', 'out']]
] as const) {
  test(
    `bundlers: ${bundler} makes a lean file in which two connect, and what is left out says so`,
    inChromium,
    async t => {
      const page = bundler === 'Vite' ? 'index.html' : 'out/index.html'
      const files = { 'main.js': LEAN, [page]: PAGE, 'vite.config.js': LEAN_CONFIG }
      const folder = await app(`lean-${bundler}`, files)
      const { code, stderr } = await run(t, [...command], { cwd: folder })
      t.equal(code, 0, stderr)
      t.equal(await titleOf(t, join(folder, 'out')), `there and back; ${Array(5).fill('UNSUPPORTED')}`)
      const scripts = readdirSync(join(folder, 'out'), { recursive: true, encoding: 'utf8' })
      t.equal(scripts.filter(name => name.endsWith('.js')).length, 1)
    }
  )
}

test('bundlers: an SSR build of every entry is imported without touching a global', options, async t => {
  const folder = await app('ssr', { 'all.js': IMPORT_ALL })
  const { code, stderr } = await run(t, [node, vite, 'build', '--ssr', 'all.js'], { cwd: folder })
  t.equal(code, 0, stderr)
  t.deepEqual(await globalsOf(t, folder, "await import('./dist/all.js')"), [])
})

test(
  'bundlers: importing every entry in Node adds no global, as ES modules or required',
  options,
  async t => {
    const folder = await app('import', { 'all.mjs': IMPORT_ALL })
    t.deepEqual(await globalsOf(t, folder, "await import('./all.mjs')"), [])
    const requires = entries().map(name => `require('${name}')`)
    t.deepEqual(await globalsOf(t, folder, requires.join('\n')), [])
  }
)

test(
  'bundlers: where there are web-standard globals only, the client and the server map work',
  options,
  async t => {
    const folder = await app('standards', { 'all.js': STANDARDS })
    const { outputFiles } = await build({
      entryPoints: [join(folder, 'all.js')],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'all',
      conditions: ['browser'],
      tsconfigRaw: '{}'
    })
    writeFileSync(join(folder, 'bundle.js'), outputFiles[0]?.text ?? '')
    writeFileSync(join(folder, 'run.mjs'), RUN)
    const { code, stdout, stderr } = await run(t, [node, 'run.mjs'], { cwd: folder })
    t.equal(code, 0, stderr)
    t.equal(stdout.trim(), 'added: ; alice sees 1')
  }
)

const IMPORT_ALL = entries()
  .map((name, at) => `export * as all${at} from '${name}'`)
  .join('\n')

/** What stands behind these is for servers of Node alone; of the gateway, all but its client. */
const NEEDS_NODE = /^socket-signal-(server|redis|gateway)(?!\/chat-client$)/

/** The entries that need no Node, and a round with them. */
const STANDARDS = `
${entries()
  .filter(name => !NEEDS_NODE.test(name))
  .map((name, at) => `export * as all${at} from '${name}'`)
  .join('\n')}
import { topicFromName } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'

export async function round() {
  const server = new SocketSignalMemoryServer()
  const rtc = () => ({ on() {} })
  const [alice, bob] = [1, 2].map(() => new SocketSignalMemoryClient(server, { rtc }))
  const topic = await topicFromName('standards')
  await bob.join(topic)
  const { length } = await alice.join(topic)
  await Promise.all([alice.close(), bob.close()])
  await server.close()
  return length
}
`

const RUN = `
import { readFileSync } from 'node:fs'
import vm from 'node:vm'

const standard = ['AbortController', 'AbortSignal', 'DOMException', 'Event', 'EventTarget', 'TextDecoder', 'TextEncoder',
  'URL', 'URLSearchParams', 'clearInterval', 'clearTimeout', 'crypto', 'performance', 'queueMicrotask', 'setInterval',
  'setTimeout', 'structuredClone']
const context = vm.createContext(Object.fromEntries(standard.map(name => [name, globalThis[name]])))
const before = vm.runInContext('Object.getOwnPropertyNames(globalThis)', context)
vm.runInContext(readFileSync('bundle.js', 'utf8'), context)
const after = vm.runInContext('Object.getOwnPropertyNames(globalThis)', context)
const added = after.filter(name => !before.includes(name) && name !== 'all')
console.log('added: ' + added + '; alice sees ' + (await vm.runInContext('all.round()', context)))
`

let folderOnce: Promise<string> | undefined

/** A folder with these files, below one where our packages are installed. */
async function app(name: string, files: { [name: string]: string }): Promise<string> {
  const life = { teardown: tape.onFinish } as unknown as tape.Test
  folderOnce ??= installPacked(life, ['react@19.3.1'])
  const folder = join(await folderOnce, name)
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(join(folder, file, '..'), { recursive: true })
    writeFileSync(join(folder, file), text)
  }
  return folder
}

/** The globals that some code adds, changes or takes away in a process of its own. */
async function globalsOf(t: tape.Test, cwd: string, code: string): Promise<string[]> {
  const { stdout, stderr } = await run(
    t,
    [node, '--no-warnings', '--input-type=module', '--eval', WATCH(code)],
    {
      cwd
    }
  )
  return stderr ? [stderr] : JSON.parse(stdout)
}

const WATCH = (code: string) => `
import { createRequire } from 'node:module'

const require = createRequire(process.cwd() + '/x.js')
const names = Object.getOwnPropertyNames(globalThis)
const read = name => {
  try { return globalThis[name] } catch {}
}
names.map(read) // Node makes some of its own when they are first read.
const before = new Map(names.map(name => [name, read(name)]))
${code}
const after = Object.getOwnPropertyNames(globalThis)
const changed = name => !before.has(name) || !after.includes(name) || !Object.is(before.get(name), read(name))
console.log(JSON.stringify([...new Set([...names, ...after])].filter(changed)))
`

/** The built page connects to a server, in Chromium, and shows its id. */
async function connects(t: tape.Test, page: string): Promise<void> {
  t.match(await titleOf(t, page), /^id [0-9a-f]{64}$/)
}

/** What the built page, served by a server in Chromium, comes to say. */
async function titleOf(t: tape.Test, page: string): Promise<string> {
  const [server, browser] = [await readyMade(t, { page }), await shareChromium(t)]
  const tab = await (await browser.newContext()).newPage()
  const complaints: string[] = []
  tab.on('pageerror', error => complaints.push(String(error)))
  await tab.goto(server.url)
  await tab.waitForFunction(() => document.title !== 'waiting')
  t.deepEqual(complaints, [])
  return tab.title()
}
