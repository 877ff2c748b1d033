import type { Peer } from 'socket-signal'
import { generateKeyPair } from 'socket-signal'
import { SocketSignalMemoryClient } from 'socket-signal-memory'
import { deterministicCrypto } from 'socket-signal-testing'
import { clientOptions, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

const dedupe = { dedupe: true }

test('dedupe: a connection that is there, or on its way, is given back', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  const peer = alice.connect(topic, bob.id, dedupe)
  t.equal(alice.connect(topic, bob.id, dedupe), peer, 'on its way')
  await peer.ready()
  t.equal(alice.connect(topic, bob.id, dedupe), peer, 'connected')
  t.notEqual(alice.connect(topic, bob.id), peer, 'without the option it is another one')
  await until(() => bob.peersConnected.length >= 1)
  t.equal(bob.connect(topic, alice.id, dedupe).connected, true, 'also from the other side')
})

test('glare: two that dial each other end with one connection, and both calls resolve with it', async t => {
  for (let round = 0; round < 10; round++) {
    const { alice, bob, topic, rtc } = await story(t)
    await Promise.all([alice.join(topic), bob.join(topic)])
    const gates = { alice: 0, bob: 0 }
    alice.onIncomingPeer(() => void gates.alice++)
    bob.onIncomingPeer(() => void gates.bob++)
    // One side asking is enough.
    const [a, b] = await Promise.all([
      alice.connect(topic, bob.id, dedupe).ready(),
      bob.connect(topic, alice.id, round % 2 ? dedupe : {}).ready()
    ])
    t.same(a.sessionId, b.sessionId)
    t.same([alice.peers, bob.peers], [[a], [b]])
    t.equal(gates.alice + gates.bob, 1, 'the gate of the called side was asked')
    await until(() => rtc.open === 2)
    const [smaller] = [alice, bob].sort((x, y) => Buffer.compare(x.id, y.id))
    t.equal(smaller === alice ? a.initiator : b.initiator, true, 'the offer of the smaller id stands')
    await Promise.all([alice.close(), bob.close()])
  }
})

test('glare: media for the one that gave way go over the one that stays', async t => {
  const { alice, bob, topic, rtc } = await story(t)
  await Promise.all([alice.join(topic), bob.join(topic)])
  const peers = [alice.connect(topic, bob.id, dedupe), bob.connect(topic, alice.id, dedupe)]
  const streams = peers.map(() => rtc.createMediaStream() as unknown as MediaStream)
  for (const client of [alice, bob])
    client.on('peer-connected', ({ peer }) => {
      peer.subscribeMediaStream = true
    })
  await Promise.all(peers.map((peer, at) => peer.addMediaStream(streams[at] as MediaStream)))
  t.equal(peers.filter(({ destroyed }) => destroyed).length, 1)
  const sent = [bob, alice].map(({ peers: [peer] }) => peer as Peer)
  await until(() => sent.every(({ mediaStreams }) => mediaStreams.length === 1))
  t.same(
    sent.map(({ mediaStreams: [stream] }) => stream?.id),
    streams.map(({ id }) => id)
  )
})

test('glare: when the gate refuses, both calls reject', async t => {
  const { alice, bob, topic } = await story(t)
  await Promise.all([alice.join(topic), bob.join(topic)])
  for (const client of [alice, bob]) {
    client.onIncomingPeer(() => {
      throw new Error('no')
    })
  }
  const errors = await Promise.all([
    rejection(alice.connect(topic, bob.id, dedupe).ready()),
    rejection(bob.connect(topic, alice.id, dedupe).ready())
  ])
  t.ok(errors.every(({ message }) => message === 'no'))
  t.same([alice.peers, bob.peers], [[], []])
})

test("dedupe: two offers of one peer that are let in at the same moment don't wait for each other", async t => {
  const crypto = deterministicCrypto(1)
  const { server, rtc, alice, topic } = await story(t, {
    server: { crypto },
    clients: [{ crypto, connectTimeout: 1000 }]
  })
  await alice.join(topic)
  let keyPair = crypto.generateKeyPair()
  // Its offer stands against alice's.
  while (Buffer.compare(keyPair.publicKey, alice.id) > 0) keyPair = crypto.generateKeyPair()
  let [asked, open] = [0, () => {}]
  const gate = new Promise<void>(resolve => (open = resolve))
  alice.onOffer(() => {
    asked++
    return gate
  })
  // Two lives of it: the offer of the first one is still being looked at.
  for (const count of [1, 2]) {
    const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto, keyPair })
    t.teardown(() => client.close())
    await client.join(topic)
    client
      .connect(topic, alice.id, dedupe)
      .ready()
      .catch(() => {})
    await until(() => asked === count)
  }
  const dial = alice.connect(topic, keyPair.publicKey, dedupe)
  await until(() => dial.destroyed, 'another one is to take its place')
  let ended = false
  dial.ready().then(
    () => (ended = true),
    () => (ended = true)
  )
  open()
  await until(() => ended, 'it comes to an end')
  t.equal(alice.peersConnecting.length, 0)
})

test('dedupe: of two lives of one peer that are let in at the same moment the newer one stays', async t => {
  const { server, rtc, alice, topic } = await story(t, { clients: [{}] })
  await alice.join(topic)
  const keyPair = await generateKeyPair()
  let [asked, open] = [0, () => {}]
  const gate = new Promise<void>(resolve => (open = resolve))
  alice.onOffer(() => {
    asked++
    return gate
  })
  const live = async () => {
    const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), keyPair })
    t.teardown(() => client.close())
    await client.open()
    return client.connect(topic, alice.id, dedupe)
  }
  void rejection((await live()).ready())
  await until(() => asked === 1)
  const newer = await live()
  await until(() => asked === 2)
  open()
  t.equal(await newer.ready(), newer)
  await until(() => alice.peersConnecting.length === 0)
  t.same(
    alice.peersConnected.map(({ sessionId }) => sessionId),
    [newer.sessionId]
  )
})

test('dedupe: a peer that restarted replaces its stale connection, once the new one is open', async t => {
  const { server, rtc, alice, topic } = await story(t, { clients: [{}] })
  await alice.join(topic)
  const keyPair = await generateKeyPair()
  const start = () => new SocketSignalMemoryClient(server, { ...clientOptions(rtc), keyPair })
  const first = start()
  t.teardown(() => first.close())
  await first.connect(topic, (await first.join(topic))[0] as Uint8Array, dedupe).ready()
  await until(() => alice.peersConnected.length === 1)
  const [stale] = alice.peersConnected as [Peer]
  // It starts again while its old connection still looks alive to alice.
  const second = start()
  t.teardown(() => second.close())
  await second.open()
  const peer = await second.connect(topic, alice.id, dedupe).ready()
  await until(() => stale.destroyed)
  t.same(
    alice.peersConnected.map(({ sessionId }) => sessionId),
    [peer.sessionId]
  )
})
