import { randomBytes } from 'node:crypto'
import { type Backplane, MemoryBackplane, toHex } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { createModeration } from 'socket-signal-room/server'
import { fakeWrtc } from 'socket-signal-testing'
import type { Test } from 'tape'
import { Mesh } from '../../packages/room/src/mesh.ts'
import { follow, idOf, type Rooms, rooms, sees, sent, track, tracks } from '../tools/rooms.ts'
import { clientOptions, duplex } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

const BOTH = { audio: true, video: true }
const pause = (ms: number) => new Promise(resolve => setTimeout(resolve, ms))

test('room: who is censored and sends all the same is not said to speak', async t => {
  const { alice, bob, moderation, topic, rtc } = await rooms(t)
  await alice.addStream('self', tracks(rtc))
  await until(() => bob.getParticipantStream(idOf(alice), 'self') !== undefined)
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  // Bob listens, for there is something else to be heard.
  await alice.addStream('other', { audio: track(rtc, 'audio') })
  await until(() => bob.getParticipantStream(idOf(alice), 'other') !== undefined)
  await bob.addSubscription(idOf(alice), 'other', BOTH)
  await moderation.censor(topic, Buffer.from(idOf(alice), 'hex'), 'self', 'audio')
  await until(() => bob.getParticipantStream(idOf(alice), 'self')?.isAudioCensored === true)
  const seen = follow(bob)
  const rogue = track(rtc, 'audio')
  for (const { sender, receiver } of rtc.connections.flatMap(each => each.getTransceivers())) {
    if (receiver.track.kind === 'audio') await sender.replaceTrack(rogue as never)
    Object.assign(receiver, { getSynchronizationSources: () => [{ audioLevel: 0.5 }] })
  }
  await pause(1000)
  t.same(
    seen.map(({ event, args }) => [event, ...args]),
    ['other', null].map(key => ['audio_activity', idOf(alice), key])
  )
  t.equal(bob.getParticipantStream(idOf(alice), 'self')?.isSpeaking, false)
  await moderation.uncensor(topic, Buffer.from(idOf(alice), 'hex'), 'self', 'audio')
  await until(
    () => bob.getParticipantStream(idOf(alice), 'self')?.isSpeaking === true,
    'once it is given back'
  )
  t.ok(bob.getParticipantStream(idOf(alice), 'self')?.audioTrack)
})

test('room: who is censored does not get rid of that by being in no room for a moment', async t => {
  const story = await rooms(t, { rooms: [{}] })
  const { alice, moderation, topic } = story
  const eve = await member(t, story)
  const own = () => alice.getParticipantStream(toHex(eve.id), 'self')
  await until(() => own() !== undefined)
  t.equal(await moderation.censor(topic, eve.id, 'self', 'video'), true)
  await until(() => own()?.isVideoCensored === true)
  await eve.join(topic, { info: { chat: true } })
  await sees(alice, 1)
  await eve.join(topic, { info: { s: { self: 'av' } } })
  await until(() => own() !== undefined)
  t.equal(own()?.isVideoCensored, true)
})

test('room: one participant with many connections is sent what it wants on two of them', async t => {
  const story = await rooms(t, { rooms: [{}] })
  const { alice, topic, rtc } = story
  await alice.addStream('self', tracks(rtc))
  const eve = await member(t, story)
  await sees(alice, 2)
  for (let count = 0; count < 6; count++) {
    const peer = eve.connect(topic, Buffer.from(idOf(alice), 'hex'))
    peer.subscribeMediaStream = true
    peer.on('rtc', rtc => (rtc as never as { _pc: RTCPeerConnection })._pc.addTransceiver('video'))
    await peer.ready()
    duplex(peer).write('{"want":{"self":{"audio":false,"video":true}}}\n')
    await pause(50)
  }
  await until(() => sent(rtc).length === 2, 'and not more often')
  await until(() => rtc.open === 4, 'the others are closed, on both sides')
  t.equal(alice.getState().status, 'connected')
})

test('room: who changes its mind faster than it can be served is served what it wants at last', async t => {
  const story = await rooms(t, { rooms: [{}] })
  const { alice, topic, rtc } = story
  const media = tracks(rtc)
  Object.assign(media.video, { getSettings: () => ({ height: 720 }) })
  await alice.addStream('self', { video: { track: media.video, options: { enableSimulcast: true } } })
  const eve = await member(t, story)
  await sees(alice, 2)
  const peer = eve.connect(topic, Buffer.from(idOf(alice), 'hex'))
  peer.subscribeMediaStream = true
  peer.on('rtc', rtc => (rtc as never as { _pc: RTCPeerConnection })._pc.addTransceiver('video'))
  await peer.ready()
  const want = (height: number) =>
    duplex(peer).write(`{"want":{"self":{"audio":false,"video":true,"height":${height}}}}\n`)
  want(720)
  await until(() => sent(rtc).length === 1)
  const sender = rtc.connections
    .flatMap(each => each.getSenders())
    .find(each => each.track === (media.video as never))
  let times = 0
  const set = sender?.setParameters.bind(sender)
  Object.assign(sender ?? {}, {
    setParameters: async (...args: Parameters<RTCRtpSender['setParameters']>) => {
      times++
      await pause(300)
      return set?.(...(args as never as [never]))
    }
  })
  for (let count = 0; count < 100; count++) want(count % 2 === 0 ? 90 : 180)
  want(360)
  await until(() => sender?.getParameters().encodings[0]?.scaleResolutionDownBy === 2, 'half of it')
  t.ok(times < 10, `it was changed ${times} times`)
})

test('room moderation: who is kicked is out, also where the others can not be told just now', async t => {
  const { alice, server, moderation, topic } = await rooms(t, { rooms: [{}] })
  server.backplane.publish = async () => {
    throw new Error('the other nodes are away')
  }
  t.equal(await moderation.kick(topic, Buffer.from(idOf(alice), 'hex')), true)
  await until(() => alice.getState().disconnectReason === 'kicked')
})

test('room moderation: what could not be given back is given back the next time', async t => {
  const { alice, server, moderation, topic, rtc } = await rooms(t, { rooms: [{}] })
  await alice.addStream('self', tracks(rtc))
  const id = Buffer.from(idOf(alice), 'hex')
  await moderation.censor(topic, id, 'self', 'audio')
  await until(() => alice.getLocalStreams().self?.isAudioCensored === true)
  const publish = server.backplane.publish.bind(server.backplane)
  server.backplane.publish = async () => {
    throw new Error('the other nodes are away')
  }
  await rejection(moderation.uncensor(topic, id, 'self', 'audio'))
  server.backplane.publish = publish
  t.equal(await moderation.uncensor(topic, id, 'self', 'audio'), true)
  await until(() => alice.getLocalStreams().self?.isAudioCensored === false)
})

test('room moderation: one participant alone cannot use up what may be censored in a room', async t => {
  const story = await rooms(t, { rooms: [{}] })
  const { alice, moderation, topic, rtc } = story
  await alice.addStream('self', tracks(rtc))
  const eve = await member(t, story)
  let refused = 0
  for (let at = 0; at < 40; at++) {
    await eve.join(topic, { info: { s: { [`k${at}`]: 'av' } } })
    for (const kind of ['audio', 'video'] as const)
      await moderation.censor(topic, eve.id, `k${at}`, kind).catch(() => refused++)
  }
  t.ok(refused > 0, 'of its own there is an end')
  t.equal(await moderation.censor(topic, Buffer.from(idOf(alice), 'hex'), 'self', 'audio'), true)
  t.equal(moderation.stats().censored, 64 + 1)
})

test('room: who was away is dialed as soon as it is back, however often it could not be reached before', async t => {
  const story = await rooms(t, { rooms: [{}] })
  const { alice, server } = story
  const eve = await member(t, story)
  let offers = 0
  eve.onOffer(() => {
    offers++
    throw new Error('not now')
  })
  await sees(alice, 2)
  alice.addSubscription(toHex(eve.id), 'self', BOTH).catch(() => {})
  await until(() => offers === 3, 'after half a second, and a second more')
  server.pairs.at(-1)?.break()
  await until(() => offers === 4, 'not after two more', 1)
  t.pass('it was dialed')
})

test('room: what fails with strangers is not kept', async t => {
  const { server, topic, rtc, crypto } = await rooms(t, { rooms: [] })
  const [own, eve] = [1, 2].map(
    () => new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto() })
  ) as [SocketSignalMemoryClient, SocketSignalMemoryClient]
  t.teardown(() => Promise.all([own.close(), eve.close()]))
  await Promise.all([own.join(topic), eve.open()])
  const known = new Set<string>()
  const mesh = new Mesh({
    client: own,
    topic,
    idOf: id => (known.has(id) ? eve.id : undefined),
    wanted: () => [],
    wants: () => new Map(),
    sent: () => undefined,
    idleTimeout: 1000,
    onmedia: () => {},
    onopen: () => {}
  })
  t.teardown(() => mesh.close())
  const fail = async () => {
    const peer = eve.connect(topic, own.id)
    await peer.ready()
    duplex(peer).write('nonsense\n')
    await peer.waitForClose()
    await until(() => own.peers.length === 0)
  }
  await fail()
  t.equal(mesh.error(toHex(eve.id)), undefined)
  known.add(toHex(eve.id))
  await fail()
  t.ok(mesh.error(toHex(eve.id)) instanceof TypeError, 'of a participant it is')
})

test('room: who was let in before the room was there is let go, and dialed by it', async t => {
  const story = await rooms(t, { rooms: [{}] })
  const { alice, server, topic, rtc, crypto, create } = story
  const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto() })
  t.teardown(() => client.close())
  await client.open()
  const stranger = client.connect(topic, Buffer.from(idOf(alice), 'hex'))
  await stranger.ready()
  const bob = create({ client, subscribeTimeout: 3000 })
  await bob.connect()
  await alice.addStream('self', tracks(rtc))
  await until(() => bob.getParticipantStream(idOf(alice), 'self') !== undefined)
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  t.equal(sent(rtc).length, 2)
  t.ok(stranger.destroyed)
})

test('room moderation: what is censored of somebody who leaves at that moment is not kept', async t => {
  const { moderation, client, topic } = await slow(t)
  const { id } = client
  const asking = moderation.censor(topic, id, 'self', 'audio')
  await client.close()
  await asking
  await until(() => moderation.stats().censored === 0)
  t.same(moderation.stats(), { rooms: 0, censored: 0 })
})

test('room moderation: let go while it was asked, it watches nothing any more', async t => {
  const { moderation, backplane, client, topic } = await slow(t)
  let watched = 0
  const watch = backplane.watch.bind(backplane)
  backplane.watch = (...args) => {
    watched++
    const stop = watch(...args)
    return () => {
      watched--
      stop()
    }
  }
  const asking = moderation.censor(topic, client.id, 'self', 'audio').catch(() => {})
  moderation.close()
  await asking
  t.equal(watched, 0)
})

/** A member of a topic, behind moderators whose backplane takes its time to find it. */
async function slow(t: Test) {
  const backplane: Backplane = new MemoryBackplane()
  const find = backplane.find.bind(backplane)
  // As one that is asked over a network: the answer tells how it was.
  backplane.find = async (topic, id) => {
    const found = await find(topic, id)
    await pause(200)
    return found
  }
  const moderation = createModeration({ allow: () => true })
  const server = moderation.attach(new SocketSignalMemoryServer({ ...moderation.hooks, backplane }))
  const client = new SocketSignalMemoryClient(server, clientOptions(fakeWrtc()))
  t.teardown(async () => {
    moderation.close()
    await client.close()
    await server.close()
    await backplane.close()
  })
  const topic = randomBytes(32)
  await client.join(topic, { info: { s: { self: 'av' } } })
  return { moderation, backplane, client, topic }
}

/** A participant that is no Room: it says, dials and sends what it likes. */
async function member(t: Test, { server, topic, rtc, crypto }: Rooms): Promise<SocketSignalMemoryClient> {
  const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto() })
  t.teardown(() => client.close())
  await client.join(topic, { info: { n: 'Eve', s: { self: 'av' } } })
  return client
}
