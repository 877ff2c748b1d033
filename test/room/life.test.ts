import { randomBytes } from 'node:crypto'
import { toHex } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { createRoom } from 'socket-signal-room'
import { fakeWrtc } from 'socket-signal-testing'
import { Reports } from '../../packages/room/src/reports.ts'
import { playedOpen } from '../tools/played.ts'
import { follow, idOf, rooms, sees, sent, tracks } from '../tools/rooms.ts'
import { clientOptions, duplex } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { tokensAndGate } from '../tools/tokens.ts'
import { next, rejection, until } from '../tools/wait.ts'

const BOTH = { audio: true, video: true }

/** One that takes its time to close. */
class Slow extends SocketSignalMemoryClient {
  override async close(): Promise<void> {
    await new Promise(resolve => setTimeout(resolve, 500))
    await super.close()
  }
}

test('room: who disconnects while it connects stays out, whatever was under way', async t => {
  const { create, server } = await rooms(t, { rooms: [] })
  const room = create({ room: 'by its name' })
  const connecting = rejection(room.connect())
  await room.disconnect()
  t.equal((await connecting).code, 'NOT_CONNECTED')
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal(room.getState().status, 'disconnected')
  t.equal(server.stats().topics, 0)
  const vain = rejection(room.connect())
  const leaving = room.disconnect()
  await Promise.all([room.connect(), leaving])
  t.equal((await vain).code, 'NOT_CONNECTED')
  t.equal(room.getState().status, 'connected', 'the last word counts')
})

test('room: disconnected, connected and disconnected again at once, it is out', async t => {
  const { create, server } = await rooms(t, { rooms: [] })
  const room = create()
  await room.connect()
  const seen = follow(room)
  const leaving = room.disconnect()
  const vain = rejection(room.connect())
  await room.disconnect()
  t.equal((await vain).code, 'NOT_CONNECTED')
  await leaving
  t.equal(room.getState().status, 'disconnected')
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal(server.stats().topics, 0)
  t.same(
    seen.map(({ event }) => event),
    ['disconnected']
  )
})

test('room: who connects while the server ends it comes in again, once that is over', async t => {
  const { server, rtc, crypto, create } = await rooms(t, { rooms: [] })
  const room = create({ client: () => new Slow(server, { ...clientOptions(rtc), crypto: crypto() }) })
  await room.connect()
  const seen = follow(room)
  let again: Promise<void> | undefined
  room.on('participant_leaving', () => (again = room.connect()))
  server.disconnect({ id: Buffer.from(idOf(room), 'hex') })
  await until(() => again !== undefined)
  await again
  t.equal(room.getState().status, 'connected')
  t.same(
    seen.map(({ event }) => event),
    ['participant_leaving', 'disconnected', 'connected']
  )
})

test('room: the token of an earlier stay ends no later one', async t => {
  const { tokens, gate } = tokensAndGate()
  const { server, create, rtc, crypto } = await rooms(t, { server: { authorize: gate.authorize }, rooms: [] })
  const made: SocketSignalMemoryClient[] = []
  const mint = (expiresIn: number) => tokens.mint({ topics: '*', can: ['join', 'lookup'] }, { expiresIn })
  const own = [await mint(3_000), await mint(600_000)]
  const client = () => {
    const token = own.shift() as string
    const each = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto(), token })
    made.push(each)
    return each
  }
  const room = create({ client, clientToken: 'nobody renews it' })
  await room.connect()
  await next(made[0] as SocketSignalMemoryClient, 'token-expiring')
  await room.disconnect()
  await room.connect()
  await new Promise(resolve => setTimeout(resolve, 3_500))
  t.equal(room.getState().status, 'connected')
})

test('room: who waits for a subscription is told at once that the room ends, however long that takes', async t => {
  const { server, topic, rtc, crypto, create } = await rooms(t, { rooms: [] })
  const options = () => ({ ...clientOptions(rtc), crypto: crypto() })
  const silent = new SocketSignalMemoryClient(server, options())
  t.teardown(() => silent.close())
  silent.onOffer(() => new Promise(() => {}))
  await silent.join(topic, { info: { s: { self: 'av' } } })
  const bob = create({ client: () => new Slow(server, options()), subscribeTimeout: 200 })
  await bob.connect()
  const asking = rejection(bob.addSubscription(toHex(silent.id), 'self', BOTH))
  const leaving = bob.disconnect()
  t.equal((await asking).code, 'NOT_CONNECTED')
  t.equal(bob.getState().status, 'disconnecting')
  await leaving
})

test('room: one whose socket ends for good right behind its join is not taken for connected', async t => {
  const { client, server } = await playedOpen(t, { reconnect: false })
  const room = createRoom({ client, room: randomBytes(32) })
  const connecting = room.connect().catch(() => {})
  const { requestId } = await server.next('join')
  server.send({ kind: 'result', requestId, flags: 3, body: new Uint8Array(2) }) // A list of nobody.
  server.close()
  await connecting
  await until(() => room.getState().status === 'disconnected')
  t.equal(room.getState().disconnectReason, 'CLOSED')
})

test('room: a report that is asked for while the room ends is refused, and leaves nothing behind', async t => {
  const { alice, moderation, topic } = await rooms(t, { rooms: [{ reportInterval: 20 }] })
  const id = idOf(alice)
  const refused: Promise<Error & { code?: string }>[] = []
  alice.on('participant_leaving', () => refused.push(rejection(alice.enableNetworkMetricsReport([id]))))
  await moderation.kick(topic, Buffer.from(id, 'hex'))
  await until(() => alice.getState().status === 'disconnected')
  t.same(
    (await Promise.all(refused)).map(({ code }) => code),
    ['NOT_CONNECTED']
  )
})

test('room: what a listener promises and does not keep is reported, as what it throws', async t => {
  const { alice, bob, rtc } = await rooms(t)
  const { error } = console
  const reported: unknown[][] = []
  console.error = (...words) => reported.push(words)
  t.teardown(() => (console.error = error))
  bob.on('stream_published', async () => {
    throw new Error('it does not keep it')
  })
  await alice.addStream('self', tracks(rtc))
  await until(() => reported.length > 0)
  t.match(String(reported[0]?.[1]), /it does not keep it/)
})

test('room: a client of the app that is closed while its socket is away ends nothing else', async t => {
  const { alice, server, rtc, crypto, create } = await rooms(t, { rooms: [{}] })
  const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto() })
  const bob = create({ client })
  await bob.connect()
  await alice.addStream('self', tracks(rtc))
  await until(() => bob.getParticipantStream(idOf(alice), 'self') !== undefined)
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  client.suspend()
  await client.close()
  await new Promise(resolve => setTimeout(resolve, 700))
  t.equal(bob.getParticipantStream(idOf(alice), 'self')?.isConfigured, false, 'nothing comes any more')
  await bob.disconnect()
  t.equal(bob.getState().disconnectReason, 'left')
})

test('room: who leaves with a client whose socket is away does not wait for it, and may come back', async t => {
  const { alice, server, rtc, crypto, create } = await rooms(t, { rooms: [{}] })
  const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto() })
  t.teardown(() => client.close())
  const bob = create({ client })
  await bob.connect()
  await sees(alice, 2)
  client.suspend()
  await bob.disconnect()
  t.notOk(client.connected, 'it has not waited')
  client.resume()
  await sees(alice, 1)
  client.suspend()
  const connecting = bob.connect()
  client.resume()
  await connecting
  await sees(alice, 2)
  const away = next(client, 'disconnected')
  client.suspend()
  await away
  const waits = new Promise(resolve => setTimeout(resolve, 1000, 'waits'))
  t.equal(await Promise.race([bob.disconnect(), waits]), undefined, 'nor where it was away before')
  const again = bob.connect()
  client.resume()
  await again
  await sees(bob, 2)
  await new Promise(resolve => setTimeout(resolve, 200))
  await sees(alice, 2)
  t.equal(server.stats().topics, 1)
})

test('room: a client of the app that was being opened is not left in the topic', async t => {
  const server = new SocketSignalMemoryServer()
  const client = new SocketSignalMemoryClient(server, clientOptions(fakeWrtc()))
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const room = createRoom({ client, room: randomBytes(32) })
  const connecting = rejection(room.connect())
  await room.disconnect()
  await connecting
  await client.open()
  await new Promise(resolve => setTimeout(resolve, 100))
  t.equal(server.stats().topics, 0)
  t.equal(client.status, 'open')
})

test('room: a connection over which nobody wants anything is closed, and made again when somebody does', async t => {
  const { alice, bob, rtc } = await rooms(t, { rooms: [{ idleTimeout: 100 }, { idleTimeout: 100 }] })
  await alice.addStream('self', tracks(rtc))
  await until(() => bob.getParticipantStream(idOf(alice), 'self') !== undefined)
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  await new Promise(resolve => setTimeout(resolve, 400))
  t.equal(rtc.open, 2, 'it stays as long as it is wanted')
  await bob.removeSubscription(idOf(alice), 'self')
  await until(() => rtc.open === 0, 'it is closed')
  await new Promise(resolve => setTimeout(resolve, 700))
  t.equal(rtc.open, 0, 'and not dialed again')
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  t.equal(sent(rtc).length, 2)
})

test('room: who asks for nothing that is there keeps no connection', async t => {
  const { alice, server, topic, rtc, crypto } = await rooms(t, { rooms: [{ idleTimeout: 100 }] })
  const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto() })
  t.teardown(() => client.close())
  const peer = client.connect(topic, Buffer.from(idOf(alice), 'hex'))
  await peer.ready()
  duplex(peer).write('{"want":{"self":{"audio":true,"video":true}}}\n')
  await until(() => peer.destroyed, 'it is closed')
  await until(() => rtc.open === 0, 'on both sides')
  t.equal(rtc.made, 2, 'and is not dialed again')
})

test('room: the other side gives its lines what names it likes, and harms nobody', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await alice.addStream('self', tracks(rtc))
  await until(() => bob.getParticipantStream(idOf(alice), 'self') !== undefined)
  await bob.addSubscription(idOf(alice), 'self', BOTH)
  const [line] = rtc.connections.flatMap(each => each.getTransceivers())
  for (const name of ['constructor', 'toString', '__proto__']) {
    for (const each of rtc.connections.flatMap(each => each.getTransceivers()))
      Object.defineProperty(each, 'mid', { configurable: true, value: name })
    await bob.updateSubscription(idOf(alice), 'self', { audio: true, video: false })
    await alice.updateStream('self', { audio: null })
  }
  t.ok(line, 'there were some')
  t.equal(bob.getState().status, 'connected')
})

test('room: members of its topic that are in no room are not shown', async t => {
  const { alice, server, topic, rtc, crypto } = await rooms(t, { rooms: [{}] })
  const seen = follow(alice)
  const client = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto() })
  t.teardown(() => client.close())
  await client.join(topic, { info: { chat: true } })
  const other = new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto() })
  t.teardown(() => other.close())
  await other.join(topic, { info: { n: 'Bob', s: {} } })
  await sees(alice, 2)
  await new Promise(resolve => setTimeout(resolve, 200))
  t.same(
    seen.map(({ event, args }) => [event, ...args]),
    [['participant_joined', toHex(other.id)]]
  )
})

test('room: the seventeenth stream is refused, for nobody would see it', async t => {
  const { alice, bob } = await rooms(t)
  const adding = Array.from({ length: 16 }, (_, at) => alice.addStream(`s${at}`))
  t.equal((await rejection(alice.addStream('s16'))).code, 'TOO_LARGE')
  await Promise.all(adding)
  t.equal(Object.keys(alice.getLocalStreams()).length, 16)
  await until(() => bob.getParticipantStreams(idOf(alice)).size === 16)
})

test('room: what was said last is what the others know, also of a server that takes its time', async t => {
  let slow = 300
  const { alice, bob, rtc } = await rooms(t, {
    server: {
      authorize: async ({ action }) => {
        if (action === 'join') await new Promise(resolve => setTimeout(resolve, (slow /= 4)))
        return true
      }
    }
  })
  slow = 1200
  const media = tracks(rtc)
  await Promise.all([
    alice.addStream('self', media),
    new Promise(resolve => setTimeout(resolve, 50)).then(() => alice.updateStream('self', { audio: null })),
    new Promise(resolve => setTimeout(resolve, 60)).then(() => alice.addStream('screen'))
  ])
  await new Promise(resolve => setTimeout(resolve, 300))
  t.same(
    [...bob.getParticipantStreams(idOf(alice)).values()].map(each => [each.key, each.isAudioEnabled]),
    [
      ['self', false],
      ['screen', false]
    ]
  )
})

test('room: who is ended by the server without a word of a moderator is told that it was kicked', async t => {
  const { alice, server } = await rooms(t, { rooms: [{}] })
  const seen = follow(alice)
  server.disconnect({ id: Buffer.from(idOf(alice), 'hex') })
  await until(() => alice.getState().status === 'disconnected')
  t.same(
    seen.map(({ event, args }) => [event, ...args]),
    [['participant_leaving', idOf(alice), 'kicked'], ['disconnected']]
  )
  t.equal(alice.getState().disconnectReason, 'kicked')
})

test('room: a client that was made with tokens of its own is not ended when one of them runs out', async t => {
  const { tokens, gate } = tokensAndGate()
  const grant = { topics: '*' as const, can: ['join', 'lookup', 'offer', 'signal', 'publish'] }
  const { server, create, rtc, crypto } = await rooms(t, { server: { authorize: gate.authorize }, rooms: [] })
  let asked = 0
  const token = () => {
    asked++
    return tokens.mint(grant, { expiresIn: 2_000 })
  }
  const room = create({
    client: () => new SocketSignalMemoryClient(server, { ...clientOptions(rtc), crypto: crypto(), token })
  })
  await room.connect()
  await until(() => asked > 3, 'it gets others', 10)
  t.equal(room.getState().status, 'connected')
})

test('room: a token that the server does not take is not shown when the room comes back', async t => {
  const { tokens, gate } = tokensAndGate()
  const grant = { topics: '*' as const, can: ['join', 'lookup', 'offer', 'signal', 'publish'] }
  const clientToken = await tokens.mint(grant)
  const { alice, server } = await rooms(t, {
    server: { authorize: gate.authorize },
    rooms: [{ clientToken }]
  })
  t.equal((await rejection(alice.updateClientToken('nonsense'))).code, 'TOKEN_INVALID')
  const states: string[] = []
  alice.on('state_changed', ({ status, isReconnecting }) => states.push(`${status} ${isReconnecting}`))
  server.pairs[0]?.break()
  await until(() => states.length === 2 || states.some(each => each.startsWith('disconnected')))
  t.same(states, ['connected true', 'connected false'])
})

test('room reports: who asks again does not put them off; what fails is left out', async t => {
  const told: string[][] = []
  const reports = new Reports({
    interval: 50,
    read: async id => {
      if (id === 'gone') throw new Error('its connection has ended')
      return { connectionQuality: 5, roundTripTime: 0, jitter: 0, packetLoss: 0 }
    },
    onreport: metrics => told.push(Object.keys(metrics))
  })
  const asking = setInterval(() => reports.enable(['bob', 'gone'], false), 10)
  t.teardown(() => clearInterval(asking))
  await until(() => told.length > 1)
  t.same(told[0], ['bob'])
  clearInterval(asking)
  reports.disable()
  const { length } = told
  await new Promise(resolve => setTimeout(resolve, 200))
  t.equal(told.length, length)
})

test('room reports: who was asked for no more while it was read is not in them', async t => {
  const told: string[][] = []
  const reports = new Reports({
    interval: 20,
    read: async id => {
      // In between, for instance because it has left.
      if (id === 'cid') reports.disable(['bob'])
      return { connectionQuality: 5, roundTripTime: 0, jitter: 0, packetLoss: 0 }
    },
    onreport: metrics => told.push(Object.keys(metrics))
  })
  t.teardown(() => reports.disable())
  reports.enable(['bob', 'cid'], false)
  await until(() => told.length > 0)
  t.same(told[0], ['cid'])
})
