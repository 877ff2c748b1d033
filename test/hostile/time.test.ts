import { randomBytes } from 'node:crypto'
import { SignalError } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { ManualClock } from 'socket-signal-testing'
import { credentials } from 'socket-signal-token'
import { systemClock } from '../../packages/core/src/clock.ts'
import { Control } from '../tools/control.ts'
import { played, playedOpen, WELCOME } from '../tools/played.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'
import { get, startServer, upgrade } from '../tools/websocket.ts'

const warnings: string[] = []
process.on('warning', ({ name }) => warnings.push(name))
const FAR = [2 ** 31 - 1, 2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY]
const rtc = () => {
  throw new Error('no WebRTC here')
}

test('hostile time: a wait beyond 2^31 ms is long, not over at once; one below zero is over at once', async t => {
  for (const ms of FAR) {
    const timer = systemClock.setTimeout(() => t.fail(`${ms} ms were over`), ms)
    t.teardown(() => systemClock.clearTimeout(timer))
  }
  for (const ms of [-1, -(2 ** 40), Number.NEGATIVE_INFINITY, 0])
    await new Promise<void>(resolve => systemClock.setTimeout(resolve, ms))
  await new Promise(resolve => setTimeout(resolve, 50))
  t.same(warnings, [], 'and the platform has nothing to say')
})

test('hostile time: with every time of a server and a client that far away they go on as ever', async t => {
  for (const far of FAR) {
    const server = await startServer(t, {
      helloTimeout: far,
      pingInterval: far,
      requestTimeout: far,
      rateGrace: far,
      tokenNotice: far,
      tokenGrace: far,
      authorize: async () => true,
      authorizeUpgrade: async () => true
    })
    const times = { requestTimeout: far, connectTimeout: far, heartbeat: { interval: far, timeout: far } }
    const control = await Control.start(t, server.url, { ...times, reconnect: { base: far, max: far } })
    await control.watches(t, () => control.rounds(1), `${far} ms`)
    await control.stop()
    const { status } = await get(server.url, upgrade('other'))
    t.equal(status, 400, 'an upgrade of another system is still asked about, and then refused for what it is')
  }
  t.same(warnings, [])
})

test('hostile time: a server can not make a client wait for longer than a minute and its own pause', async t => {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock })
  const client = new SocketSignalMemoryClient(server, { clock, rtc })
  t.teardown(() => Promise.all([client.close(), server.close()]).then(() => {}))
  await client.open()
  const down = next(client, 'disconnected')
  const [connection] = server.connections
  const retryAfterMs = 0xffffffff
  connection?.send({ kind: 'goodbye', requestId: 0, code: 4000, retryAfterMs, reason: 'for ever' })
  await down
  const again = next(client, 'connected')
  await clock.advance(61_000)
  t.same(await again, [true, { resumed: false, lost: 0 }])
})

test('hostile time: nor keep it out of a topic for longer, whatever it says of a rate', async t => {
  const clock = new ManualClock()
  let full = false
  const server = new SocketSignalMemoryServer({
    clock,
    resumeWindow: 0,
    onJoin: () => {
      if (full) throw new SignalError('RATE_LIMITED', 'later', { retryAfterMs: 0xffffffff })
    }
  })
  const client = new SocketSignalMemoryClient(server, { clock, rtc })
  t.teardown(() => Promise.all([client.close(), server.close()]).then(() => {}))
  await client.join(randomBytes(32))
  full = true
  const again = next(client, 'connected')
  server.pairs[0]?.break()
  await clock.advance(2_000)
  await again
  await clock.advance(1_000)
  t.equal(server.stats().topics, 0, 'it was refused')
  full = false
  await clock.advance(61_000)
  t.equal(server.stats().topics, 1)
})

test('hostile time: intervals of nothing and of weeks in welcome do not end the socket', async t => {
  for (const pingInterval of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
    const { client, server } = played(t)
    const ends = record(client, 'disconnected')
    const opening = client.open()
    await server.next('hello')
    server.send({ ...WELCOME, pingInterval })
    await opening
    await new Promise(resolve => setTimeout(resolve, 100))
    t.same([client.connected, ends.length], [true, 0], `${pingInterval} ms`)
  }
  t.same(warnings, [])
})

test('hostile time: a token until the year 9999 holds, one that ended before it began is told and closed', async t => {
  const clock = new ManualClock()
  const lives: number[] = [8e15, Number.MAX_SAFE_INTEGER, Number.POSITIVE_INFINITY, -8e15]
  const server = new SocketSignalMemoryServer({
    clock,
    tokenGrace: 5_000,
    authorize: ({ action, connection, token }) => {
      if (action === 'hello') connection.expireIn(lives[Number(token)] ?? 0)
      return true
    }
  })
  t.teardown(() => server.close())
  const clients = lives.map(
    (_, at) => new SocketSignalMemoryClient(server, { clock, rtc, token: `${at}`, reconnect: false })
  )
  t.teardown(() => Promise.all(clients.map(client => client.close())).then(() => {}))
  const told = clients.map(client => record(client, 'token-expiring', 'disconnected'))
  await Promise.all(clients.map(client => client.open()))
  await clock.advance(10_000)
  t.same(
    told.slice(0, 3).map(({ length }) => length),
    [0, 0, 0],
    'nothing is said of those that hold'
  )
  t.equal(told[3]?.[0]?.event, 'token-expiring')
  t.equal(told[3]?.at(-1)?.args[1].code, 4003)
})

test('hostile time: a provider with a deadline of years is waited for', async t => {
  for (const timeout of FAR) {
    const token = credentials({ authenticate: slowly, refresh: slowly } as never, { timeout })
    t.equal(await token({ expiring: false }), 'good', `${timeout} ms`)
  }
  t.same(warnings, [])
})

async function slowly() {
  await new Promise(resolve => setTimeout(resolve, 20))
  return { token: 'good', expiry_at: 8.64e15 }
}

test('hostile time: an answer with an odd time to wait is an error like any other', async t => {
  const { client, server } = await playedOpen(t)
  const failed = rejection(client.lookup(randomBytes(32)))
  const { requestId } = await server.next('lookup')
  const words = { code: 'RATE_LIMITED', message: 'later', retryable: true, retryAfterMs: 0xffffffff }
  server.send({ kind: 'error', requestId, ...words })
  const error = await failed
  t.same([error.code, error.retryable], ['RATE_LIMITED', true])
  await until(() => client.connected)
})
