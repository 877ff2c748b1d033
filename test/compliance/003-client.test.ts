import { randomBytes } from 'node:crypto'
import { generateKeyPair, Peer, SocketSignalClient } from 'socket-signal'
import { SocketSignalMemoryClient } from 'socket-signal-memory'
import { clientOptions, duplex, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'

test('003.1 client: a subclass may override _open, _close, _onOffer, _onAnswer and _onIncomingPeer', async t => {
  const { server, rtc, topic } = await story(t, { clients: [] })
  const seen: string[] = []
  class YourClient extends SocketSignalMemoryClient {
    protected override async _open(): Promise<void> {
      await super._open()
      seen.push('open')
    }
    protected override async _close(): Promise<void> {
      await super._close()
      seen.push('close')
    }
    protected override async _onOffer(data: { offer?: { type: string } }): Promise<undefined> {
      seen.push(`offer:${data.offer?.type}`)
    }
    protected override async _onAnswer(data: { answer?: { type: string } }): Promise<void> {
      seen.push(`answer:${data.answer?.type}`)
    }
    protected override async _onIncomingPeer(peer: Peer): Promise<void> {
      seen.push(`incoming:${peer instanceof Peer}`)
    }
  }
  const [alice, bob] = [
    new YourClient(server, clientOptions(rtc)),
    new YourClient(server, clientOptions(rtc))
  ]
  await alice.open()
  await bob.join(topic)
  await alice.connect(topic, bob.id).ready()
  await alice.close()
  await bob.close()
  t.same(seen, ['open', 'open', 'offer:offer', 'incoming:true', 'answer:answer', 'close', 'close'])
})

test('003.2 client: takes a socket and options, with the documented defaults and a concurrency of 8', async t => {
  const { server } = await story(t, { clients: [] })
  class Client extends SocketSignalClient {}
  const client = new Client(server.dial(), { metadata: { name: 'one' }, simplePeer: { trickle: true } })
  t.equal(client.requestTimeout, 15_000)
  t.same(client.concurrency, { incoming: 8, outgoing: 8 })
  t.same(client.metadata, { name: 'one' })
  await client.open()
  t.ok(client.connected, 'over the socket that it was given')
  await client.close()
  const other = new Client(null, { requestTimeout: 500, concurrency: 2, id: randomBytes(32) })
  t.equal(other.requestTimeout, 500)
  t.same(other.concurrency, { incoming: 2, outgoing: 2 })
  t.throws(() => new Client(null, { concurrency: 0 }), TypeError)
  t.throws(() => new Client(null, { requestTimeout: -1 }), TypeError)
  t.throws(() => new Client(null, { metadata: 'text' as never }), TypeError)
})

test('003.3 client: without an id it makes a key pair, with a keyPair it keeps one, a bare id is unproven', async t => {
  const { server, alice, bob } = await story(t)
  t.equal(alice.id.length, 32)
  t.notDeepEqual(alice.id, bob.id)
  const connections = [...server.connections]
  t.ok(
    connections.every(({ proven }) => proven),
    'proven by its key'
  )
  const keyPair = await generateKeyPair()
  const first = new SocketSignalMemoryClient(server, { keyPair })
  t.throws(() => first.id, /open\(\)/, 'before open it says why there is no id')
  await first.open()
  const id = first.id
  await first.close()
  const second = new SocketSignalMemoryClient(server, { keyPair })
  await second.open()
  t.same(second.id, id, 'the same key gives the same id')
  await second.close()
  const bare = new SocketSignalMemoryClient(server, { id: randomBytes(32) })
  await bare.open()
  t.equal(
    [...server.connections].find(({ id }) => bare.id.every((byte, at) => byte === id[at]))?.proven,
    false
  )
  await bare.close()
  t.throws(() => new SocketSignalMemoryClient(server, { id: randomBytes(32), keyPair }), TypeError)
  const web = (await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify'])) as CryptoKeyPair
  const third = new SocketSignalMemoryClient(server, { keyPair: web })
  await third.open()
  t.same(new Uint8Array(third.id), new Uint8Array(await crypto.subtle.exportKey('raw', web.publicKey)))
  await third.close()
})

test('client: a bare id takes and finds others without a key; who has a key asks for one, unless told otherwise', async t => {
  const { alice, bob, carol, clients, topic } = await story(t, {
    clients: [{ id: randomBytes(32) }, { id: randomBytes(32) }, {}, { verify: 'optional' }]
  })
  const dave = clients[3] as SocketSignalMemoryClient
  for (const client of [bob, carol, dave]) await client.join(topic)
  t.ok((await alice.connect(topic, bob.id).ready()).connected)
  t.ok((await alice.connect(topic, dave.id).ready()).connected)
  t.equal((await rejection(carol.connect(topic, bob.id).ready())).code, 'UNPROVEN_ID')
})

test('003.4 client: an id or topic that is not 32 bytes throws at once and says what was given', async t => {
  const { alice, topic } = await story(t)
  for (const wrong of [randomBytes(31), randomBytes(33), 'a'.repeat(32), topic.toString('hex'), null, 32]) {
    const bad = wrong as Uint8Array
    t.throws(() => new SocketSignalMemoryClient({ dial: () => null as never }, { id: bad ?? 1 }), TypeError)
    t.throws(() => alice.connect(bad, randomBytes(32)), TypeError)
    t.throws(() => alice.connect(topic, bad), TypeError)
    t.throws(() => alice.remoteConnect(topic, bad), TypeError)
    t.throws(() => alice.getPeersByTopic(bad), TypeError)
    for (const call of [
      () => alice.join(bad),
      () => alice.leave(bad),
      () => alice.lookup(bad),
      () => alice.publish(bad, 1),
      () => alice.watch(bad, randomBytes(32)),
      () => alice.watch(topic, bad),
      () => alice.history(bad),
      () => alice.moderate(topic, bad, {}),
      () => alice.closeConnectionsByTopic(bad)
    ]) {
      t.ok((await rejection(call())) instanceof TypeError)
    }
  }
  t.throws(() => alice.connect(randomBytes(31), randomBytes(32)), /31 bytes/)
  t.throws(() => alice.connect('abc' as never, randomBytes(32)), /a string of 3 characters/)
})

test('003.5 client: open and close are promises and may be called twice', async t => {
  const { server, rtc } = await story(t, { clients: [] })
  const client = new SocketSignalMemoryClient(server, clientOptions(rtc))
  await Promise.all([client.open(), client.open()])
  await client.open()
  t.equal(server.connections.size, 1, 'one socket')
  t.equal(client.status, 'open')
  await Promise.all([client.close(), client.close()])
  await client.close()
  t.equal(client.status, 'closed')
  t.equal((await rejection(client.open())).code, 'CLOSED')
  t.equal((await rejection(client.join(randomBytes(32)))).code, 'CLOSED')
})

test('003.6 client: join gives the peers that are there, without this client', async t => {
  const { alice, bob, topic } = await story(t)
  t.same(await alice.join(topic), [])
  t.same(await bob.join(topic), [alice.id])
  t.same(await alice.join(topic), [bob.id], 'a second join tells who has come')
})

test('003.7 client: leave takes it out of the topic and keeps its peers', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  const peer = await alice.connect(topic, bob.id).ready()
  await bob.leave(topic)
  t.same(await alice.lookup(topic), [])
  t.ok(peer.connected)
  await until(() => bob.peersConnected.length === 1)
  const [data] = await Promise.all([
    next(duplex(bob.peersConnected[0] as Peer), 'data'),
    duplex(peer).write('still here')
  ])
  t.equal(String(data[0]), 'still here')
})

test('003.8 client: closeConnectionsByTopic closes them all and resolves when they are closed', async t => {
  const { alice, bob, carol, topic } = await story(t, { clients: [{}, {}, {}] })
  const other = randomBytes(32)
  await Promise.all([bob.join(topic), carol.join(topic), carol.join(other)])
  await Promise.all([alice.connect(topic, bob.id).ready(), alice.connect(topic, carol.id).ready()])
  const kept = await alice.connect(other, carol.id).ready()
  const closing = alice.getPeersByTopic(topic)
  const ends = closing.map(peer => record(peer, 'close'))
  const slow = closing[1]?.stream as { destroy(error?: Error): void }
  const destroy = slow.destroy.bind(slow)
  slow.destroy = error => void setTimeout(destroy, 30, error)
  await alice.closeConnectionsByTopic(topic)
  t.same(
    ends.map(({ length }) => length),
    [1, 1],
    'also one that takes its time'
  )
  t.same(alice.peers, [kept])
  await until(() => bob.peers.length === 0)
  t.pass('and the other side sees it')
})
