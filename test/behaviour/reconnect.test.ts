import { randomBytes } from 'node:crypto'
import { SignalError } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { deterministicCrypto, ManualClock } from 'socket-signal-testing'
import type { Test } from 'tape'
import { duplex, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'

const quick = { reconnect: { base: 1, max: 5 } }

test('reconnect: a broken socket comes back, joins again and tells the difference', async t => {
  const { server, alice, bob, carol, topic } = await story(t, {
    server: { resumeWindow: 0 },
    clients: [quick, quick, quick]
  })
  await Promise.all([bob.join(topic), carol.join(topic)])
  await alice.join(topic, { watch: true })
  const seen = record(alice, 'connected', 'disconnected', 'join', 'peer-joined', 'peer-left')
  await bob.leave(topic)
  await until(() => seen.length === 1)
  server.pairs[0]?.break()
  await carol.leave(topic)
  await bob.join(topic)
  await until(() => seen.some(({ event }) => event === 'join'))
  t.same(
    seen.map(({ event, args }) => [event, args[0].id ?? args[0].peers ?? args[0]]),
    [
      ['peer-left', bob.id],
      ['disconnected', true],
      ['connected', true],
      ['peer-left', carol.id],
      ['peer-joined', bob.id],
      ['join', [bob.id]]
    ]
  )
})

test('reconnect: live peer connections do not notice', async t => {
  const { server, alice, bob, topic } = await story(t, { clients: [quick, quick] })
  await bob.join(topic)
  const peer = await alice.connect(topic, bob.id).ready()
  await until(() => bob.peersConnected.length === 1)
  const back = Promise.all([next(alice, 'connected'), next(bob, 'connected')])
  for (const pair of server.pairs) pair.break()
  const heard = next(duplex(bob.peersConnected[0] as never), 'data')
  duplex(peer).write('meanwhile')
  t.equal(String((await heard)[0]), 'meanwhile')
  await back
  t.ok(peer.connected)
  t.same(await alice.lookup(topic), [bob.id], 'and bob has joined again')
})

test('reconnect: calls made while the socket is down wait for it within their own deadline', async t => {
  const { server, alice, bob, topic } = await story(t, { clients: [quick, {}] })
  await bob.join(topic)
  server.pairs[0]?.break()
  await next(alice, 'disconnected')
  t.same(await alice.lookup(topic), [bob.id], 'a lookup')
  server.pairs.at(-1)?.break()
  await next(alice, 'disconnected')
  t.ok((await alice.connect(topic, bob.id).ready()).connected, 'a dial')
  const controller = new AbortController()
  const lonely = new SocketSignalMemoryClient(
    { dial: () => Promise.reject(new Error('no route')) as never },
    quick
  )
  t.teardown(() => lonely.close())
  const waiting = rejection(lonely.join(topic, { signal: controller.signal }))
  controller.abort(new Error('had enough'))
  t.equal((await waiting).message, 'had enough')
})

test('reconnect: an offer whose socket breaks is sent again, and asked of the remote once', async t => {
  const { server, alice, bob, topic } = await story(t, { clients: [quick, {}] })
  await bob.join(topic)
  let [asked, release] = [0, () => {}]
  bob.onOffer(() => {
    asked++
    return new Promise<void>(resolve => (release = resolve))
  })
  const peer = alice.connect(topic, bob.id)
  await until(() => asked === 1)
  server.pairs[0]?.break()
  await next(alice, 'connected')
  await until(() => server.stats().offers === 1)
  release()
  await peer.ready()
  t.equal(asked, 1)
})

test('reconnect: false stays away, and says why to who calls', async t => {
  const { server, alice } = await story(t, { clients: [{ reconnect: false }] })
  const down = next(alice, 'disconnected')
  server.pairs[0]?.break()
  t.equal((await down)[0], false)
  const error = await rejection(alice.lookup(randomBytes(32)))
  t.same([error.code, error.retryable], ['CLOSED', false])
})

test('reconnect: a terminal close code ends it', async t => {
  const { server, alice } = await story(t, { clients: [quick] })
  const down = next(alice, 'disconnected')
  ;[...server.connections][0]?.close('KICKED', 'out')
  const [willReconnect, { code, error }] = await down
  t.same([willReconnect, code, error.code], [false, 4506, 'KICKED'])
  t.equal((await rejection(alice.join(randomBytes(32)))).code, 'KICKED')
})

test('reconnect: waits with full jitter, doubling to the cap, and begins anew after a good socket', async t => {
  const clock = new ManualClock()
  const dials: number[] = []
  const server = new SocketSignalMemoryServer({ clock, crypto: deterministicCrypto(2) })
  let down = true
  const dial = () => {
    dials.push(clock.now())
    if (down) throw new Error('refused')
    return server.dial()
  }
  const client = new SocketSignalMemoryClient(
    { dial },
    {
      clock,
      crypto: deterministicCrypto(1),
      random: () => 1,
      requestTimeout: 200_000
    }
  )
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const errors = record(client, 'connect-error')
  const opening = client.open()
  await until(() => dials.length === 1)
  for (let second = 0; second < 70; second++) await clock.advance(1000)
  const waits = dials.slice(1).map((at, index) => at - (dials[index] as number))
  t.same(waits.slice(0, 7), [500, 1000, 2000, 4000, 8000, 16_000, 20_000])
  t.ok(errors.every(({ args }) => args[0].code === 'CONNECT_FAILED' && args[1] === true))
  down = false
  for (let second = 0; second < 21; second++) await clock.advance(1000)
  await opening
  await clock.advance(6000)
  const { length } = dials
  server.pairs.at(-1)?.break()
  await until(() => !client.connected)
  await clock.advance(500)
  await until(() => dials.length === length + 1)
  t.pass('back within 500 ms')
})

test('reconnect: a server that says when to come back is heeded', async t => {
  const { server, clock, client, connected } = await slow(t)
  const [connection] = [...server.connections]
  connection?.send({ kind: 'goodbye', requestId: 0, code: 4000, retryAfterMs: 7000, reason: 'deploy' })
  await until(() => !client.connected)
  await clock.advance(6900)
  t.equal(connected(), 1)
  await clock.advance(200)
  await until(() => connected() === 2)
  t.pass('after 7 s')
})

test('open: rejects when nobody answers within its deadline, and may be tried again', async t => {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock })
  let [down, dials] = [true, 0]
  const dial = () => {
    dials++
    if (down) throw new Error('connect ECONNREFUSED')
    return server.dial()
  }
  const client = new SocketSignalMemoryClient({ dial }, { clock, requestTimeout: 2000 })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const failed = rejection(client.open())
  await until(() => dials > 0)
  for (let at = 0; at < 5; at++) await clock.advance(500)
  const error = await failed
  t.equal(error.code, 'TIMEOUT')
  t.match(error.message, /ECONNREFUSED/, 'with why the last try failed')
  down = false
  const before = dials
  for (let at = 0; at < 60; at++) await clock.advance(1000)
  t.equal(dials, before, 'nothing is dialed behind it')
  t.equal(clock.pending, 0)
  t.same(await client.lookup(randomBytes(32)), [], 'before the next call')
  t.ok(client.connected)
})

test('close: during open, or before it, leaves nothing behind', async t => {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock })
  t.teardown(() => server.close())
  const never = new SocketSignalMemoryClient({ dial: () => new Promise(() => {}) as never }, { clock })
  const opening = rejection(never.open())
  await never.close()
  t.equal((await opening).code, 'CLOSED')
  const unopened = new SocketSignalMemoryClient(server, { clock })
  await unopened.close()
  t.equal(unopened.status, 'closed')
  {
    await using disposed = new SocketSignalMemoryClient(server, { clock })
    await disposed.open()
    t.equal(server.connections.size, 1)
  }
  await until(() => server.connections.size === 0)
  await server.close()
  t.equal(clock.pending, 0, 'no timer is left')
})

async function slow(t: Test) {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock })
  const client = new SocketSignalMemoryClient(server, { clock, random: () => 0 })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const seen = record(client, 'connected')
  await client.open()
  return { server, clock, client, connected: () => seen.length }
}

test('reconnect: many topics with much to say of oneself are joined again, though hello takes its time', async t => {
  let slow = false
  const server = new SocketSignalMemoryServer({
    resumeWindow: 0,
    authorize: async ({ action }) => {
      if (slow && action === 'hello') await new Promise(resolve => setTimeout(resolve, 50))
      return true
    }
  })
  const client = new SocketSignalMemoryClient(server, quick)
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const info = 'x'.repeat(1000)
  const topics = Array.from({ length: 128 }, () => randomBytes(32))
  await Promise.all(topics.map(topic => client.join(topic, { info })))
  slow = true
  const joined = record(client, 'join')
  const closed = record(client, 'disconnected')
  server.pairs[0]?.break()
  await until(() => joined.length === 128, 'all are joined again', 10)
  t.equal(closed.length, 1, 'over one new socket')
  t.equal(server.stats().topics, 128)
})

test('reconnect: a topic that is refused for now is tried again, one that is refused for good is told', async t => {
  const clock = new ManualClock()
  const answers: (SignalError | undefined)[] = []
  const server = new SocketSignalMemoryServer({
    clock,
    resumeWindow: 0,
    onJoin: () => {
      const error = answers.shift()
      if (error) throw error
    }
  })
  const client = new SocketSignalMemoryClient(server, { clock, random: () => 0 })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const topic = randomBytes(32)
  await client.join(topic)
  const seen = record(client, 'join', 'leave', 'dropped')
  answers.push(new SignalError('RATE_LIMITED', 'not now', { retryAfterMs: 3000 }))
  server.pairs[0]?.break()
  await until(() => !client.connected)
  await clock.advance(1)
  await until(() => client.connected && answers.length === 0)
  await clock.advance(2900)
  t.equal(seen.length, 0)
  await clock.advance(200)
  await until(() => seen.length === 1)
  t.equal(seen[0]?.event, 'join')
  t.equal(server.stats().topics, 1)
  answers.push(new SignalError('FORBIDDEN', 'no more'))
  server.pairs[1]?.break()
  await until(() => !client.connected)
  await clock.advance(1)
  await until(() => seen.length === 3)
  t.same(
    seen.slice(1).map(({ event }) => event),
    ['dropped', 'leave']
  )
})

test('reconnect: many topics at a server that takes few at once are joined one after the other, on one socket', async t => {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock, resumeWindow: 0, joinBurst: 40, joinRate: 10 })
  const client = new SocketSignalMemoryClient(server, { clock, random: () => 0 })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const topics = Array.from({ length: 100 }, () => randomBytes(32))
  for (const topic of topics) {
    await Promise.all([client.join(topic), clock.advance(0)])
    await clock.advance(110)
  }
  t.equal(server.stats().topics, 100)
  const closed = record(client, 'disconnected')
  server.pairs[0]?.break()
  await until(() => !client.connected)
  await clock.advance(1)
  await until(() => client.connected)
  for (let at = 0; at < 400 && server.stats().topics < 100; at++) await clock.advance(100)
  t.equal(server.stats().topics, 100)
  t.equal(closed.length, 1)
})

test('reconnect: a leave that is given up is not taken back', async t => {
  let release = () => {}
  const server = new SocketSignalMemoryServer({
    onLeave: () => new Promise<void>(resolve => (release = resolve))
  })
  const client = new SocketSignalMemoryClient(server, quick)
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const topic = randomBytes(32)
  await client.join(topic)
  const controller = new AbortController()
  const leaving = rejection(client.leave(topic, { signal: controller.signal }))
  await new Promise(resolve => setImmediate(resolve))
  controller.abort(new Error('enough'))
  t.equal((await leaving).message, 'enough')
  release()
  await until(() => server.stats().topics === 0)
  const back = next(client, 'connected')
  server.pairs[0]?.break()
  await back
  await client.lookup(topic)
  t.equal(server.stats().topics, 0)
})
