import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createTokens, type Tokens } from 'socket-signal-token'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { run } from '../tools/command.ts'
import { test } from '../tools/test.ts'
import { record } from '../tools/wait.ts'
import { makeClient } from '../tools/websocket.ts'

const SERVER = 'packages/server/src/bin.ts'
const SECRET = randomBytes(32).toString('hex')
const NAMES = { issuer: 'socket-signal-server', audience: 'socket-signal-server' }
const GRANT = { topics: '*', can: ['join'] } as const
const MINUTE = 60_000
const options = { needs: ['faketime' as const], timeout: 60_000 }

test(
  'token skew: a server ten minutes ahead says that a token has expired, and what time it has',
  options,
  async t => {
    const { tokens, signals } = await start(t, '+600')
    const error = await open(t, signals, await tokens.mint(GRANT, { expiresIn: 5 * MINUTE }))
    t.equal(error?.code, 'TOKEN_EXPIRED')
    t.ok(Math.abs(serverTime(error) - Date.now() - 10 * MINUTE) < MINUTE, 'its time is in the words')
    t.equal(
      await open(t, signals, await tokens.mint(GRANT, { expiresIn: 20 * MINUTE })),
      undefined,
      'one that holds'
    )
  }
)

test('token skew: a server ten minutes behind says that a token does not hold yet', options, async t => {
  const { tokens, signals } = await start(t, '-600')
  const error = await open(t, signals, await tokens.mint(GRANT, { expiresIn: 5 * MINUTE }))
  t.equal(error?.code, 'TOKEN_NOT_YET_VALID')
  t.ok(Math.abs(serverTime(error) - Date.now() + 10 * MINUTE) < MINUTE, 'its time is in the words')
})

test('token skew: clocks may be 20 s apart, either way', options, async t => {
  for (const skew of ['+20', '-20']) {
    const { tokens, signals } = await start(t, skew)
    t.equal(await open(t, signals, await tokens.mint(GRANT, { expiresIn: 5000 })), undefined, skew)
  }
})

test('token skew: a clock that jumps moves no timer of a socket that is open', options, async t => {
  const { tokens, signals, jump } = await start(t, '+0')
  const token = await tokens.mint(GRANT, { expiresIn: 10 * MINUTE })
  const client = makeClient(t, signals, { token })
  await client.open()
  const events = record(client, 'token-expiring', 'disconnected', 'ping-error')
  jump('+3600')
  t.equal((await open(t, signals, token))?.code, 'TOKEN_EXPIRED', 'the server is an hour ahead now')
  await new Promise(resolve => setTimeout(resolve, 3000))
  t.deepEqual(events, [])
  await client.join(Buffer.alloc(32, 1))
  t.ok(client.connected)
  jump('-3600')
  t.equal((await open(t, signals, token))?.code, 'TOKEN_NOT_YET_VALID', 'and now an hour behind')
  await client.leave(Buffer.alloc(32, 1))
  t.deepEqual(events, [])
})

/** The ready-made server under a clock of its own, apart by so many seconds. */
async function start(
  t: Test,
  skew: string
): Promise<{ tokens: Tokens; signals: string; jump: (skew: string) => void }> {
  const folder = mkdtempSync(join(tmpdir(), 'skew-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'time')
  const jump = (to: string) => writeFileSync(file, to)
  jump(skew)
  const { stdout } = await run(t, ['faketime', '-f', '+0', 'sh', '-c', 'echo $LD_PRELOAD'])
  const child = new Child(t, SERVER, ['-p', '0', '--tokens', 'required'], {
    SOCKET_SIGNAL_SECRET: SECRET,
    LD_PRELOAD: stdout.trim(),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1'
  })
  const [signals] = await child.says(/ws:\S+/)
  return { tokens: createTokens({ secret: SECRET, ...NAMES }), signals, jump }
}

async function open(t: Test, url: string, token: string): Promise<(Error & { code?: string }) | undefined> {
  const client = makeClient(t, url, { token, reconnect: false })
  return client.open().then(
    () => undefined,
    error => error
  )
}

function serverTime(error: Error | undefined): number {
  return Date.parse(/here it is (\S+)/.exec(error?.message ?? '')?.[1] ?? '')
}
