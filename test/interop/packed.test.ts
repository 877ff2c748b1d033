import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import tape from 'tape'
import { Command, run } from '../tools/command.ts'
import { installPacked, readmeCode } from '../tools/packed.ts'
import { freePort } from '../tools/port.ts'
import { test } from '../tools/test.ts'

const { execPath: node } = process
const OTHERS = ['@roamhq/wrtc@0.10.0', '@types/node@20']
const options = { timeout: 120_000 }

const client = readmeCode('js client')
const server = readmeCode('js server')
let folderOnce: Promise<string> | undefined

test('packed: the README’s server and two of its clients talk, as ES modules', options, async t => {
  const folder = await installed()
  const port = await freePort()
  writeFileSync(join(folder, 'client.mjs'), on(port, client))
  writeFileSync(join(folder, 'server.mjs'), on(port, server))
  await talk(t, folder, ['server.mjs', 'client.mjs'])
})

test('packed: they do so when required from CommonJS', options, async t => {
  const folder = await installed()
  const port = await freePort()
  writeFileSync(join(folder, 'client.cjs'), toCommonJs(on(port, client)))
  writeFileSync(join(folder, 'server.cjs'), toCommonJs(on(port, server)))
  await talk(t, folder, ['server.cjs', 'client.cjs'])
})

for (const moduleResolution of ['node16', 'bundler']) {
  test(`packed: they compile strictly, resolved as by ${moduleResolution}`, options, async t => {
    const folder = await installed()
    writeFileSync(join(folder, 'client.ts'), client)
    writeFileSync(join(folder, 'server.ts'), server)
    writeFileSync(join(folder, 'common.cts'), `${wrap(client)}\n${wrap(server)}`)
    const module = moduleResolution === 'node16' ? 'node16' : 'esnext'
    const files = ['client.ts', 'server.ts', ...(module === 'node16' ? ['common.cts'] : [])]
    const compilerOptions = {
      ...{ module, moduleResolution, target: 'es2022', strict: true, noEmit: true, esModuleInterop: true },
      ...{ lib: ['es2023', 'dom', 'dom.iterable'], types: ['node'], exactOptionalPropertyTypes: true },
      skipDefaultLibCheck: true
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }))
    const { stdout } = await run(t, [node, resolve('node_modules/typescript/bin/tsc')], { cwd: folder })
    // Declarations are checked as well, but for the compiler's own; wrtc's have errors.
    const errors = stdout.split('\n').filter(line => line && !line.startsWith('node_modules/@roamhq/wrtc/'))
    t.deepEqual(errors, [])
  })
}

test('packed: the commands run, and the server brings its page', options, async t => {
  const cwd = await installed()
  for (const name of ['socket-signal-server', 'socket-signal-websocket']) {
    const { code, stdout, stderr } = await run(t, [`node_modules/.bin/${name}`, '--help'], { cwd })
    t.equal(code, 0, stderr)
    t.match(stdout, /--port/)
  }
  const server = new Command(t, ['node_modules/.bin/socket-signal-server', '--port', '0'], { cwd })
  const [, url = ''] = await server.says(/page +(http\S+)/)
  t.ok((await (await fetch(url)).text()).includes('<title>socket-signal</title>'))
  t.equal((await fetch(new URL('main.js', url))).status, 200)
  server.kill('SIGTERM')
  t.deepEqual(await server.ended.then(({ code, left }) => ({ code, left })), { code: 0, left: false })
})

/** Shared by the tests of this file: gone when the last one is done. */
function installed(): Promise<string> {
  const life = { teardown: tape.onFinish } as unknown as tape.Test
  folderOnce ??= installPacked(life, OTHERS)
  return folderOnce
}

/** One server, two clients: the second dials the first, and each prints the other's hello. */
async function talk(t: tape.Test, cwd: string, [serverFile = '', clientFile = '']: string[]): Promise<void> {
  const signal = new Command(t, [node, serverFile], { cwd })
  const first = new Command(t, [node, clientFile], { cwd })
  await signal.says(/somebody joined/)
  const second = new Command(t, [node, clientFile], { cwd })
  for (const each of [first, second]) await each.says(/hello\n/).catch(error => t.fail(error.message))
  t.equal(first.stdout, 'hello\n', first.stderr)
  t.equal(second.stdout, 'hello\n', second.stderr)
  t.equal(signal.stdout.match(/^hello [0-9a-f]{64}$/gm)?.length, 2, signal.stderr)
  for (const command of [first, second, signal]) command.kill('SIGKILL')
  await Promise.all([first.ended, second.ended, signal.ended])
}

/** The same code at a port of this test's own, asking no STUN server. */
function on(port: number, code: string): string {
  return code
    .replaceAll('127.0.0.1:4000', `127.0.0.1:${port}`)
    .replace('listen(4000,', `listen(${port},`)
    .replace('{ simplePeer: { wrtc } }', '{ simplePeer: { wrtc }, iceServers: [] }')
}

function toCommonJs(code: string): string {
  return wrap(code).replace(/^import (.*) from ('.*')/gm, 'const $1 = require($2)')
}

/** CommonJS knows no await outside of functions. */
function wrap(code: string): string {
  const imports = code.match(/^import .*$/gm) ?? []
  return `${imports.join('\n')}\n;(async () => {${code.replace(/^import .*$/gm, '')}})()\n`
}
