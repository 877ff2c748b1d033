import { randomBytes } from 'node:crypto'
import type { RawClient } from '../tools/raw.ts'
import { serveByHand } from '../tools/served.ts'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

test('limits: offers that wait, of one caller, at one target, and from one source at one target', async t => {
  const limits = { maxOffers: 6, maxOffersAtTarget: 5, maxOffersFromOne: 4 }
  const { raw, topic, server, clock } = serveByHand(t, limits)
  const [target, second, caller, other] = [raw(), raw(), raw(), raw()]
  for (const client of [target, second, caller, other]) await client.hello()
  for (const client of [target, second]) {
    await client.join(topic)
  }
  const offer = async (from: RawClient, to: RawClient, requestId: number) => {
    from.addressed('offer', { address: to.id, topic }, requestId)
    from.send({ kind: 'ping', requestId: requestId + 1000, received: 0 })
    await from.next('pong', frame => frame.requestId === requestId + 1000)
    const error = from.received.find(frame => frame.kind === 'error' && frame.requestId === requestId)
    return error?.kind === 'error' ? error.code : undefined
  }
  for (let id = 10; id < 14; id++) t.equal(await offer(caller, target, id), undefined)
  t.equal(await offer(caller, target, 14), 'LIMIT_SESSIONS', 'a fifth from one source')
  t.equal(await offer(other, target, 15), undefined, 'there is room for another source')
  t.equal(await offer(other, target, 16), 'LIMIT_SESSIONS', 'the target is full')
  t.equal(await offer(caller, second, 17), undefined)
  t.equal(await offer(caller, second, 18), undefined)
  t.equal(await offer(caller, second, 19), 'LIMIT_SESSIONS', 'the caller has six open')
  t.equal(server.stats().offers, 7)
  // Old ones are swept, and their callers told.
  for (const client of [target, second, caller, other])
    client.send({ kind: 'ping', requestId: 5, received: 0 })
  for (let at = 0; at < 61; at++) {
    await clock.advance(1000)
    for (const client of [target, second, caller, other])
      client.send({ kind: 'pong', requestId: 0, received: 0 })
  }
  t.equal(server.stats().offers, 0)
  t.equal((await caller.next('error', frame => frame.requestId === 10)).code, 'TIMEOUT')
})

test('limits: a cancel that goes elsewhere frees no place', async t => {
  const { raw, topic } = serveByHand(t, { maxOffers: 2 })
  const [target, caller] = [raw(), raw()]
  for (const client of [target, caller]) await client.hello()
  await target.join(topic)
  for (let id = 10; id < 13; id++) {
    const session = randomBytes(32)
    caller.addressed('offer', { address: target.id, topic, session }, id)
    caller.addressed('cancel', { address: randomBytes(32), topic, session })
  }
  const { requestId, code } = await caller.next('error')
  t.same([requestId, code], [12, 'LIMIT_SESSIONS'])
})

test('limits: 64 candidates and 32 early signals of a remote, then that session ends', async t => {
  const { alice, bob, topic, server } = await story(t)
  await bob.join(topic)
  let foundation = 0
  const candidate = () => ({
    type: 'candidate',
    candidate: { candidate: `candidate:${++foundation} 1 udp 1 127.0.0.1 9 typ host`, sdpMid: '0' }
  })
  const send = (count: number) => {
    const peer = alice.peers[0] as { stream: { emit(event: string, signal: object): void } } | undefined
    for (let at = 0; at < count; at++) peer?.stream.emit('signal', candidate())
  }
  const peer = await alice.connect(topic, bob.id).ready()
  await until(() => bob.peersConnected.length === 1)
  const [remote] = bob.peersConnected
  const { routed } = server.stats()
  send(40)
  await until(() => server.stats().routed > routed)
  t.ok(remote?.connected, 'some more candidates are fine')
  send(40)
  await until(() => remote?.destroyed === true)
  t.equal((remote?.error as { code?: string } | undefined)?.code, 'SIGNAL_LIMIT')
  await until(() => peer.destroyed)
  let release = () => {}
  bob.onOffer(() => new Promise<void>(resolve => (release = resolve)))
  const errors = record(bob, 'dropped', 'peer-error')
  const waiting = alice.connect(topic, bob.id)
  await until(() => alice.peers[0] === waiting && server.stats().offers === 1)
  send(33)
  const error = await rejection(waiting.ready())
  release()
  t.equal(error.code, 'SIGNAL_LIMIT', 'before the description 32 may wait')
  t.same(errors, [])
})

test('limits: early signals of a remote are bounded in size as well', async t => {
  const { alice, bob, topic, server } = await story(t)
  await bob.join(topic)
  bob.onOffer(() => new Promise<void>(() => {}))
  const waiting = alice.connect(topic, bob.id)
  await until(() => alice.peers[0] === waiting && server.stats().offers === 1)
  const stream = waiting.stream as unknown as { emit(event: string, signal: object): void }
  for (let sent = 1; sent <= 6; sent++) {
    const { routed } = server.stats()
    stream.emit('signal', { type: 'answer', sdp: String(sent).repeat(50_000) })
    await until(() => server.stats().routed > routed)
    if (sent === 5) t.notOk(waiting.destroyed, '250,000 characters may wait')
  }
  t.equal((await rejection(waiting.ready())).code, 'SIGNAL_LIMIT', '300,000 may not')
})

test('limits: wishes that came to nothing take no place, and one that is given up is cancelled', async t => {
  const { alice, bob, topic, server } = await story(t, { server: { maxOffers: 4 } })
  for (let round = 0; round < 8; round++) {
    t.equal((await rejection(alice.remoteConnect(topic, randomBytes(32)).ready())).code, 'PEER_NOT_FOUND')
  }
  await bob.join(topic)
  bob.onRemoteConnect(() => new Promise(() => {}))
  for (let round = 0; round < 6; round++) {
    const peer = alice.remoteConnect(topic, bob.id)
    await until(() => server.stats().offers === 1)
    peer.destroy()
    await until(() => server.stats().offers === 0)
  }
  bob.onRemoteConnect(() => {})
  t.ok((await alice.remoteConnect(topic, bob.id).ready()).connected)
  t.ok((await alice.connect(topic, bob.id).ready()).connected)
})

test('limits: a wish that was granted and is given up takes its offer back with it', async t => {
  const { alice, bob, carol, topic, server } = await story(t, {
    clients: [{}, { concurrency: { outgoing: 1 } }, {}]
  })
  await Promise.all([bob.join(topic), carol.join(topic)])
  let release = () => {}
  carol.onOffer(() => new Promise<void>(resolve => (release = resolve)))
  const busy = bob.connect(topic, carol.id)
  await until(() => server.stats().offers === 1)
  const wish = alice.remoteConnect(topic, bob.id)
  await until(() => bob.peers.length === 2)
  wish.destroy()
  await until(() => bob.peers.length === 1)
  release()
  t.ok((await busy.ready()).connected)
  t.equal(server.stats().offers, 0)
})

test('limits: an ICE restart brings candidates of its own, so that a connection may live on for days', async t => {
  const { alice, bob, topic } = await story(t)
  await bob.join(topic)
  const peer = await alice.connect(topic, bob.id).ready()
  await until(() => bob.peersConnected.length === 1)
  const [remote] = bob.peersConnected
  const stream = peer.stream as unknown as {
    offerOptions: object
    negotiate(): void
    emit(event: string, signal: object): void
    _pc: { signalingState: string; remoteDescription: { sdp: string } }
  }
  const candidate = { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMid: '0' }
  for (let restart = 0; restart < 3; restart++) {
    const before = stream._pc.remoteDescription.sdp
    for (let at = 0; at < 40; at++) stream.emit('signal', { type: 'candidate', candidate })
    stream.offerOptions = { iceRestart: true }
    stream.negotiate()
    await until(() => stream._pc.remoteDescription.sdp !== before && stream._pc.signalingState === 'stable')
  }
  t.ok(remote?.connected, '120 candidates and more, and still there')
  t.ok(peer.connected)
})
