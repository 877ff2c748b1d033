import { randomBytes } from 'node:crypto'
import { duplexPair } from 'node:stream'
import { MemoryBackplane, MemoryCluster } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { toKey } from '../../packages/core/src/bytes.ts'
import { FLAG } from '../../packages/core/src/protocol.ts'
import { toSocket } from '../../packages/core/src/stream-socket.ts'
import { playedOpen, StubRtc } from '../tools/played.ts'
import { RawClient, rawHello, rawJoin, rawLookup } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { next, rejection, until } from '../tools/wait.ts'

test('connection: a request id that is in use ends the socket, so that no offer goes uncounted', async t => {
  const server = new SocketSignalMemoryServer()
  t.teardown(() => server.close())
  const [caller, callee] = [new RawClient(server.dial()), new RawClient(server.dial())]
  await Promise.all([caller.hello(), callee.hello()])
  const topic = randomBytes(32)
  await callee.join(topic)
  caller.addressed('offer', { address: callee.id, topic }, 7)
  caller.addressed('offer', { address: callee.id, topic }, 7)
  await caller.settled()
  t.equal(caller.closed?.code, 4500)
  await until(() => callee.received.some(({ kind }) => kind === 'offer'))
  t.equal(callee.received.filter(({ kind }) => kind === 'offer').length, 1, 'the first went through')
  t.equal(callee.closed, undefined)
})

test('connection: what a socket already holds is taken in order, each when the one before it is done', async t => {
  const server = new SocketSignalMemoryServer()
  t.teardown(() => server.close())
  const [near, far] = duplexPair()
  const socket = toSocket(near, 65_536)
  const client = new RawClient(toSocket(far, 65_536))
  client.send(rawHello({ id: client.id, audience: client.audience }))
  client.send(rawJoin(randomBytes(32)))
  await new Promise(setImmediate)
  await server.addSocket(socket)
  await client.next('result')
  t.deepEqual(
    client.received.map(({ kind }) => kind),
    ['challenge', 'welcome', 'result']
  )
})

test('connection: who asks and never reads is closed as SLOW_CONSUMER, with its queue bounded', async t => {
  const cluster = new MemoryCluster()
  const topic = randomBytes(32)
  for (let i = 0; i < 1000; i++) {
    const id = randomBytes(32)
    cluster.topics.set(toKey(topic), { id, key: toKey(id), info: new Uint8Array(1024) })
  }
  const server = new SocketSignalMemoryServer({ backplane: new MemoryBackplane({ cluster }) })
  t.teardown(() => server.close())
  const socket = server.dial()
  const client = new RawClient(socket)
  await client.hello()
  socket.pause?.()
  const [connection] = server.connections
  let most = 0
  for (let i = 1; i <= 200; i++) {
    client.send(rawLookup(topic, { requestId: i, limit: 1000, details: true }))
    await new Promise(setImmediate)
    most = Math.max(most, connection?.bufferedAmount ?? 0)
  }
  t.ok(connection?.closed, 'closed')
  t.ok(most > 1024 * 1024, `${most} bytes: it was over the limit`)
  t.ok(most < 4 * 1024 * 1024, `${most} bytes: by no more than an answer or two`)
  socket.resume?.()
  await client.settled()
  t.equal(client.closed?.code, 4001)
})

test('connection: a server with a larger maxPayload carries larger offers, up to what every client takes', async t => {
  const rtc = (own: { initiator: boolean }) => new StubRtc(own) as never
  for (const [maxPayload, size] of [
    [64 * 1024, 60_000],
    [200 * 1024, 190_000]
  ] as const) {
    const server = new SocketSignalMemoryServer({ maxPayload })
    const [alice, bob] = [
      new SocketSignalMemoryClient(server, { rtc }),
      new SocketSignalMemoryClient(server, { rtc })
    ]
    t.teardown(() => Promise.all([alice.close(), bob.close()]).then(() => server.close()))
    await bob.open()
    const topic = randomBytes(32)
    await bob.join(topic)
    const peer = alice.connect(topic, bob.id, { metadata: { large: 'x'.repeat(size) } })
    t.ok((await peer.ready()).connected, `${size} of ${maxPayload}`)
    const larger = alice.connect(topic, bob.id, { metadata: { large: 'x'.repeat(maxPayload) } })
    t.equal((await rejection(larger.ready())).code, 'TOO_LARGE')
    t.ok(alice.connected && bob.connected, 'the sockets stand')
  }
  t.doesNotThrow(() => new SocketSignalMemoryServer({ maxPayload: 1024 * 1024 }))
  t.throws(
    () => new SocketSignalMemoryServer({ maxPayload: 1024 * 1024 + 1 }),
    /TypeError: option maxPayload/
  )
})

test('connection: presence that was left out for one who watches single peers is asked for again', async t => {
  const { client, server } = await playedOpen(t)
  const [topic, id] = [randomBytes(32), randomBytes(32)]
  const present = (requestId: number) =>
    server.send({ kind: 'result', requestId, flags: FLAG.json, body: Buffer.from('{"present":true}') })
  const watching = client.watch(topic, id)
  present((await server.next('watch')).requestId)
  t.equal(await watching, true)
  const left = next(client, 'peer-left')
  server.received.length = 0
  server.send({
    kind: 'presence',
    requestId: 0,
    topic,
    resync: true,
    joined: [],
    left: [],
    away: [],
    back: []
  })
  const { requestId, watch } = await server.next('watch')
  t.ok(watch)
  server.send({ kind: 'result', requestId, flags: FLAG.json, body: Buffer.from('{"present":false}') })
  t.same((await left)[0], { topic, id })
})
