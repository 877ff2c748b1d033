import { randomBytes } from 'node:crypto'
import { generateKeyPair, Peer, SignalError, SocketSignalClient } from 'socket-signal'
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

test('003.9 client: connect gives a Peer at once that is not connected yet', async t => {
  const { alice, bob, topic, rtc } = await story(t)
  await bob.join(topic)
  const peer = alice.connect(topic, bob.id, { metadata: { why: 'test' }, simplePeer: { channelName: 'own' } })
  t.ok(peer instanceof Peer)
  t.notOk(peer.connected)
  t.equal(rtc.made, 0, 'no RTCPeerConnection yet')
  t.same(peer.metadata, { why: 'test' })
  await peer.ready()
  t.equal(
    (peer.stream as unknown as { channelName: string }).channelName,
    'own',
    'options for this connection'
  )
  await until(() => bob.peersConnected.length === 1)
  t.same(bob.peersConnected[0]?.remoteMetadata, { why: 'test' })
})

test('003.10 peer: has id, sessionId, topic, metadata, stream and subscribeMediaStream', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  const peer = alice.connect(topic, bob.id)
  const second = alice.connect(topic, bob.id)
  t.same(peer.id, bob.id)
  t.same(peer.topic, topic)
  t.ok([alice.id, peer.id, peer.topic, peer.sessionId].every(Buffer.isBuffer), 'Buffers, in Node')
  t.equal(peer.sessionId.length, 32)
  t.notDeepEqual(peer.sessionId, second.sessionId)
  t.same(peer.metadata, {})
  t.equal(peer.subscribeMediaStream, false)
  t.equal(typeof duplex(peer).write, 'function')
  await Promise.all([peer.ready(), second.ready()])
  await until(() => bob.peersConnected.length === 2)
  t.same(
    bob.peersConnected.map(({ sessionId }) => sessionId).sort(Buffer.compare),
    [peer.sessionId, second.sessionId].sort(Buffer.compare)
  )
})

test('003.11 peer: ready resolves when connected and rejects when rejected', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  const peer = alice.connect(topic, bob.id)
  t.equal(await peer.ready(), peer)
  t.ok(peer.connected)
  bob.onOffer(() => {
    throw new Error('not today')
  })
  const refused = alice.connect(topic, bob.id)
  t.equal((await rejection(refused.ready())).code, 'REJECTED')
  t.equal((await rejection(refused.ready())).code, 'REJECTED', 'also when asked later')
})

test('003.12 peer: addStream gives the peer and sends media from the first description on', async t => {
  const { alice, bob, topic, rtc } = await story(t)
  await bob.join(topic)
  const stream = rtc.createMediaStream() as unknown as MediaStream
  const peer = alice.connect(topic, bob.id)
  t.equal(peer.addStream(stream), peer)
  const [{ peer: incoming }] = await next(bob, 'peer-connected')
  await until(() => incoming.mediaStreams.length === 1)
  t.equal(incoming.mediaStreams[0].id, stream.id)
  await peer.ready()
  incoming.subscribeMediaStream = peer.subscribeMediaStream = true
  const back = rtc.createMediaStream() as unknown as MediaStream
  const seen = peer.waitForMediaStream()
  t.equal(await incoming.addMediaStream(back), undefined, 'addMediaStream is the promise form')
  t.equal((await seen).id, back.id)
})

test('003.13 peer: media renegotiation travels only with subscribeMediaStream, candidates always', async t => {
  const { alice, bob, topic, rtc } = await story(t)
  await bob.join(topic)
  const peer = await alice.connect(topic, bob.id).ready()
  const held = next(peer, 'signal')
  await peer.addMediaStream(rtc.createMediaStream() as unknown as MediaStream)
  const [signal] = await held
  t.equal(signal.type, 'offer', 'emitted, not sent')
  await until(() => bob.peersConnected.length === 1)
  t.equal(bob.peersConnected[0]?.mediaStreams.length, 0)

  const second = await alice.connect(topic, bob.id).ready()
  await until(() => bob.peersConnected.length === 2)
  const incoming = bob.peersConnected.find(({ sessionId }) =>
    second.sessionId.every((byte, at) => byte === sessionId[at])
  ) as Peer
  second.subscribeMediaStream = incoming.subscribeMediaStream = true
  const seen = incoming.waitForMediaStream()
  await second.addMediaStream(rtc.createMediaStream() as unknown as MediaStream)
  t.ok(await seen, 'sent through the server')

  const third = await alice.connect(topic, bob.id).ready()
  const stream = third.stream as unknown as {
    offerOptions: object
    negotiate(): void
    _pc: { localDescription: RTCSessionDescription }
  }
  const before = stream._pc.localDescription.sdp
  const restarted = record(third, 'signal')
  stream.offerOptions = { iceRestart: true }
  stream.negotiate()
  const target = () =>
    bob.peersConnected.find(({ sessionId }) => third.sessionId.every((byte, at) => byte === sessionId[at]))
  await until(() => ufragOf(remoteOf(target())) !== ufragOf(before), 'the ICE restart reaches the other side')
  t.same(restarted, [], 'an ICE restart is not held back')
  await until(() => target()?.connected === true)
  const taken: string[] = []
  const other = target()?.stream as unknown as { signal(signal: { candidate?: RTCIceCandidateInit }): void }
  const take = other.signal.bind(other)
  other.signal = each => {
    taken.push(String(each.candidate?.candidate))
    take(each)
  }
  const candidate = { candidate: 'candidate:77 1 udp 1 127.0.0.1 9 typ host', sdpMid: '0' }
  duplex(third).emit('signal', { type: 'candidate', candidate })
  await until(() => taken.includes(candidate.candidate), 'a candidate reaches the other side')
  t.same([third.subscribeMediaStream, restarted], [false, []], 'nor is a candidate')
})

test('003.14 connect: a refusal by the remote rejects ready() with its words', async t => {
  const { alice, bob, topic, rtc } = await story(t)
  await bob.join(topic)
  bob.onIncomingPeer(() => {
    throw new Error('invalid peer')
  })
  const peer = alice.connect(topic, bob.id)
  const error = await rejection(peer.ready())
  t.equal(error.message, 'invalid peer')
  t.equal(error.code, 'REJECTED')
  t.equal(rtc.made, 1, 'the remote made no RTCPeerConnection')
  bob.onIncomingPeer(() => {
    throw new SignalError('FORBIDDEN', 'friends only')
  })
  const again = await rejection(alice.connect(topic, bob.id).ready())
  t.same([again.code, again.message], ['FORBIDDEN', 'friends only'], 'with its own code as well')
})

test('003.15 hooks: _onOffer runs on an incoming offer, _onAnswer on the answer at the initiator', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  const seen: string[] = []
  bob.onOffer(({ id, offer, data, topic: where, sessionId }) => {
    t.same([id, where], [alice.id, topic])
    t.same([data[0], sessionId.length], [offer, 32], 'the description under both names')
    seen.push('offer')
  })
  alice.onAnswer(({ id, answer, data }) => {
    t.same(id, bob.id)
    t.same(data[0], answer)
    seen.push('answer')
  })
  await alice.connect(topic, bob.id).ready()
  t.same(seen, ['offer', 'answer'])
})

test('003.16 requestTimeout: a peer that never answers rejects ready()', async t => {
  const { alice, bob, topic, server } = await story(t, { clients: [{ requestTimeout: 300 }, {}] })
  await bob.join(topic)
  bob.onOffer(() => new Promise(() => {}))
  const error = await rejection(alice.connect(topic, bob.id).ready())
  t.equal(error.code, 'SIGNAL_TIMEOUT')
  t.match(error.message, /300 ms/)
  t.same(alice.peers, [])
  await until(() => server.stats().offers === 0, 'the server forgets the offer that was given up')
  t.pass('nothing is left at the server')
})

test('003.17 concurrency: at most n incoming connections are set up at once, the others wait', async t => {
  const { bob, topic, clients } = await story(t, {
    clients: [{}, { concurrency: { incoming: 2 } }, {}, {}, {}]
  })
  await bob.join(topic)
  let [running, most] = [0, 0]
  bob.onOffer(async () => {
    running++
    most = Math.max(most, running)
    await new Promise(resolve => setTimeout(resolve, 20))
    running--
  })
  const callers = clients.filter(client => client !== bob)
  await Promise.all(callers.map(client => client.connect(topic, bob.id).ready()))
  t.equal(most, 2)
  await until(() => bob.peersConnected.length === 4)
  t.pass('all of them came through')
})

test("003.18 metadata: the client's and the connection's are shared with the other side", async t => {
  const { alice, bob, topic } = await story(t, {
    clients: [{ metadata: { a: 1, b: 1 } }, { metadata: { user: 'bob' } }]
  })
  await bob.join(topic)
  const peer = await alice.connect(topic, bob.id, { metadata: { b: 2 } }).ready()
  t.same(peer.remoteMetadata, { user: 'bob' })
  await until(() => bob.peersConnected.length === 1)
  t.same(bob.peersConnected[0]?.remoteMetadata, { a: 1, b: 2 }, "the connection's over the client's")
})

function ufragOf(sdp: string): string | undefined {
  return /a=ice-ufrag:(\S+)/.exec(sdp)?.[1]
}

function remoteOf(peer: Peer | undefined): string {
  return (
    (peer?.stream as unknown as { _pc: { remoteDescription: RTCSessionDescription } } | undefined)?._pc
      .remoteDescription.sdp ?? ''
  )
}
