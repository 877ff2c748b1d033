import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { encodeFrame } from '../../packages/core/src/frame.ts'
import { RawClient, rawHello, rawJoin } from '../tools/raw.ts'
import { serveByHand } from '../tools/served.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

test('limits: a socket that says no hello is closed after helloTimeout, not before', async t => {
  const { clock, raw } = serveByHand(t)
  const [silent, late] = [raw(), raw()]
  await silent.next('challenge')
  await clock.advance(4000)
  t.notOk(silent.closed)
  await late.hello()
  await clock.advance(1500)
  await silent.settled()
  t.equal(silent.closed?.code, 4008)
  t.notOk(late.closed, 'who said it in time stays')
})

test('limits: a hello that a gate takes too long over ends by the same deadline, and is told so', async t => {
  let asked = false
  const { clock, raw } = serveByHand(t, { authorize: () => new Promise(() => (asked = true)) })
  const client = raw()
  await client.next('challenge')
  client.send(rawHello({ id: client.id }))
  await until(() => asked)
  await clock.advance(6000)
  await until(() => client.closed !== undefined)
  t.deepEqual([client.closed?.code, client.closed?.reason], [4008, 'hello was not answered in time'])
})

test('limits: 64 KiB may wait behind hello, not more', async t => {
  for (const [size, code] of [
    [60_000, undefined],
    [70_000, 4004]
  ] as const) {
    // A gate that hangs keeps hello from being done.
    const { raw } = serveByHand(t, { authorize: () => new Promise(() => {}) })
    const client = raw()
    await client.next('challenge')
    client.send(rawHello({ id: client.id }))
    const frame = encodeFrame(rawJoin(randomBytes(32), { info: new Uint8Array(958) }))
    for (let sent = 0; sent < size; sent += frame.length) client.bytes(frame)
    client.send({ kind: 'ping', requestId: 3, received: 0 })
    await new Promise(resolve => setImmediate(resolve))
    t.equal(client.closed?.code, code, `${size} bytes`)
  }
})

test('limits: behind hello small frames count for more than their bytes, as they take more', async t => {
  const ping = encodeFrame({ kind: 'ping', requestId: 3, received: 0 })
  const leave = encodeFrame({ kind: 'leave', requestId: 3, topic: randomBytes(32) })
  for (const [name, frame, count, code] of [
    [
      'the most that a client of ours sends before it is welcomed',
      leave,
      Math.floor(32_768 / leave.length),
      undefined
    ],
    ['as many bytes in pings', ping, Math.floor(32_768 / ping.length), 4004]
  ] as const) {
    const { raw } = serveByHand(t, { authorize: () => new Promise(() => {}) })
    const client = raw()
    await client.next('challenge')
    client.send(rawHello({ id: client.id }))
    for (let sent = 0; sent < count; sent++) client.bytes(frame)
    await new Promise(resolve => setImmediate(resolve))
    t.equal(client.closed?.code, code, `${name}: ${count}`)
  }
})

test('limits: a client that is silent for two ping intervals is closed, one that answers stays', async t => {
  const { clock, server } = serveByHand(t)
  const alive = new SocketSignalMemoryClient(server, { clock })
  t.teardown(() => alive.close())
  await alive.open()
  const dead = new RawClient(server.dial())
  await dead.hello()
  for (let at = 0; at < 40; at++) await clock.advance(1000)
  t.equal(dead.closed?.code, 4002)
  t.ok(dead.received.filter(({ kind }) => kind === 'ping').length >= 1, 'it was asked')
  t.ok(alive.connected)
  t.equal(server.connections.size, 1)
})

test('limits: the client finds out as well when its server falls silent', async t => {
  const { clock, server } = serveByHand(t)
  const client = new SocketSignalMemoryClient(server, { clock, random: () => 0.5 })
  t.teardown(() => client.close())
  const seen = record(client, 'connected', 'disconnected')
  await client.open()
  server.pairs[0]?.partition(true)
  for (let at = 0; at < 46 && seen.length < 2; at++) await clock.advance(1000)
  t.same([seen[1]?.event, seen[1]?.args[0], seen[1]?.args[1].code], ['disconnected', true, 4002])
  await clock.advance(500)
  await until(() => seen.length === 3)
  t.same(
    [seen[2]?.event, seen[2]?.args],
    ['connected', [true, { resumed: true, lost: 0 }]],
    'and comes back over another socket'
  )
})

test('limits: 64 KiB a frame; the sender is told before it sends, that request alone fails', async t => {
  const { server, raw } = serveByHand(t)
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  await client.open()
  const topic = randomBytes(32)
  await client.join(topic)
  const moderate = (size: number) => rejection(client.moderate(topic, randomBytes(32), randomBytes(size)))
  t.equal((await moderate(65_536 - 70)).code, 'FORBIDDEN', 'at the limit it arrives')
  t.equal((await moderate(65_536 - 69)).code, 'TOO_LARGE', 'past it, it is not sent')
  t.equal((await rejection(client.publish(topic, randomBytes(16_384 - 169)))).code, 'TOO_LARGE')
  await client.publish(topic, randomBytes(16_384 - 170))
  t.ok(client.connected)
  const rude = raw()
  await rude.hello()
  await rude.join(topic)
  rude.addressed('message', { topic, body: randomBytes(16_384 - 169) }, 7)
  t.equal((await rude.next('error')).code, 'TOO_LARGE', 'the server holds it as well')
})

test('limits: 128 topics a connection', async t => {
  const { server } = serveByHand(t)
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  const topics = Array.from({ length: 128 }, () => randomBytes(32))
  await Promise.all(topics.map(topic => client.join(topic)))
  t.equal((await rejection(client.join(randomBytes(32)))).code, 'LIMIT_TOPICS')
  await client.leave(topics[0] as Buffer)
  t.same(await client.join(randomBytes(32)), [], 'after a leave there is room')
})

test('limits: over its frame rate a socket is read more slowly, after ten seconds of it closed', async t => {
  const { raw, clock } = serveByHand(t, { frameRate: 50, frameBurst: 200 })
  const [busy, control] = [raw(), raw()]
  await Promise.all([busy.hello(), control.hello()])
  const pings = (client: RawClient, count: number) => {
    for (let at = 1; at <= count; at++) client.send({ kind: 'ping', requestId: at, received: 0 })
  }
  const pongs = () => busy.received.filter(({ kind }) => kind === 'pong').length
  pings(busy, 300)
  await clock.advance(0)
  t.ok(pongs() >= 195 && pongs() <= 205, `the burst at once: ${pongs()}`)
  await clock.advance(1000)
  t.ok(pongs() >= 245 && pongs() <= 255, `then fifty a second: ${pongs()}`)
  await clock.advance(2000)
  t.equal(pongs(), 300, 'nothing is dropped')
  t.notOk(busy.closed)
  for (let second = 0; second < 20 && !busy.closed; second++) {
    pings(busy, 60)
    await clock.advance(1000)
  }
  t.equal(busy.closed?.code, 4004)
  control.send({ kind: 'ping', requestId: 9, received: 0 })
  t.ok(await control.next('pong'), 'the control client noticed nothing')
})

test('limits: joins and messages over their rate are refused, and say when to try again', async t => {
  const { raw, topic, clock } = serveByHand(t, {
    joinRate: 10,
    joinBurst: 20,
    messageRate: 10,
    messageBurst: 5
  })
  const client = raw()
  await client.hello()
  for (let id = 2; id < 22; id++) client.send(rawJoin(topic, { requestId: id }))
  client.send(rawJoin(topic, { requestId: 22 }))
  const error = await client.next('error')
  t.same([error.requestId, error.code, error.retryable], [22, 'RATE_LIMITED', true])
  t.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 100)
  await clock.advance(error.retryAfterMs)
  await client.join(topic, { requestId: 23 })
  for (let id = 30; id < 36; id++) client.addressed('message', { topic }, id)
  t.equal((await client.next('error', frame => frame.requestId === 35)).code, 'RATE_LIMITED')
  await client.next('result', frame => frame.requestId === 34)
})

test('limits: a server that is full says so, and takes the next when one has gone', async t => {
  const { server, raw } = serveByHand(t, { maxConnections: 2 })
  const [one, two, three] = [raw(), raw(), raw()]
  await one.hello()
  await two.hello()
  await three.settled()
  t.equal(three.closed?.code, 4006)
  one.close()
  await until(() => server.connections.size === 1)
  const four = raw()
  await four.hello()
  t.notOk(four.closed)
})

test('limits: an option that is no number is a TypeError', t => {
  for (const wrong of [Number.NaN, -1, '5' as never]) {
    t.throws(() => new SocketSignalMemoryServer({ maxTopics: wrong }), /maxTopics/)
  }
  t.end()
})

test('limits: a client within them is only slowed down by a hook that is slow', async t => {
  let slow = false
  const { server, topic } = serveByHand(t, {
    authorize: async () => {
      if (slow) await new Promise(resolve => setTimeout(resolve, 5))
      return true
    }
  })
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  await client.join(topic)
  slow = true
  await Promise.all(Array.from({ length: 50 }, () => client.publish(topic, randomBytes(15_000))))
  t.ok(client.connected, '750 KB were taken one after the other')
})
