import { randomBytes } from 'node:crypto'
import { build } from 'esbuild'
import { createTokens } from 'socket-signal-token'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { run } from '../tools/command.ts'
import { readmeCode } from '../tools/packed.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'
import { get, makeClient } from '../tools/websocket.ts'

const SERVER = 'packages/server/src/bin.ts'
const SECRET = randomBytes(32).toString('hex')
const PROJECT = {
  SOCKET_SIGNAL_PROJECT_ID: 'my-project',
  SOCKET_SIGNAL_API_TOKEN: 'PT-secret-of-32-bytes-or-so-here'
}
const NONE = { SOCKET_SIGNAL_PROJECT_ID: '', SOCKET_SIGNAL_API_TOKEN: '' }

test('token cli: curl mints each kind as the README shows, and each lets in', {
  needs: ['curl']
}, async t => {
  const { url, signals } = await start(t, [], { ...PROJECT, SOCKET_SIGNAL_SECRET: SECRET })
  const script = readmeCode('sh mint').replaceAll('http://127.0.0.1:4000', url.slice(0, -1))
  const { code, stdout, stderr } = await run(t, ['bash', '-c', script], { env: PROJECT })
  t.equal(code, 0, stderr)
  const answers = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  const tokens = answers.map(({ token, data }) => token ?? data?.token)
  t.equal(tokens.length, 8)
  t.deepEqual(tokens.splice(7), [undefined], 'the last one ends sockets')
  t.deepEqual(answers[7], { disconnected: 0 })
  const kinds = tokens.map(token => JSON.parse(atob(token.split('.')[1])).kind)
  t.deepEqual(kinds, [undefined, 'video', 'chat', 'pubsub', 'subscriber', 'video', 'video'])
  for (const [at, token] of tokens.entries()) {
    const client = makeClient(t, signals, { token })
    // What ada had so far was taken from her by the last line.
    const isAdas = [0, 2, 4].includes(at)
    const code = await client.open().then(
      () => 'open',
      error => error.code
    )
    t.equal(code, isAdas ? 'TOKEN_INVALID' : 'open', `token ${at}`)
  }
})

test('token cli: required asks everybody, optional those who have one, off nobody', async t => {
  const env = { SOCKET_SIGNAL_SECRET: SECRET }
  const topic = Buffer.alloc(32, 1)
  const names = { issuer: 'socket-signal-server', audience: 'socket-signal-server' }
  const token = await createTokens({ secret: SECRET, ...names }).mint({ topics: '*', can: ['lookup'] })
  const outcomes: { [mode: string]: string[] } = {
    required: ['AUTH_REQUIRED', 'TOKEN_INVALID', 'FORBIDDEN'],
    optional: ['joined', 'TOKEN_INVALID', 'FORBIDDEN'],
    off: ['joined', 'joined', 'joined']
  }
  for (const [mode, wanted] of Object.entries(outcomes)) {
    const { signals, child } = await start(t, ['--tokens', mode], env)
    const seen: string[] = []
    for (const own of ['', 'nonsense', token]) {
      const client = makeClient(t, signals, { token: own })
      seen.push(
        await client.join(topic).then(
          () => 'joined',
          error => error.code
        )
      )
      await client.close()
    }
    t.deepEqual(seen, wanted, mode)
    t.equal(/tokens {3}(\w+)/.exec(child.stdout)?.[1], mode === 'off' ? undefined : mode)
  }
})

test('000.23 token cli: credentials are the server’s alone: nothing that it prints or serves holds them', async t => {
  const env = { ...PROJECT, SOCKET_SIGNAL_SECRET: SECRET }
  const { url, signals, child } = await start(t, [], env)
  const { body } = await get(url)
  const scripts = [...body.matchAll(/(?:src|href)="\.?\/?([^"#:]+)"/g)].map(([, path]) => path ?? '')
  t.ok(scripts.length > 0, 'the page has parts')
  const parts = await Promise.all(scripts.map(async path => (await get(url + path)).body))
  const health = await get(`${url}healthz`)
  t.equal((await rejection(makeClient(t, signals).open())).code, 'AUTH_REQUIRED')
  const all = [body, ...parts, health.body, child.stdout, child.stderr].join('\n')
  for (const secret of [SECRET, PROJECT.SOCKET_SIGNAL_API_TOKEN]) t.notOk(all.includes(secret))
  for (const name of Object.keys(env))
    t.notOk([body, ...parts].join('').includes(name), `the page knows no ${name}`)
  const { outputFiles } = await build({
    entryPoints: ['react', 'index', 'elements'].map(name => `packages/sdk/src/${name}.ts`),
    bundle: true,
    write: false,
    outdir: 'none',
    conditions: ['@socket-signal/source'],
    external: ['react'],
    tsconfigRaw: '{}'
  })
  for (const { path, text } of outputFiles)
    for (const word of ['apiToken', 'projectId', 'authorization', 'Authorization', 'room_tokens'])
      t.notOk(text.includes(word), `${path} of the sdk takes no ${word}`)
})

test('token cli: without a secret it makes one and says so; what does not go together is said', async t => {
  const { child } = await start(t, [], PROJECT)
  t.match(child.stdout, /tokens {3}required, minted at http:\S+\/tokens/)
  t.match(child.stdout, /without SOCKET_SIGNAL_SECRET tokens are good until this process ends/)
  const wrong: [{ [name: string]: string }, RegExp][] = [
    [{ SOCKET_SIGNAL_PROJECT_ID: 'x' }, /belong together/],
    [{ SOCKET_SIGNAL_API_TOKEN: 'x' }, /belong together/],
    [
      { ...PROJECT, SOCKET_SIGNAL_API_TOKEN: 'fifteen bytes 1' },
      /SOCKET_SIGNAL_API_TOKEN needs at least 16 bytes/
    ],
    [{ ...PROJECT, SOCKET_SIGNAL_PROJECT_ID: 'a:b' }, /no colon/],
    [{ SOCKET_SIGNAL_SECRET: 'short' }, /SOCKET_SIGNAL_SECRET needs at least 32 bytes/]
  ]
  for (const [env, words] of wrong) {
    const refused = new Child(t, SERVER, ['-p', '0'], { ...NONE, ...env })
    t.equal(await refused.ended, 2)
    t.match(refused.stderr, words)
  }
})

async function start(t: Test, args: string[], env: { [name: string]: string }) {
  const child = new Child(t, SERVER, ['-p', '0', ...args], { ...NONE, ...env })
  const [url] = await child.says(/http:\S+\/(?=\n)/)
  const [signals] = await child.says(/ws:\S+/)
  await child.says(/health/)
  return { url, signals, child }
}
