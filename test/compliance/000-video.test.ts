import { Emitter, topicFromName } from 'socket-signal'
import {
  type RoomSession,
  type RoomSessionEvents,
  SignalWire,
  SocketSignal,
  StaticCredentialProvider,
  Video
} from 'socket-signal-sdk'
import { type FakeWrtc, fakeWrtc } from 'socket-signal-testing'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { deferred } from '../../packages/core/src/deferred.ts'
import { Call } from '../../packages/sdk/src/call.ts'

import { isSame } from '../../packages/sdk/src/members.ts'
import { type Minting, minting } from '../tools/ready-made.ts'

import { clientOptions } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'

const ROOM = '/api/video/room_tokens'
const SUBSCRIBER = '/api/fabric/subscribers/tokens'

/** What places a client of the fake WebRTC at a server, and something to send. */
function media({ server }: Minting, rtc: FakeWrtc) {
  const client = (options: object) =>
    new SocketSignalWebsocketClient(server.signalUrl, { ...clientOptions(rtc), ...options })
  const localStream = () => rtc.createMediaStream({ audio: true, video: true }) as unknown as MediaStream
  return { client, localStream }
}

/** A session of the room `lobby` for a name, with these permissions. */
async function sessions(t: Test, world: Minting, ...people: { name: string; permissions?: string[] }[]) {
  const { client, localStream } = media(world, fakeWrtc())
  const made: RoomSession[] = []
  t.teardown(() => Promise.all(made.map(session => session.leave())))
  for (const { name, permissions = [] } of people) {
    const token = await world.mint(ROOM, { room_name: 'lobby', user_name: name, permissions })
    made.push(new Video.RoomSession({ token, client, localStream: localStream() }))
  }
  return made as [RoomSession, RoomSession]
}

const namesOf = (session: RoomSession) => session.members.map(({ name }) => name).sort()

test('000.11 video: join resolves with who is there, in the room that the token names', async t => {
  const world = await minting(t)
  const [ada, bob] = await sessions(t, world, { name: 'Ada' }, { name: 'Bob' })
  const first = await ada.join()
  t.deepEqual([first.room, first.members.length], ['lobby', 1])
  t.equal(await bob.join(), await bob.join(), 'called again it gives the same')
  const { members, memberId } = await bob.join()
  t.deepEqual(members.map(({ name, isLocal }) => [name, isLocal]).sort(), [
    ['Ada', false],
    ['Bob', true]
  ])
  const topic = await topicFromName('lobby')
  const there = await world.server.signal.backplane.lookup(topic, { limit: 9, except: new Uint8Array(32) })
  t.ok(there.some(({ id }) => Buffer.from(id).toString('hex') === memberId))
})

test('000.7 000.24 video: others come, send, say something and leave, each told by the name of its token', async t => {
  const world = await minting(t)
  const [ada, bob] = await sessions(t, world, { name: 'Ada' }, { name: 'Bob' })
  const told = record(ada, 'member.joined', 'member.left', 'message.received', 'room.left')
  await ada.join()
  const { memberId } = await bob.join()
  await until(() => told.length === 1)
  t.deepEqual([told[0]?.event, told[0]?.args[0].member.name], ['member.joined', 'Bob'])
  await until(() => ada.members.every(({ audioMuted, videoMuted }) => !audioMuted && !videoMuted))
  const gets = () =>
    Object.values(ada.room?.getState().streams ?? {}).some(
      ({ origin, videoTrack, audioTrack }) => origin === 'remote' && videoTrack && audioTrack
    )
  await until(gets, 'what Bob sends is subscribed by itself')
  await bob.sendMessage('hello')
  await until(() => told.length === 2)
  t.deepEqual(told[1]?.args[0], { memberId, message: { type: 'text', payload: 'hello' }, direct: false })
  await bob.leave()
  await bob.leave()
  await until(() => told.length === 3)
  t.deepEqual([told[2]?.event, told[2]?.args[0].member.name], ['member.left', 'Bob'])
  t.deepEqual(namesOf(ada), ['Ada'])
  await bob.join()
  await until(() => namesOf(ada).length === 2, 'who left may come again')
})

test('video: muting is the server’s, for tokens with the permission; what is sent is one’s own (000.20)', async t => {
  const world = await minting(t)
  const can = [
    'room.self.audio_mute',
    'room.self.audio_unmute',
    'room.member.video_mute',
    'room.member.remove'
  ]
  const [ada, bob] = await sessions(t, world, { name: 'Ada', permissions: can }, { name: 'Bob' })
  const { memberId: adaId } = await ada.join()
  const { memberId: bobId } = await bob.join()
  const seen = (session: RoomSession, id: string) => session.members.find(member => member.id === id)
  for (const deed of [
    bob.audioMute(),
    bob.videoMute({ memberId: adaId }),
    bob.removeMember({ memberId: adaId }),
    ada.videoMute()
  ])
    t.equal((await rejection(deed)).code, 'FORBIDDEN')
  t.notOk(seen(ada, adaId)?.videoMuted)
  await ada.audioMute()
  await ada.videoMute({ memberId: bobId })
  await until(() => seen(bob, adaId)?.audioMuted === true && seen(ada, bobId)?.videoMuted === true)
  await ada.audioUnmute()
  await until(() => seen(bob, adaId)?.audioMuted === false)
  await bob.setSending({ audio: false })
  await until(() => seen(ada, bobId)?.audioMuted === true)
  await bob.setSending({ audio: true })
  await until(() => seen(ada, bobId)?.audioMuted === false)
  const left = next(bob, 'room.left')
  await ada.removeMember({ memberId: bobId })
  t.deepEqual(await left, [{ reason: 'kicked' }])
})

test('video: tokens of other namespaces and of other rooms are refused', async t => {
  const world = await minting(t)
  const { client, localStream } = media(world, fakeWrtc())
  const join = async (token: string, options: object = {}) => {
    const session = new Video.RoomSession({ token, client, localStream: localStream(), ...options })
    const error = await rejection(session.join())
    t.equal(session.room, undefined)
    t.equal((await rejection(session.sendMessage('x'))).code, 'NOT_CONNECTED')
    return error.code
  }
  const channels = { channels: ['lobby'] }
  t.equal(await join(await world.mint('/api/chat/tokens', channels)), 'TOKEN_INVALID')
  t.equal(await join(await world.mint('/api/fabric/subscriber_tokens', channels)), 'TOKEN_INVALID')
  t.equal(world.server.signal.stats().sockets, 0, 'no server was asked')
  t.equal(await join(await world.mint(ROOM, { room_name: 'lobby' }), { room: 'cellar' }), 'FORBIDDEN')
  t.equal(await join('nonsense', { room: 'lobby' }), 'TOKEN_INVALID')
  await until(() => world.server.signal.stats().sockets === 0)
})

test('video: left while it joins, nothing is left of it', async t => {
  const world = await minting(t)
  const [ada] = await sessions(t, world, { name: 'Ada' })
  const events = record(ada, 'room.joined', 'room.left')
  const joining = rejection(ada.join())
  await ada.leave()
  t.equal((await joining).code, 'NOT_CONNECTED')
  const again = ada.join()
  await until(() => ada.room !== undefined)
  await ada.leave()
  t.equal((await rejection(again)).code, 'NOT_CONNECTED')
  await until(() => world.server.signal.stats().sockets === 0)
  t.deepEqual(events, [])
  t.throws(() => new Video.RoomSession({} as { token: string }), /token/)
})

async function callers(t: Test, world: Minting, ...names: string[]): Promise<SocketSignal[]> {
  const { client } = media(world, fakeWrtc())
  return Promise.all(
    names.map(async name => {
      const token = await world.mint(SUBSCRIBER, { reference: name })
      const made = new SocketSignal(new StaticCredentialProvider({ token }), { name, client })
      t.teardown(() => made.disconnect())
      return made
    })
  )
}

const silent = { audio: false, video: false }

test('000.9 call: calling, ringing, active and ended, told by call.state', async t => {
  const world = await minting(t)
  const [ada, bob] = (await callers(t, world, 'Ada', 'Bob')) as [SocketSignal, SocketSignal]
  const out = ada.dial({ destination: '/public/sales', ...silent })
  t.equal(out.state, 'calling')
  const states = record(out, 'call.state')
  await until(() => out.state === 'ringing')
  const back = bob.dial({ destination: '/public/sales', ...silent })
  await Promise.all([out.ready(), back.ready()])
  t.deepEqual(
    out.session.members.map(({ name }) => name).sort(),
    ['Ada', 'Bob'],
    'each has a name for the other'
  )
  await back.hangup()
  await back.hangup()
  await until(() => out.state === 'ended')
  t.deepEqual(
    states.map(({ args }) => args[0]),
    [{ state: 'ringing' }, { state: 'active' }, { state: 'ended', reason: 'remote' }]
  )
  t.deepEqual([back.state, back.reason], ['ended', 'hangup'])
  t.equal((await rejection(back.ready())).code, 'REJECTED')
  t.equal(world.server.signal.stats().sockets, 2, 'the connection stays for the next call, the same for all')
})

test('call: one whose connection fails has ended by that, not by a hangup', async t => {
  const world = await minting(t)
  const token = 'nonsense'
  const client = new SocketSignal(new StaticCredentialProvider({ token }), { server: world.server.signalUrl })
  const call = client.dial({ destination: 'lobby', ...silent })
  t.equal((await rejection(call.ready())).code, 'TOKEN_INVALID')
  t.deepEqual([call.state, call.reason], ['ended', 'TOKEN_INVALID'])
  await client.disconnect()
})

test('call: who comes while it is on its way has been rung for; it may ring for ever', async t => {
  const joining = deferred<{ members: object[] }>()
  class Played extends Emitter<RoomSessionEvents> {
    readonly members = []
    join = () => joining.promise
    leave = async () => {}
    come = () => this.emit('member.joined', { member: {} as never })
  }
  const session = new Played()
  const call = new Call(session as never, { destination: 'lobby', ringTimeout: Number.POSITIVE_INFINITY })
  const states = record(call, 'call.state')
  session.come()
  joining.resolve({ members: [] })
  await call.ready()
  await call.hangup()
  t.deepEqual(
    states.map(({ args }) => args[0].state),
    ['ringing', 'active', 'ended']
  )
  const world = await minting(t)
  const [ada] = (await callers(t, world, 'Ada')) as [SocketSignal]
  const patient = ada.dial({ destination: 'nowhere', ringTimeout: Number.POSITIVE_INFINITY, ...silent })
  await until(() => patient.state !== 'calling')
  await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(patient.state, 'ringing', 'longer than a timer can be is for ever')
})

test('call: nobody answers, or the token does not reach it: it ends', async t => {
  const world = await minting(t)
  const [ada] = (await callers(t, world, 'Ada')) as [SocketSignal]
  const call = ada.dial({ destination: 'nowhere', ringTimeout: 1000, ...silent })
  t.equal((await rejection(call.ready())).code, 'REJECTED')
  t.equal(call.reason, 'no_answer')
  const { client } = media(world, fakeWrtc())
  const token = await world.mint(ROOM, { room_name: 'lobby' })
  const guest = new SignalWire(new StaticCredentialProvider({ token }), { client })
  t.teardown(() => guest.disconnect())
  const refused = guest.dial({ destination: 'cellar', ...silent })
  t.equal((await rejection(refused.ready())).code, 'FORBIDDEN')
  t.equal(refused.reason, 'FORBIDDEN')
})

test('002.5 client: made and disconnected as an effect is, no connection and no error is left', async t => {
  const world = await minting(t)
  t.equal(SignalWire, SocketSignal)
  const [early] = (await callers(t, world, 'Ada')) as [SocketSignal]
  const call = early.dial({ destination: 'lobby', ...silent })
  const ready = rejection(early.ready())
  await Promise.all([early.disconnect(), early.disconnect()])
  t.equal((await ready).code, 'CLOSED')
  t.equal(call.state, 'ended')
  const [late] = (await callers(t, world, 'Ada')) as [SocketSignal]
  await late.ready()
  t.equal(world.server.signal.stats().sockets, 1)
  const told = next(late, 'disconnected')
  await late.disconnect()
  t.deepEqual(await told, [{}])
  await until(() => world.server.signal.stats().sockets === 0)
})

test('002.6 002.7 002.8 client: what a provider gives is renewed before it ends, on the same socket', async t => {
  const world = await minting(t, { tokenNotice: 2000 })
  const asked: string[] = []
  const left: number[] = []
  let ends = Number.POSITIVE_INFINITY
  const get = async (how: string) => {
    asked.push(how)
    left.push(ends - Date.now())
    const expire_at = Math.floor(Date.now() / 1000) + 3
    ends = expire_at * 1000
    return {
      token: await world.mint(SUBSCRIBER, { reference: 'ada', expire_at }),
      expiry_at: expire_at * 1000
    }
  }
  const provider = { authenticate: () => get('authenticate'), refresh: () => get('refresh') }
  const client = new SocketSignal(provider, { server: world.server.signalUrl })
  t.teardown(() => client.disconnect())
  const lost = record(client, 'reconnecting', 'disconnected')
  await client.ready()
  await until(() => asked.length >= 3, 'it is renewed twice', 15)
  t.deepEqual(asked.slice(0, 3), ['authenticate', 'refresh', 'refresh'])
  t.ok(
    left.slice(1).every(ms => ms > 0),
    `before the end: ${left}`
  )
  t.deepEqual(lost, [])
  await client.disconnect()
  const ways: string[] = []
  const token = await world.mint(SUBSCRIBER, { reference: 'ada' })
  const give = async (how: string, ms: number) => {
    ways.push(how)
    return { token, expiry_at: Date.now() + ms }
  }
  const hasty = new SocketSignal(
    { authenticate: () => give('authenticate', 500), refresh: () => give('refresh', 60_000) },
    { server: world.server.signalUrl }
  )
  t.teardown(() => hasty.disconnect())
  await hasty.ready()
  t.deepEqual(ways, ['authenticate', 'refresh'], 'what ends in half a second, by Date.now(), is not shown')
})

test('002.9 client: a provider that fails is told by ready(), by disconnected and by each call', async t => {
  const fail = async () => {
    throw new Error('token fetch failed')
  }
  const client = new SocketSignal({ authenticate: fail, refresh: fail }, { server: 'ws://127.0.0.1:9' })
  const told = next(client, 'disconnected')
  const call = client.dial({ destination: 'lobby', ...silent })
  const error = await rejection(client.ready())
  t.equal(error.code, 'TOKEN_UNAVAILABLE')
  t.match(error.message, /token fetch failed/)
  t.equal((await told)[0].error, error)
  t.ok((await rejection(call.ready())) instanceof Error)
  t.equal(call.state, 'ended')
  const wrong = new SocketSignal(new StaticCredentialProvider({ token: `x.${btoa('{"kind":"chat"}')}.y` }), {
    server: 'ws://127.0.0.1:9'
  })
  t.equal((await rejection(wrong.ready())).code, 'TOKEN_INVALID')
  t.throws(() => new SocketSignal({} as never), /credentials/)
})

test('video: a new token holds for the next join as well', async t => {
  const world = await minting(t)
  const [ada] = await sessions(t, world, { name: 'Ada' })
  const renamed = await world.mint(ROOM, { room_name: 'lobby', user_name: 'Ada the second' })
  const updating = next(ada, 'state.changed').then(() => ada.updateToken(renamed))
  const joining = ada.join()
  await updating
  t.equal((await joining).room, 'lobby', 'said while it joins, it waits')
  t.equal((await rejection(ada.updateToken('x'))).code, 'TOKEN_INVALID')
  t.deepEqual(namesOf(ada), ['Ada'])
  await ada.leave()
  t.equal((await ada.join()).room, 'lobby', 'what was refused is not shown again')
  await ada.leave()
  await ada.updateToken(renamed)
  await ada.join()
  t.deepEqual(namesOf(ada), ['Ada the second'])
})

test('client: one that is refused on its way back has ended, and so have its calls', async t => {
  const world = await minting(t)
  let isGone = false
  const get = async () => {
    const token = isGone ? 'nonsense' : await world.mint(SUBSCRIBER, { reference: 'ada' })
    return { token, expiry_at: 0 } // Asked anew each time.
  }
  const { client } = media(world, fakeWrtc())
  const ada = new SocketSignal({ authenticate: get, refresh: get }, { client })
  t.teardown(() => ada.disconnect())
  const call = ada.dial({ destination: 'lobby', ...silent })
  await until(() => call.state === 'ringing')
  const told = next(ada, 'disconnected')
  isGone = true
  for (const connection of world.server.signal.connections) connection.close('SLOW_CONSUMER', 'for a test')
  const [{ error }] = await told
  t.equal(error.code, 'TOKEN_INVALID')
  await until(() => call.state === 'ended')
  t.equal(call.reason, 'TOKEN_INVALID')
})

test('client: one that was given stays open, and hears nothing more', async t => {
  const world = await minting(t)
  const token = await world.mint(SUBSCRIBER, { reference: 'ada' })
  const own = media(world, fakeWrtc()).client({ token })
  t.teardown(() => own.close())
  const ada = new SocketSignal(new StaticCredentialProvider({ token }), { client: own })
  const told = record(ada, 'connected', 'reconnecting', 'disconnected')
  const call = ada.dial({ destination: 'lobby', ...silent })
  await until(() => call.state === 'ringing')
  await ada.disconnect()
  t.deepEqual([call.state, own.status], ['ended', 'open'])
  t.equal((await rejection(ada.dial({ destination: 'lobby', ...silent }).ready())).code, 'CLOSED')
  const back = next(own, 'connected')
  for (const connection of world.server.signal.connections) connection.close('SLOW_CONSUMER', 'for a test')
  await back
  t.deepEqual(
    told.map(({ event }) => event),
    ['connected', 'disconnected']
  )
  await until(() => world.server.signal.stats().topics === 0)
})

test('call: what fails without a code of ours has one', async t => {
  class Played extends Emitter<RoomSessionEvents> {
    readonly members = []
    join = () => Promise.reject(new DOMException('it was stopped', 'AbortError'))
    leave = async () => {}
  }
  const call = new Call(new Played() as never, { destination: 'lobby' })
  t.equal((await rejection(call.ready())).name, 'AbortError')
  t.equal(call.reason, 'INTERNAL')
})

test('video: that somebody has a name now, or none, is a change', t => {
  const nobody = {
    id: 'x',
    isLocal: false,
    audioMuted: false,
    videoMuted: false,
    isTalking: false,
    isAway: false
  }
  const ada = { ...nobody, name: 'Ada' }
  t.notOk(isSame(nobody, ada))
  t.notOk(isSame(ada, nobody))
  t.ok(isSame(ada, { ...ada }))
  t.end()
})
