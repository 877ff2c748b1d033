import { type Authorize, type SignalError, topicFromName } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { createRoom, type Room, type State } from 'socket-signal-room'
import { deterministicCrypto, fakeWrtc, type World } from 'socket-signal-testing'
import { createEndpoints } from '../../packages/server/src/endpoints.ts'
import { mintRoutes } from '../../packages/server/src/mint.ts'
import { ask } from '../tools/endpoints.ts'
import type { DocumentedRoom } from '../tools/fixtures/documented-room.ts'
import { basic, project } from '../tools/ready-made.ts'
import { idOf, rooms, sees, tracks } from '../tools/rooms.ts'
import { held, simulated, worldOf } from '../tools/simulated.ts'
import { clientOptions } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { NAMES, plainTokensAndGate, tokensAndGate } from '../tools/tokens.ts'
import { rejection, until } from '../tools/wait.ts'

const STATUSES = ['initialized', 'connecting', 'connected', 'disconnecting', 'disconnected']
const CAN = ['join', 'lookup', 'offer', 'signal', 'publish']

test('room: an app that was written to the types of the document compiles, and finds all that they have (001.2)', t => {
  const client = () => t.fail('nothing is opened') as never
  const room: DocumentedRoom = createRoom({ client, room: 'lobby' })
  const { id, ...methods } = room
  t.equal(typeof id, 'string')
  const documented: { [K in Exclude<keyof DocumentedRoom, 'id'>]: true } = {
    ...{ on: true, connect: true, disconnect: true, updateClientToken: true, getState: true },
    ...{ getLocalParticipant: true, getLocalStreams: true, addStream: true, updateStream: true },
    ...{ removeStream: true, addSubscription: true, updateSubscription: true, removeSubscription: true },
    ...{ getParticipantStreams: true, getParticipantStream: true, getWebRTCStatsForStream: true },
    ...{ sendMessage: true, enableNetworkMetricsReport: true, disableNetworkMetricsReport: true }
  }
  for (const name of Object.keys(documented) as (keyof typeof documented)[])
    t.equal(typeof methods[name], 'function', name)
  t.equal(Object.keys(documented).length, 19)
  t.end()
})

simulated('001.1 room.id: each instance has one of its own', async t => {
  const { alice, bob, create } = await rooms(t)
  const ids = [alice, bob, create()].map(room => room.id)
  t.ok(ids.every(id => typeof id === 'string' && id.length > 0))
  t.equal(new Set(ids).size, 3)
})

simulated('001.2 room.on: gives what ends it; a callback that throws harms nobody', async t => {
  const { alice, bob, rtc } = await rooms(t)
  const heard: string[] = []
  const { error } = console
  const reported: unknown[] = []
  console.error = (...words) => reported.push(words)
  t.teardown(() => (console.error = error))
  const stops = [
    bob.on('stream_published', () => heard.push('gone')),
    bob.on('stream_published', () => {
      throw new Error('a listener fails')
    })
  ]
  bob.on('stream_published', (id, key, state) => heard.push(`${id === idOf(alice)} ${key} ${state.status}`))
  stops[0]?.()
  await alice.addStream('self', tracks(rtc))
  await until(() => heard.length > 0)
  t.same(heard, ['true self connected'])
  t.equal(reported.length, 1)
  const twice = () => heard.push('twice')
  const [one, other] = [bob.on('stream_unpublished', twice), bob.on('stream_unpublished', twice)]
  one()
  one()
  await alice.removeStream('self')
  await until(() => heard.length === 2)
  t.equal(heard[1], 'twice', 'ending one leaves the other')
  other()
})

simulated(
  '001.3 001.5 connect: initialized, connecting, connected, told by state_changed; then the local participant is there',
  async t => {
    const { alice } = await rooms(t, { connected: false, rooms: [{}] })
    const seen: State[] = []
    alice.on('state_changed', state => seen.push(state))
    t.equal(alice.getState().status, 'initialized')
    const connecting = alice.connect()
    t.equal(alice.getState().status, 'connecting')
    await Promise.all([connecting, alice.connect()])
    const { status, localParticipantId, participants } = alice.getState()
    t.equal(status, 'connected')
    t.ok(participants[localParticipantId])
    t.same([...new Set(seen.map(state => state.status))], ['connecting', 'connected'])
    t.equal(seen.filter(state => state.status === 'connected').length, 1, 'connected once')
    await alice.connect()
    t.equal(seen.filter(state => state.status === 'connected').length, 1, 'again is no change')
  }
)

simulated('001.4 disconnect: disconnecting, then disconnected; it may be connected again', async t => {
  const { alice, bob } = await rooms(t)
  const seen: string[] = []
  alice.on('state_changed', ({ status }) => seen.push(status))
  const disconnecting = alice.disconnect()
  t.equal(alice.getState().status, 'disconnecting')
  await Promise.all([disconnecting, alice.disconnect()])
  t.same(seen, ['disconnecting', 'disconnected'])
  t.equal(alice.getState().disconnectReason, 'left')
  t.same(alice.getState().participants, {})
  await sees(bob, 1)
  await alice.connect()
  await sees(bob, 2)
  t.equal(alice.getState().disconnectReason, undefined)
  await alice.disconnect()
  const connecting = rejection(alice.connect())
  await alice.disconnect()
  t.equal((await connecting).code, 'NOT_CONNECTED', 'also while it is connecting')
  t.equal(alice.getState().status, 'disconnected')
  t.equal((await rejection(alice.addStream('self'))).code, 'NOT_CONNECTED')
})

simulated('001.6 updateClientToken: a new token, and the room goes on', async t => {
  const { mint, gate } = plainTokensAndGate()
  const grant = { topics: '*' as const, can: CAN }
  const options = { clientToken: mint(grant) }
  const { alice, server } = await rooms(t, { server: { authorize: gate.authorize }, rooms: [options] })
  const seen: string[] = []
  alice.on('state_changed', ({ status }) => seen.push(status))
  const [before] = server.connections
  await alice.updateClientToken(mint({ ...grant, sub: 'ada' }))
  t.same(seen, [])
  t.equal([...server.connections][0], before)
  t.equal(before?.grant.sub, 'ada')
  t.equal((await rejection(alice.updateClientToken('nonsense'))).code, 'TOKEN_INVALID')
  t.equal(alice.getState().status, 'connected')
})

simulated(
  '001.7 001.10 generate_join_client_token and refresh_client_token: a token holds 600 s, and the next one as long again',
  async t => {
    const world = worldOf(t) as World
    const { tokens: access, gate } = tokensAndGate()
    const { tokens: refresh } = tokensAndGate({ audience: `${NAMES.audience} refresh` })
    const authorize: Authorize = request => {
      const answer = gate.authorize(request)
      return answer instanceof Promise ? held(world, answer) : answer
    }
    const endpoints = createEndpoints(mintRoutes({ access, refresh }), project, () => {})
    const post = (action: string, body: object = {}, authorization = basic()) =>
      held(world, ask(endpoints, `/rooms/lobby/actions/${action}`, authorization, body))
    t.equal((await post('generate_join_client_token', {}, '')).status, 401, 'the project alone may ask')
    const { data } = (await post('generate_join_client_token')).body
    t.equal(Date.parse(data.token_expires_at) - Date.now(), 600_000)
    const { exp, iat = 0 } = await held(world, access.verify(data.token))
    t.equal(exp - iat, 600)
    const asked = (await post('generate_join_client_token', { token_ttl_secs: 60 })).body.data
    t.equal(Date.parse(asked.token_expires_at) - Date.now(), 60_000, 'set when it is made')

    const room = await held(world, topicFromName('lobby'))
    const { rooms: made } = await rooms(t, {
      server: { authorize },
      rooms: ['Ada', 'Bob'].map(name => ({ name, room, clientToken: data.token }))
    })
    const [ada, bob] = made as [Room, Room]
    const pass = (seconds: number) => new Promise(resolve => setTimeout(resolve, seconds * 1000))
    await pass(590)
    t.same([ada.getState().status, bob.getState().status], ['connected', 'connected'])
    const renewed = await post('refresh_client_token', { refresh_token: data.refresh_token })
    t.equal(Date.parse(renewed.body.data.token_expires_at) - Date.now(), 600_000)
    await ada.updateClientToken(renewed.body.data.token)
    await until(() => bob.getState().status === 'disconnected', 'who has no other token leaves', 60)
    t.equal(bob.getState().disconnectReason, 'token_expired')
    await pass(540)
    t.equal(ada.getState().status, 'connected')
    await until(() => ada.getState().status === 'disconnected', 'nor does the second hold for ever', 100)
    t.equal((await post('refresh_client_token', { refresh_token: data.token })).status, 422)
  },
  { seconds: 900 }
)

simulated('001.8 a token that ends ends the room, by itself, and says why', async t => {
  const { mint, gate } = plainTokensAndGate()
  const clientToken = mint({ topics: '*', can: CAN }, 2_000)
  const { alice } = await rooms(t, { server: { authorize: gate.authorize }, rooms: [{ clientToken }] })
  const seen: string[] = []
  alice.on('disconnected', ({ status, disconnectReason }) => seen.push(`${status} ${disconnectReason}`))
  await until(() => seen.length > 0, 'it disconnects', 8)
  t.same(seen, ['disconnected token_expired'])
})

simulated('001.9 nothing refreshes a token by itself, but for who asked for it', async t => {
  const { mint, gate } = plainTokensAndGate()
  const fresh = () => mint({ topics: '*', can: CAN }, 3_000)
  const asked: boolean[] = []
  const credentials = async ({ expiring }: { expiring: boolean }) => {
    asked.push(expiring)
    return fresh()
  }
  const { alice, bob } = await rooms(t, {
    server: { authorize: gate.authorize },
    rooms: [{ credentials }, { clientToken: fresh() }]
  })
  await until(() => bob.getState().status === 'disconnected', 'who asked for nothing ends', 8)
  await until(() => asked.length > 2, 'the other is asked', 8)
  t.equal(asked[0], false)
  t.ok(asked.slice(1).every(expiring => expiring))
  t.equal(alice.getState().status, 'connected')
})

simulated(
  '001.11 001.12 getState: status, localParticipantId, participants, streams; and no other status',
  async t => {
    const { alice } = await rooms(t, { connected: false, rooms: [{}] })
    const { status, localParticipantId, participants, streams } = alice.getState()
    t.same([status, localParticipantId, participants, streams], ['initialized', '', {}, {}])
    const seen = new Set<string>([status])
    alice.on('state_changed', state => seen.add(state.status))
    await alice.connect()
    await alice.disconnect()
    t.same([...seen], STATUSES)
  }
)

simulated('001.13 participants and streams are found by their ids', async t => {
  const { alice, bob, rtc } = await rooms(t)
  await alice.addStream('self', tracks(rtc))
  await until(() => Object.keys(bob.getState().streams).length === 1)
  for (const room of [alice, bob]) {
    const { participants, streams } = room.getState()
    for (const [id, participant] of Object.entries(participants)) t.equal(participant.id, id)
    for (const [id, stream] of Object.entries(streams)) t.equal(stream.id, id)
    t.equal(streams[participants[idOf(alice)]?.streams.self ?? '']?.participantId, idOf(alice))
  }
})

simulated(
  '001.14 states never change: what changed is another object, what did not is the same, and nobody can write',
  async t => {
    const { alice, bob, rtc } = await rooms(t)
    const before = bob.getState()
    const copy = JSON.stringify(before)
    await alice.addStream('self', tracks(rtc))
    await until(() => bob.getState() !== before)
    t.equal(JSON.stringify(before), copy)
    const after = bob.getState()
    t.notEqual(after.participants[idOf(alice)], before.participants[idOf(alice)])
    t.equal(after.participants[idOf(bob)], before.participants[idOf(bob)])
    const everything: object[] = [bob, after]
    for (const value of everything) everything.push(...Object.values(value).filter(each => isPlain(each)))
    t.ok(everything.length > 5)
    t.ok(everything.every(Object.isFrozen))
    t.throws(() => Object.assign(after, { status: 'initialized' }), TypeError)
    t.throws(() => Object.assign(bob, { id: 'other' }), TypeError)
  }
)

simulated('001.15 001.16 getLocalParticipant: the one of origin local, with its context', async t => {
  const own = { name: 'Alice', context: '{"seat":1}' }
  const { alice, bob, rtc, create } = await rooms(t, { rooms: [own, {}] })
  await alice.addStream('self', tracks(rtc))
  const { id, context, name, streams, canReceiveMessages, origin } = alice.getLocalParticipant()
  t.same([id, context, name, canReceiveMessages, origin], [idOf(alice), own.context, 'Alice', true, 'local'])
  t.same(streams, { self: `${id}/self` })
  for (const room of [alice, bob]) {
    const all = Object.values(room.getState().participants)
    t.same(
      all.filter(each => each.origin === 'local'),
      [room.getLocalParticipant()]
    )
  }
  t.same(
    [bob.getState().participants[id]?.context, bob.getState().participants[id]?.origin],
    [own.context, 'remote']
  )
  t.throws(() => create().getLocalParticipant(), { code: 'NOT_CONNECTED' } as never)
  t.throws(() => create({ context: 'x'.repeat(513) }), TypeError)
})

test('room: 000.20 and 000.21 for its calls: what the token does not grant is refused by the server, also another room', async t => {
  const { tokens, gate } = tokensAndGate()
  const lobby = { kind: 'video' as const, topics: [{ name: 'lobby' }] }
  const clientToken = await tokens.mint({ ...lobby, can: ['join', 'lookup', 'room.self.audio_mute'] })
  const mod = await tokens.mint({ ...lobby, can: [...CAN, 'moderate'] })
  const { server, rtc, create } = await rooms(t, { server: { authorize: gate.authorize }, rooms: [] })
  const [ada, bob, eve] = [
    create({ room: 'lobby', clientToken }),
    create({ room: 'lobby', clientToken: mod }),
    create({ room: 'kitchen', clientToken })
  ]
  await Promise.all([ada.connect(), bob.connect()])
  await sees(ada, 2)
  const refused = await rejection(eve.connect())
  t.equal(refused.code, 'FORBIDDEN', 'another room')
  t.same([eve.getState().status, eve.getState().disconnectReason], ['disconnected', 'FORBIDDEN'])
  const text = { type: 'text', payload: 'hi' } as const
  t.equal((await rejection(ada.sendMessage(text))).code, 'FORBIDDEN', 'no right to publish')
  t.equal((await rejection(ada.kick(idOf(bob)))).code, 'FORBIDDEN', 'no right to moderate')
  await bob.addStream('self', tracks(rtc))
  await until(() => ada.getParticipantStream(idOf(bob), 'self') !== undefined)
  const subscribing = create({ room: 'lobby', clientToken, subscribeTimeout: 500 })
  await subscribing.connect()
  await until(() => subscribing.getParticipantStream(idOf(bob), 'self') !== undefined)
  const late = await rejection(subscribing.addSubscription(idOf(bob), 'self', { audio: true, video: true }))
  t.equal(late.code, 'TIMEOUT')
  t.equal((late.cause as SignalError).code, 'FORBIDDEN', 'no right to dial')
  t.ok(server.connections.size >= 3)
})

simulated(
  '001.52 room: a moderator kicks, censors and uncensors by the server, whatever is sound or picture',
  async t => {
    const { alice, bob, moderation, topic, rtc } = await rooms(t)
    await alice.addStream('self', tracks(rtc))
    await until(() => bob.getParticipantStream(idOf(alice), 'self') !== undefined)
    const id = Buffer.from(idOf(alice), 'hex')
    const shown = () => bob.getParticipantStream(idOf(alice), 'self')
    const censored = () => [shown()?.isAudioCensored, shown()?.isVideoCensored].join()
    t.equal(await moderation.censor(topic, id, 'self', 'audio'), true)
    await until(() => censored() === 'true,false')
    t.equal(await moderation.censor(topic, id, 'self', 'video'), true)
    await until(() => censored() === 'true,true')
    t.equal(await moderation.uncensor(topic, id, 'self', 'audio'), true)
    await until(() => censored() === 'false,true')
    t.equal(await moderation.uncensor(topic, id, 'self', 'video'), true)
    await until(() => censored() === 'false,false')
    t.equal(await moderation.kick(topic, id), true)
    await until(() => alice.getState().status === 'disconnected')
    await sees(bob, 1)
    t.equal(alice.getState().disconnectReason, 'kicked')
  }
)

simulated('room: methods of tokens mute oneself, and others only for who may', async t => {
  const { mint, gate } = plainTokensAndGate()
  const rtc = fakeWrtc()
  const topic = Buffer.alloc(32, 7)
  const { createModeration } = await import('socket-signal-room/server')
  const moderation = createModeration()
  const server = moderation.attach(
    new SocketSignalMemoryServer({
      crypto: deterministicCrypto(0),
      ...moderation.hooks,
      authorize: gate.authorize
    })
  )
  let seed = 1
  const make = async (...can: string[]) => {
    const token = mint({ topics: '*', can: [...CAN, ...can] })
    const client = new SocketSignalMemoryClient(server, {
      ...clientOptions(rtc),
      crypto: deterministicCrypto(seed++),
      token
    })
    const room = createRoom({ client, room: topic })
    await room.connect()
    await room.addStream('self', tracks(rtc))
    return { client, room, id: Buffer.from(idOf(room), 'hex') }
  }
  const ada = await make('room.self.audio_mute', 'room.self.audio_unmute')
  const mod = await make('room.member.video_mute', 'room.member.remove', 'moderate')
  t.teardown(async () => {
    for (const { client } of [ada, mod]) await client.close()
    await server.close()
  })
  await until(() => mod.room.getParticipantStream(idOf(ada.room), 'self') !== undefined)
  const call = (who: typeof ada, target: typeof ada, method: string) =>
    who.client.moderate(topic, target.id, { method })
  t.same(await call(ada, ada, 'room.self.audio_mute'), { done: true })
  const censored = () => mod.room.getParticipantStream(idOf(ada.room), 'self')?.isAudioCensored
  await until(() => censored() === true)
  t.equal((await rejection(call(ada, mod, 'room.self.audio_mute'))).code, 'FORBIDDEN', 'of oneself alone')
  t.equal((await rejection(call(ada, ada, 'room.self.video_mute'))).code, 'FORBIDDEN', 'not granted')
  t.equal((await rejection(call(mod, ada, 'room.member.audio_mute'))).code, 'FORBIDDEN', 'not granted')
  t.same(await call(ada, ada, 'room.self.audio_unmute'), { done: true })
  await until(() => censored() === false)
  t.same(await call(mod, ada, 'room.member.video_mute'), { done: true })
  const kicked = new Promise(resolve =>
    ada.room.on('participant_leaving', (...args) => resolve(args.slice(0, 2)))
  )
  t.same(await call(mod, ada, 'room.member.remove'), { done: true })
  t.same(await kicked, [idOf(ada.room), 'kicked'])
  await until(() => ada.room.getState().status === 'disconnected')
  t.equal(ada.room.getState().disconnectReason, 'kicked')
  await until(() => moderation.stats().censored === 0, 'who has gone is forgotten')
  t.same(moderation.stats(), { rooms: 0, censored: 0 })
})

function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !('kind' in value)
}
