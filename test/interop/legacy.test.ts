import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientOf, type Generation, type Published, servePublished } from '../tools/published.ts'
import { test } from '../tools/test.ts'
import { next, rejection, until } from '../tools/wait.ts'

// Every one with every other, in both directions; 11 are our own clients.
const PAIRINGS: [Generation, Generation][] = [
  [9, 9],
  [10, 10],
  [9, 10],
  [10, 9],
  [9, 11],
  [11, 9],
  [10, 11],
  [11, 10]
]

for (const [from, to] of PAIRINGS) {
  test(`legacy: ${from} dials ${to}, data and renegotiation pass, and both leave`, async t => {
    const { server, topic, make } = await servePublished(t)
    const [caller, callee] = pair(make, from, to)
    t.deepEqual(hex(await callee.join(topic)), listed(to, callee), 'the first one in its topic')
    const known = [callee.id, ...(from === 11 ? [] : [caller.id])]
    t.deepEqual(hex(await caller.join(topic)), hex(known), 'the second finds it')
    t.deepEqual(hex(await caller.lookup(topic)), hex(known), 'as does a lookup')
    t.equal(server.signal.stats().connections, 2, 'two connections, as anybody else has')

    const incoming = next(callee as never, 'peer-connected' as never)
    const peer = caller.connect(topic, callee.id, { metadata: { wish: 'chat' } })
    peer.subscribeMediaStream = true
    await peer.ready()
    const remote = peerOf((await incoming)[0])
    remote.subscribeMediaStream = true
    t.deepEqual(hex([remote.id, remote.topic]), hex([caller.id, topic]), 'the callee knows who and where')
    t.deepEqual(told(from, peer), { name: 'callee' }, 'the caller has the metadata of the callee')
    t.deepEqual(told(to, remote), { name: 'caller', wish: 'chat' }, 'and the other way round')

    const heard = once(remote.stream, 'data')
    peer.stream.write('hello')
    t.equal(String((await heard)[0]), 'hello', 'data passes')
    const negotiated = Promise.all([once(peer.stream, 'negotiated'), once(remote.stream, 'negotiated')])
    peer.stream.negotiate()
    await negotiated
    t.pass('an offer and its answer pass as signals')

    await caller.leave(topic)
    t.deepEqual(hex(await callee.lookup(topic)), listed(to, callee), 'who has left is not listed')
    await callee.leave(topic)
    t.equal(server.signal.stats().topics, 0, 'the topic is gone')
  })

  test(`legacy: ${to} refuses ${from} with its words`, async t => {
    const { topic, make } = await servePublished(t)
    const [caller, callee] = pair(make, from, to)
    callee.onIncomingPeer(() => {
      throw new Error('not today')
    })
    await callee.join(topic)
    await caller.join(topic)
    const error = await rejection(caller.connect(topic, callee.id).ready())
    t.equal(error.message, 'not today', 'the words of the callee')
    t.equal(error.code, from === 11 ? 'REJECTED' : 'NRPC_ERR_RESPONSE_ERROR', 'the code that they have')
    const nobody = await rejection(caller.connect(topic, randomBytes(32)).ready())
    t.equal(nobody.code, from === 11 ? 'PEER_NOT_FOUND' : 'ERR_PEER_NOT_FOUND', 'nobody is told as such')
  })
}

for (const [from, to] of PAIRINGS.filter(([from, to]) => from !== 9 && to !== 9))
  test(`legacy: ${from} asks ${to} to dial`, async t => {
    const { topic, make } = await servePublished(t)
    const [caller, callee] = pair(make, from, to) as [ClientOf<10>, Published]
    await callee.join(topic)
    await caller.join(topic)
    const peer = caller.remoteConnect(topic, callee.id, { metadata: { wish: 'be dialed' } })
    const incoming = next(callee as never, 'peer-connected' as never)
    await peer.ready()
    const remote = peerOf((await incoming)[0])
    t.deepEqual(hex([remote.id, remote.sessionId]), hex([caller.id, peer.sessionId]), 'in the same session')
    t.deepEqual(told(from, peer), { name: 'callee' }, 'metadata came with it')
    t.equal(told(to, remote).wish, 'be dialed', 'in both directions')
  })

for (const from of [10, 11] as const)
  test(`legacy: 9 can't be asked to dial, and ${from} is told`, async t => {
    const { topic, make } = await servePublished(t)
    const [caller, callee] = pair(make, from, 9) as [ClientOf<10>, Published]
    await callee.join(topic)
    await caller.join(topic)
    const error = await rejection(
      from === 11
        ? caller.remoteConnect(topic, callee.id).ready()
        : caller.rpc.call('socket-signal-remote-connect', {
            ...{ id: caller.id, remoteId: callee.id, topic, sessionId: randomBytes(32), metadata: {} }
          })
    )
    t.match(error.message, /too old to be asked to dial/, error.message)
  })

for (const old of [9, 10] as const)
  test(`legacy: without a server, ${old} is opened no second channel, which it would take for its first`, async t => {
    const { server, topic, make } = await servePublished(t)
    const [caller, callee] = [make(11), make(old) as Published]
    await callee.join(topic)
    await caller.join(topic)
    const incoming = next(callee as never, 'peer-connected' as never)
    const peer = caller.connect(topic, callee.id)
    await peer.ready()
    const remote = peerOf((await incoming)[0])
    const gone = next(caller, 'disconnected')
    await server.close()
    await gone
    peer.subscribeMediaStream = true
    const said = peer.signals.length
    Object(peer.stream).negotiate()
    await until(() => peer.signals.slice(said).some(({ type }) => type === 'offer'))
    // Long enough for a channel to open.
    await new Promise(resolve => setTimeout(resolve, 500))
    const heard = once(peer.stream as never, 'data')
    remote.stream.write('still here')
    t.equal(String((await heard)[0]), 'still here', 'what it writes comes where it came before')
  })

test('legacy: bytes in metadata stay bytes between published clients, and are text for ours', async t => {
  const { topic, make } = await servePublished(t)
  const [nine, ten, eleven] = [make(9), make(10), make(11)]
  for (const client of [nine, ten, eleven]) await client.join(topic)
  const peers: { [name: string]: unknown }[] = []
  ten.on('peer-connected', (({ peer }: { peer: { remoteMetadata: object } }) => {
    peers.push({ ...peer.remoteMetadata })
  }) as never)
  eleven.on('peer-connected', ({ peer }) => void peers.push({ ...peer.remoteMetadata }))
  const metadata = { key: Buffer.from('bytes') }
  await nine.connect(topic, ten.id, { metadata }).ready()
  await nine.connect(topic, Buffer.from(eleven.id), { metadata }).ready()
  await until(() => peers.length === 2)
  t.deepEqual(peers[0], { key: Buffer.from('bytes') }, 'a Buffer')
  t.deepEqual(peers[1], { key: 'base64:Ynl0ZXM=' }, 'as it stands in their JSON')
})

test('legacy: the heartbeat of 9 is answered, before it has joined and after', async t => {
  const { server, topic, make } = await servePublished(t)
  const client = make(9, { heartbeat: { interval: 50, timeout: 2_000 } })
  const errors: unknown[] = []
  client.on('ping-error', ((error: unknown) => errors.push(error)) as never)
  await client.open()
  const [first] = await next(client as never, 'ping' as never)
  t.equal(typeof first, 'number', 'the time of the server')
  t.equal(server.signal.stats().connections, 0, 'it has not said who it is')
  await client.join(topic)
  await next(client as never, 'ping' as never)
  t.deepEqual(errors, [], 'no ping failed')
})

test('legacy: a client that only answers pings of the server is kept', async t => {
  const { server, topic, make } = await servePublished(t, { pingInterval: 1_000 })
  const [nine, ten] = [make(9), make(10)]
  await nine.join(topic)
  await ten.join(topic)
  await new Promise(resolve => setTimeout(resolve, 4_500))
  t.equal(server.signal.stats().connections, 2, 'after four intervals both are there')
  t.deepEqual(hex(await nine.lookup(topic)), hex([nine.id, ten.id]), 'and are answered')
})

test('legacy: leaving without a topic leaves all of them', async t => {
  const { server, make } = await servePublished(t)
  const [nine, ten] = [make(9), make(10)]
  for (let i = 0; i < 5; i++) await Promise.all([nine.join(randomBytes(32)), ten.join(randomBytes(32))])
  t.equal(server.signal.stats().topics, 10, 'ten topics')
  await nine.leave()
  await ten.leave()
  await nine.leave()
  t.equal(server.signal.stats().topics, 0, 'none')
})

test('legacy: names that nobody knows are answered as published servers answer them', async t => {
  const { topic, make } = await servePublished(t)
  for (const client of [make(9), make(10)]) {
    await client.join(topic)
    const error = await rejection(client.rpc.call('nonsense', {}))
    t.equal(error.code, 'NRPC_ERR_NAME_MISSING', error.message)
    t.match(error.message, /missing action handler for: nonsense/, 'with its name')
    t.equal(await client.rpc.emit('nonsense', {}), null, "an event is nobody's")
  }
})

test('legacy: 9 comes back on another socket, joins with its id, and is found', async t => {
  const { server, topic, make } = await servePublished(t)
  const [nine, ten] = [make(9), make(10)]
  await nine.join(topic)
  await ten.join(topic)
  const gone = next(server.signal, 'disconnection')
  const back = next(nine as never, 'connected' as never)
  nine._ws.reconnect()
  await Promise.all([gone, back])
  await until(async () => (await nine.join(topic).catch(() => [])).length === 2)
  await ten.connect(topic, nine.id).ready()
  t.pass('dialed on its new socket')
})

/** Two clients, which the tests use in the ways that all of them have. */
function pair(
  make: Awaited<ReturnType<typeof servePublished>>['make'],
  from: Generation,
  to: Generation
): [Published, Published] {
  const caller = make(from, { metadata: { name: 'caller' } })
  return [caller as Published, make(to, { metadata: { name: 'callee' } }) as Published]
}

function hex(ids: Uint8Array[]): string[] {
  return ids.map(id => Buffer.from(id).toString('hex')).sort()
}

/** Published clients expect themselves in lists. */
function listed(generation: Generation, { id }: Published): string[] {
  return generation === 11 ? [] : hex([id])
}

/** 9 hands on the peer itself. */
function peerOf(event: unknown): ReturnType<Published['connect']> {
  return (event as { peer?: never }).peer ?? (event as never)
}

/** What the remote has said of itself: with 9, the metadata of the peer. */
function told(generation: Generation, peer: ReturnType<Published['connect']>): { [name: string]: unknown } {
  return { ...(generation === 9 ? peer.metadata : peer.remoteMetadata) }
}
