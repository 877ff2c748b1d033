import { randomBytes } from 'node:crypto'
import { type Peer, toHex } from 'socket-signal'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'

test('003.25 client: lookup, remoteConnect, handler setters, peer lists and the changeable settings', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  t.same(await alice.lookup(topic), [bob.id])
  const calls: string[] = []
  for (const client of [alice, bob]) {
    t.equal(
      client.onOffer(() => void calls.push('offer')),
      client
    )
    t.equal(
      client.onAnswer(() => void calls.push('answer')),
      client
    )
    t.equal(
      client.onIncomingPeer(() => void calls.push('incoming')),
      client
    )
    t.equal(
      client.onRemoteConnect(() => void calls.push('remoteConnect')),
      client
    )
  }
  const peer = alice.remoteConnect(topic, bob.id)
  t.same([alice.peersConnecting, alice.peersConnected], [[peer], []])
  await peer.ready()
  t.same([alice.peersConnecting, alice.peersConnected, alice.peers], [[], [peer], [peer]])
  t.same(alice.getPeersByTopic(topic), [peer])
  t.same(alice.getPeersByTopic(randomBytes(32)), [])
  t.same(calls, ['remoteConnect', 'offer', 'incoming', 'answer'])
  t.equal(alice.setRequestTimeout(1234).requestTimeout, 1234)
  t.same(alice.setConcurrency(3).concurrency, { incoming: 3, outgoing: 3 })
  t.same(alice.setConcurrency({ incoming: 5, outgoing: 6 }).concurrency, { incoming: 5, outgoing: 6 })
  t.same(alice.setConcurrency({ incoming: 7 }).concurrency, { incoming: 7, outgoing: 6 })
})

test('003.26 client events: join, leave, lookup, peer-queue, peer-connecting, peer-connected, peer-error', async t => {
  const { alice, bob, topic } = await story(t)
  const events = ['join', 'leave', 'lookup', 'peer-queue', 'peer-connecting', 'peer-connected', 'peer-error']
  const seen = record(alice, ...events)
  await bob.join(topic)
  await alice.join(topic)
  await alice.lookup(topic)
  const peer = await alice.connect(topic, bob.id).ready()
  const lost = alice.connect(topic, randomBytes(32))
  const error = await rejection(lost.ready())
  await alice.leave(topic)
  await until(() => seen.length === 9)
  t.same(
    seen.map(({ event }) => event),
    [
      'join',
      'lookup',
      'peer-queue',
      'peer-connecting',
      'peer-connected',
      'peer-queue',
      'peer-connecting',
      'peer-error',
      'leave'
    ]
  )
  t.same(seen[0]?.args, [{ topic, peers: [bob.id] }])
  t.same(seen[1]?.args, [{ topic, peers: [bob.id] }])
  for (const at of [2, 3, 4]) t.equal(seen[at]?.args[0].peer, peer)
  t.same([seen[7]?.args[0].peer, seen[7]?.args[0].error], [lost, error])
  t.same(seen[8]?.args, [{ topic }])
})

test('003.27 peer: the members and events that published apps use', async t => {
  const { alice, bob, topic, rtc } = await story(t)
  await bob.join(topic)
  const peer = alice.connect(topic, bob.id)
  const seen = record(peer, 'metadata-updated', 'remote-metadata-updated', 'connect', 'error', 'close')
  t.same(
    [peer.initiator, peer.error, peer.connected, peer.destroyed, peer.remoteMetadata],
    [true, null, false, false, {}]
  )
  t.same(await peer.setMetadata({ set: 'late' }), { set: 'late' })
  await peer.ready()
  await until(() => bob.peersConnected.length === 1)
  const incoming = bob.peersConnected[0] as Peer
  t.same([incoming.initiator, incoming.remoteMetadata], [false, { set: 'late' }])
  t.equal(peer.signals[0]?.type, 'offer')
  incoming.subscribeMediaStream = peer.subscribeMediaStream = true
  const stream = rtc.createMediaStream() as unknown as MediaStream
  const [got] = await Promise.all([
    incoming.waitForMediaStream(),
    next(incoming, 'stream'),
    peer.addMediaStream(stream)
  ])
  t.equal(got.id, stream.id)
  t.equal(incoming.mediaStreams[0]?.id, stream.id)
  t.same(peer.mediaStreams, [], 'those of the other side alone')
  await peer.deleteMediaStream(stream)
  await until(() => incoming.mediaStreams.length === 0, 'it is taken back')
  const closed = [peer.waitForClose(), incoming.waitForClose()]
  peer.destroy(new Error('enough'))
  await Promise.all(closed)
  t.same(
    [peer.destroyed, peer.connected, peer.error?.message, incoming.destroyed],
    [true, false, 'enough', true]
  )
  t.same(
    seen.map(({ event }) => event),
    ['metadata-updated', 'remote-metadata-updated', 'connect', 'error', 'close']
  )
})

test('003.28 connect: a peer that is not in the topic is "peer not found"', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(randomBytes(32))
  for (const id of [bob.id, randomBytes(32)]) {
    const error = await rejection(alice.connect(topic, id).ready())
    t.same([error.code, error.message, error.retryable], ['PEER_NOT_FOUND', 'peer not found', false])
  }
})

test('003.29 connect: two parallel connections to the same peer are allowed', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  const peers = [alice.connect(topic, bob.id), alice.connect(topic, bob.id)]
  await Promise.all(peers.map(peer => peer.ready()))
  t.notEqual(peers[0], peers[1])
  await until(() => bob.peersConnected.length === 2)
  t.equal(new Set(bob.peersConnected.map(({ sessionId }) => toHex(sessionId))).size, 2)
})

test('003.30 connect: works without having joined, if the target has joined', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  t.ok((await alice.connect(topic, bob.id).ready()).connected)
})

test('003.31 rejection: leaves nothing connecting and nothing connected on both sides', async t => {
  const { alice, bob, topic, rtc } = await story(t)
  await bob.join(topic)
  bob.onIncomingPeer(() => {
    throw new Error('no')
  })
  t.equal((await rejection(alice.connect(topic, bob.id).ready())).message, 'no')
  for (const client of [alice, bob]) t.same([client.peersConnecting, client.peersConnected], [[], []])
  await until(() => rtc.open === 0)
  t.equal(rtc.open, 0, 'no RTCPeerConnection either')
})

test("003.32 metadata: set in _onIncomingPeer or given by _onOffer, it reaches the initiator over the client's", async t => {
  const { alice, bob, topic } = await story(t, {
    clients: [{}, { metadata: { who: 'bob', mood: 'client' } }]
  })
  await bob.join(topic)
  bob.onIncomingPeer(peer => peer.setMetadata({ mood: 'peer' }))
  const first = await alice.connect(topic, bob.id).ready()
  t.same(first.remoteMetadata, { who: 'bob', mood: 'peer' })
  bob.onIncomingPeer(() => {})
  bob.onOffer(() => ({ metadata: { mood: 'offer' } }))
  const second = await alice.connect(topic, bob.id).ready()
  t.same(second.remoteMetadata, { who: 'bob', mood: 'offer' })
})

test('003.33 remoteConnect: the other side makes the offer, and may refuse', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  const peer = alice.remoteConnect(topic, bob.id, { metadata: { asked: true } })
  t.notOk(peer.initiator)
  await peer.ready()
  await until(() => bob.peersConnected.length === 1)
  t.ok(bob.peersConnected[0]?.initiator)
  t.same(bob.peersConnected[0]?.remoteMetadata, { asked: true })
  bob.onRemoteConnect(() => {
    throw new Error('dial me yourself')
  })
  const error = await rejection(alice.remoteConnect(topic, bob.id).ready())
  t.same([error.code, error.message], ['REJECTED', 'dial me yourself'])
})
