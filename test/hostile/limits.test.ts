import { randomBytes } from 'node:crypto'
import {
  SocketSignalMemoryClient,
  SocketSignalMemoryServer,
  type SocketSignalMemoryServerOptions
} from 'socket-signal-memory'
import { ManualClock } from 'socket-signal-testing'
import type { Test } from 'tape'
import { systemClock } from '../../packages/core/src/clock.ts'
import { type Addressed, encodeFrame } from '../../packages/core/src/frame.ts'
import { RawClient, rawHello } from '../tools/raw.ts'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

function serve(t: Test, options: SocketSignalMemoryServerOptions = {}) {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock, ...options })
  const raws: RawClient[] = []
  t.teardown(async () => {
    for (const raw of raws) raw.close()
    await server.close()
  })
  const raw = (id?: Uint8Array) => {
    const client = new RawClient(server.dial(), id)
    raws.push(client)
    return client
  }
  return { server, clock, raw, topic: randomBytes(32) }
}

const info = new Uint8Array(0)
const join = (topic: Uint8Array, requestId: number) =>
  ({ kind: 'join', requestId, topic, watch: false, limit: 0, info }) as const

test('limits: a socket that says no hello is closed after helloTimeout, not before', async t => {
  const { clock, raw } = serve(t)
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
  const { clock, raw } = serve(t, { authorize: () => new Promise(() => (asked = true)) })
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
    const { raw } = serve(t, { authorize: () => new Promise(() => {}) })
    const client = raw()
    await client.next('challenge')
    client.send(rawHello({ id: client.id }))
    const frame = encodeFrame({ ...join(randomBytes(32), 2), info: new Uint8Array(958) })
    for (let sent = 0; sent < size; sent += frame.length) client.bytes(frame)
    client.send({ kind: 'ping', requestId: 3, received: 0 })
    await new Promise(resolve => setImmediate(resolve))
    t.equal(client.closed?.code, code, `${size} bytes`)
  }
})

test('limits: a client that is silent for two ping intervals is closed, one that answers stays', async t => {
  const { clock, server } = serve(t)
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
  const { clock, server } = serve(t)
  const client = new SocketSignalMemoryClient(server, { clock, random: () => 0.5 })
  t.teardown(() => client.close())
  const seen = record(client, 'connected', 'disconnected')
  await client.open()
  server.pairs[0]?.partition(true)
  for (let at = 0; at < 46 && seen.length < 2; at++) await clock.advance(1000)
  t.same([seen[1]?.event, seen[1]?.args[0], seen[1]?.args[1].code], ['disconnected', true, 4002])
  await clock.advance(500)
  await until(() => seen.length === 3)
  t.same([seen[2]?.event, seen[2]?.args], ['connected', [true]], 'and comes back over another socket')
})

test('limits: 64 KiB a frame; the sender is told before it sends, that request alone fails', async t => {
  const { server, raw } = serve(t)
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
  rude.send(join(topic, 2))
  await rude.next('result')
  rude.addressed('message', { topic, body: randomBytes(16_384 - 169) }, 7)
  t.equal((await rude.next('error')).code, 'TOO_LARGE', 'the server holds it as well')
})

test('limits: 128 topics a connection', async t => {
  const { server } = serve(t)
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  const topics = Array.from({ length: 128 }, () => randomBytes(32))
  await Promise.all(topics.map(topic => client.join(topic)))
  t.equal((await rejection(client.join(randomBytes(32)))).code, 'LIMIT_TOPICS')
  await client.leave(topics[0] as Buffer)
  t.same(await client.join(randomBytes(32)), [], 'after a leave there is room')
})

test('limits: an answer holds 100 peers, on wish up to 1,000', async t => {
  const { server } = serve(t)
  const topic = randomBytes(32)
  const crowd = Array.from({ length: 1100 }, () => new RawClient(server.dial()))
  t.teardown(() => {
    for (const client of crowd) client.close()
  })
  await Promise.all(
    crowd.map(async client => {
      await client.hello()
      client.send(join(topic, 2))
      await client.next('result')
    })
  )
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  const sizes = [
    await client.join(topic),
    await client.lookup(topic),
    await client.lookup(topic, { limit: 5000 })
  ]
  t.same(
    sizes.map(({ length }) => length),
    [100, 100, 1000]
  )
  t.equal((await client.join(topic, { watch: true })).length, 1100, 'a watcher gets all of them')
})

test('limits: offers that wait, of one caller, at one target, and from one source at one target', async t => {
  const limits = { maxOffers: 6, maxOffersAtTarget: 5, maxOffersFromOne: 4 }
  const { raw, topic, server, clock } = serve(t, limits)
  const [target, second, caller, other] = [raw(), raw(), raw(), raw()]
  for (const client of [target, second, caller, other]) await client.hello()
  for (const client of [target, second]) {
    client.send(join(topic, 2))
    await client.next('result')
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

test('limits: over its frame rate a socket is read more slowly, after ten seconds of it closed', async t => {
  const { raw, clock } = serve(t, { frameRate: 50, frameBurst: 200 })
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
  const { raw, topic, clock } = serve(t, { joinRate: 10, joinBurst: 20, messageRate: 10, messageBurst: 5 })
  const client = raw()
  await client.hello()
  for (let id = 2; id < 22; id++) client.send(join(topic, id))
  client.send(join(topic, 22))
  const error = await client.next('error')
  t.same([error.requestId, error.code, error.retryable], [22, 'RATE_LIMITED', true])
  t.ok(error.retryAfterMs > 0 && error.retryAfterMs <= 100)
  await clock.advance(error.retryAfterMs)
  client.send(join(topic, 23))
  await client.next('result', frame => frame.requestId === 23)
  for (let id = 30; id < 36; id++) client.addressed('message', { topic }, id)
  t.equal((await client.next('error', frame => frame.requestId === 35)).code, 'RATE_LIMITED')
  await client.next('result', frame => frame.requestId === 34)
})

test('limits: a server that is full says so, and takes the next when one has gone', async t => {
  const { server, raw } = serve(t, { maxConnections: 2 })
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

test('limits: a slow reader loses presence, is told to ask again, and is closed when its queue is full', async t => {
  const { server, raw, clock, topic } = serve(t, {
    sendQueueSoft: 2000,
    sendQueueHard: 40_000,
    frameBurst: 1e6,
    messageBurst: 1e6
  })
  const [slow, busy] = [raw(), raw()]
  await slow.hello()
  await busy.hello()
  slow.send({ ...join(topic, 2), watch: true })
  await slow.next('result')
  busy.send(join(topic, 2))
  await busy.next('result')
  const end = server.pairs[0]?.left as { pause(): void; resume(): void }
  end.pause()
  for (let id = 10; id < 13; id++) busy.addressed('message', { topic, body: randomBytes(1000) }, id)
  busy.send({ kind: 'leave', requestId: 20, topic })
  await busy.next('result', frame => frame.requestId === 20)
  await clock.advance(100)
  end.resume()
  await clock.advance(1000)
  const presence = slow.received.filter(({ kind }) => kind === 'presence')
  const told = presence.at(-1) as { resync: boolean; left: Uint8Array[] }
  t.same([told.resync, told.left], [true, []], 'the leave was left out, the resync said so')
  end.pause()
  busy.send(join(topic, 21))
  await busy.next('result', frame => frame.requestId === 21)
  for (let id = 30; id < 80; id++) busy.addressed('message', { topic, body: randomBytes(1000) }, id)
  await busy.next('result', frame => frame.requestId === 79)
  end.resume()
  await slow.settled()
  t.equal(slow.closed?.code, 4001)
  t.notOk(busy.closed)
})

test('limits: strangers can not fill the queue of a peer that they never met', async t => {
  const { server, raw, topic } = serve(t, { sendQueueSoft: 4000, sendQueueHard: 20_000, frameBurst: 1e6 })
  const [victim, friend, stranger] = [raw(), raw(), raw()]
  for (const client of [victim, friend, stranger]) await client.hello()
  victim.send(join(topic, 2))
  await victim.next('result')
  const session = randomBytes(32)
  friend.addressed('offer', { address: victim.id, topic, session }, 5)
  await victim.next('offer')
  const end = server.pairs[0]?.left as { pause(): void; resume(): void }
  end.pause()
  for (let at = 0; at < 40; at++)
    stranger.addressed('signal', { address: victim.id, body: randomBytes(1000) })
  stranger.send({ kind: 'ping', requestId: 9, received: 0 })
  await stranger.next('pong')
  friend.addressed('signal', { address: victim.id, topic, session })
  friend.send({ kind: 'ping', requestId: 9, received: 0 })
  await friend.next('pong')
  end.resume()
  await victim.next('signal', frame => Buffer.compare((frame as Addressed).address, friend.id) === 0)
  t.notOk(victim.closed, 'it is still there, and heard its friend')
})

test('limits: a cancel that goes elsewhere frees no place', async t => {
  const { raw, topic } = serve(t, { maxOffers: 2 })
  const [target, caller] = [raw(), raw()]
  for (const client of [target, caller]) await client.hello()
  target.send(join(topic, 2))
  await target.next('result')
  for (let id = 10; id < 13; id++) {
    const session = randomBytes(32)
    caller.addressed('offer', { address: target.id, topic, session }, id)
    caller.addressed('cancel', { address: randomBytes(32), topic, session })
  }
  const { requestId, code } = await caller.next('error')
  t.same([requestId, code], [12, 'LIMIT_SESSIONS'])
})

test('limits: resync makes a client ask again, and tells what it missed', async t => {
  const { alice, bob, topic, server } = await story(t)
  await bob.join(topic)
  await alice.join(topic, { watch: true })
  const seen = record(alice, 'peer-left')
  const connection = [...server.connections].find(({ id }) => Buffer.compare(id, alice.id) === 0)
  const { rpc } = connection as NonNullable<typeof connection>
  // As if alice had been slow: the leave is kept from her, then she is told that something was.
  const presence = connection?.presence
  Object.assign(connection as object, { presence: () => {} })
  await bob.leave(topic)
  Object.assign(connection as object, { presence })
  rpc.send({ kind: 'presence', requestId: 0, topic, resync: true, joined: [], left: [], away: [], back: [] })
  await until(() => seen.length === 1)
  t.same(seen[0]?.args[0].id, bob.id)
})

test('limits: 64 candidates and 32 early signals of a remote, then that session ends', async t => {
  const { alice, bob, topic, server } = await story(t)
  await bob.join(topic)
  const candidate = {
    type: 'candidate',
    candidate: { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMid: '0' }
  }
  const send = (count: number) => {
    const peer = alice.peers[0] as { stream: { emit(event: string, signal: object): void } } | undefined
    for (let at = 0; at < count; at++) peer?.stream.emit('signal', candidate)
  }
  const peer = await alice.connect(topic, bob.id).ready()
  await until(() => bob.peersConnected.length === 1)
  const [remote] = bob.peersConnected
  send(40)
  await until(() => server.stats().routed > 4)
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

test('limits: an option that is no number is a TypeError', t => {
  for (const wrong of [Number.NaN, -1, '5' as never]) {
    t.throws(() => new SocketSignalMemoryServer({ maxTopics: wrong }), /maxTopics/)
  }
  t.end()
})

test('limits: a client within them is only slowed down by a hook that is slow', async t => {
  let slow = false
  const { server, topic } = serve(t, {
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

test('limits: single peers that one connection watches, and nothing of them is left', async t => {
  const { server, clock, topic } = serve(t, { maxWatches: 2, joinBurst: 1e6, frameBurst: 1e6 })
  const client = new SocketSignalMemoryClient(server, { clock })
  t.teardown(() => client.close())
  const ids = [randomBytes(32), randomBytes(32), randomBytes(32)]
  await client.watch(topic, ids[0] as Buffer)
  await client.watch(randomBytes(32), ids[1] as Buffer)
  t.equal((await rejection(client.watch(topic, ids[2] as Buffer))).code, 'LIMIT_TOPICS')
  await client.unwatch(topic, ids[0] as Buffer)
  t.equal(await client.watch(topic, ids[2] as Buffer), false)
  for (let round = 0; round < 500; round++) {
    const other = randomBytes(32)
    await client.join(other, { watch: true })
    await client.leave(other)
  }
  t.equal(server.stats().watches, 2)
  await client.close()
  await until(() => server.stats().watches === 0)
})

test('limits: a socket that ends while a gate is asked leaves no watch behind', async t => {
  const { server, raw, topic } = serve(t, {
    clock: systemClock,
    authorize: async ({ action }) => {
      if (action !== 'hello') await new Promise(resolve => setTimeout(resolve, 30))
      return true
    }
  })
  for (let round = 0; round < 5; round++) {
    const client = raw()
    await client.hello()
    client.send({ ...join(topic, 2), watch: true })
    client.send({ kind: 'watch', requestId: 3, topic, id: randomBytes(32), watch: true })
    await new Promise(resolve => setTimeout(resolve, 10))
    client.close()
  }
  await new Promise(resolve => setTimeout(resolve, 100))
  const { watches, topics, mailboxes } = server.stats()
  t.same({ watches, topics, mailboxes }, { watches: 0, topics: 0, mailboxes: 0 })
})

test('limits: watching a peer that is watched already takes no further place', async t => {
  const { server } = serve(t, { maxWatches: 1 })
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  const [topic, id] = [randomBytes(32), randomBytes(32)]
  t.equal(await client.watch(topic, id), false)
  t.equal(await client.watch(topic, id), false)
  t.equal((await rejection(client.watch(topic, randomBytes(32)))).code, 'LIMIT_TOPICS')
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
