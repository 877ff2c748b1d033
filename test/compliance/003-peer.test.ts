import { Peer, SignalError } from 'socket-signal'
import { duplex, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'

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
  const waiting = rejection(peer.waitForMediaStream())
  peer.destroy()
  t.equal((await waiting).code, 'CLOSED', 'who waits when it ends is told')
  t.equal((await rejection(peer.waitForMediaStream())).code, 'CLOSED', 'and who asks later')
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
