import type { ModerateMsg } from 'socket-signal'
import { type KeyPair, toHex, topicFromName } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { fakeWrtc } from 'socket-signal-testing'
import { createTokens, type Grant } from 'socket-signal-token'
import type { Test } from 'tape'
import { rawKeys } from '../tools/raw.ts'
import { clientOptions, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { NAMES, SECRET, tokensAndGate } from '../tools/tokens.ts'
import { codeOf, next, record, rejection, until } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'

const ALL = ['join', 'lookup', 'offer', 'signal', 'publish', 'moderate']
const PEER = Buffer.alloc(32, 1)

test('000.21 token gate: a token for one room is refused for another, whatever is done there', async t => {
  const { client, lobby, office } = await open(t, { topics: [{ name: 'lobby' }], can: ALL })
  t.deepEqual(await client.join(lobby), [])
  await client.publish(lobby, 'hello')
  await client.lookup(lobby)
  t.equal(
    (await rejection(client.connect(lobby, PEER).ready())).code,
    'PEER_NOT_FOUND',
    'asked, but nobody is there'
  )
  const refused: { [name: string]: () => Promise<unknown> } = {
    join: () => client.join(office),
    lookup: () => client.lookup(office),
    watch: () => client.watch(office, PEER),
    moderate: () => client.moderate(office, PEER, {}),
    connect: () => client.connect(office, PEER).ready(),
    remoteConnect: () => client.remoteConnect(office, PEER).ready()
  }
  for (const [name, call] of Object.entries(refused)) t.equal(await codeOf(call()), 'FORBIDDEN', name)
  await client.leave(office)
  await client.leave(lobby)
})

test('token gate: each right is asked for on its own', async t => {
  for (const only of ALL) {
    const { client, lobby } = await open(t, { topics: '*', can: [only] })
    const calls: [right: string, call: () => Promise<unknown>][] = [
      ['join', () => client.join(lobby)],
      ['lookup', () => client.lookup(lobby)],
      ['lookup', () => client.watch(lobby, PEER)],
      ['offer', () => client.connect(lobby, PEER).ready()],
      ['offer', () => client.remoteConnect(lobby, PEER).ready()],
      ['moderate', () => client.moderate(lobby, PEER, {})]
    ]
    for (const [right, call] of calls) {
      const code = await codeOf(call())
      const granted = right === 'moderate' ? 'this server knows no moderators' : undefined
      if (right !== only) t.equal(code, 'FORBIDDEN', `${right} with ${only}`)
      else if (granted) t.equal((await rejection(call())).message, granted, 'it reached the hook')
      else t.notEqual(code, 'FORBIDDEN', `${right} with ${only}`)
    }
    await client.close()
  }
  const { client, lobby, gate, tokens, server } = await open(t, { topics: '*', can: ['join'] })
  await client.join(lobby)
  t.equal(await codeOf(client.publish(lobby, 'x')), 'FORBIDDEN')
  await client.updateToken(await tokens.mint({ topics: '*', can: ['join', 'publish'] }))
  await client.publish(lobby, 'x')
  t.ok(await gate.allows(await tokens.mint({ topics: '*', can: ['publish'] }), { action: 'message' }))
  t.equal(server.stats().connections, 1)
})

test('000.20 token gate: a method needs its permission, and room.self is oneself', async t => {
  const called: unknown[] = []
  const { gate, tokens } = tokensAndGate()
  class Rooms extends SocketSignalMemoryServer {
    protected override _onModerate(_rpc: unknown, { data }: ModerateMsg) {
      called.push(data)
      return 'done'
    }
  }
  const server = new Rooms({ authorize: gate.authorize })
  t.teardown(() => server.close())
  const make = async (can: string[]) => {
    const token = await tokens.mint({ kind: 'video', topics: [{ name: 'lobby' }], can })
    const client = new SocketSignalMemoryClient(server, { token })
    t.teardown(() => client.close())
    await client.open()
    return client
  }
  const lobby = await topicFromName('lobby')
  const ada = await make(['room.self.audio_mute', 'room.member.kick'])
  const mute = { method: 'room.self.audio_mute' }
  t.equal(await ada.moderate(lobby, ada.id, mute), 'done')
  t.equal(await codeOf(ada.moderate(lobby, PEER, mute)), 'FORBIDDEN', 'others are not oneself')
  t.equal(await ada.moderate(lobby, PEER, { method: 'room.member.kick' }), 'done')
  for (const data of [
    { method: 'room.self.video_mute' },
    { method: 'room.self' },
    { method: {} },
    { method: null },
    {},
    7
  ])
    t.equal(await codeOf(ada.moderate(lobby, ada.id, data)), 'FORBIDDEN', JSON.stringify(data))
  t.equal(await codeOf(ada.moderate(await topicFromName('office'), ada.id, mute)), 'FORBIDDEN')
  const bob = await make(['moderate'])
  t.equal(await bob.moderate(lobby, PEER, { anything: true }), 'done')
  t.equal(await codeOf(bob.moderate(lobby, bob.id, mute)), 'FORBIDDEN', 'moderate is no method')
  t.equal(called.length, 3)
})

test('token gate: exact topics, names in either form of an accent, and prefixes where the name is told', async t => {
  const topic = toHex(PEER)
  const { client, gate, tokens } = await open(t, {
    topics: [{ topic }, { name: 'caf\u00e9' }],
    can: ['join']
  })
  await client.join(PEER)
  await client.join(await topicFromName('cafe\u0301'))
  t.equal(await codeOf(client.join(Buffer.alloc(32, 2))), 'FORBIDDEN')
  const token = await tokens.mint({ topics: [{ prefix: 'team/' }, { name: 'lobby' }], can: ['join'] })
  const may = (name: string) => gate.allows(token, { action: 'join', name })
  const answers = await Promise.all(['team/1', 'team/', 'lobby', 'team', 'lobby2', '', 'x/team/'].map(may))
  t.deepEqual(answers, [true, true, true, false, false, false, false])
  t.notOk(await gate.allows(token, { action: 'join' }), 'no topic is not any topic')
  for (const more of [{ cnf: topic }, { maxPeers: 1 }, { once: true }]) {
    const own = await tokens.mint({ topics: '*', can: ['join'], ...more })
    t.equal(
      await codeOf(gate.allows(own, { action: 'join', name: 'x' })),
      'TOKEN_INVALID',
      JSON.stringify(more)
    )
  }
  const prefixed = makeClient(t, client.url, { token })
  t.equal(await codeOf(prefixed.join(await topicFromName('team/1'))), 'FORBIDDEN', 'a hash tells no name')
})

test('token gate: nothing is granted that a token does not say', async t => {
  for (const grant of [
    {},
    { can: ALL },
    { topics: [], can: ALL },
    { topics: '*' },
    { topics: '*', can: [] }
  ] as Grant[]) {
    const { client, lobby } = await open(t, grant)
    t.equal(await codeOf(client.join(lobby)), 'FORBIDDEN', JSON.stringify(grant))
    await client.close()
  }
})

test('token gate: a kind that is not taken here is refused, and a kind has its bounds', async t => {
  const { tokens, gate } = tokensAndGate({}, { kinds: ['chat'] })
  const server = await startServer(t, { authorize: gate.authorize })
  const outcome = async (grant: Grant) => {
    const client = makeClient(t, server.url, { token: await tokens.mint(grant) })
    return codeOf(client.open())
  }
  t.equal(await outcome({ kind: 'chat' }), undefined)
  for (const kind of ['video', 'pubsub', 'subscriber'] as const)
    t.equal(await outcome({ kind }), 'TOKEN_INVALID', kind)
  t.equal(await outcome({}), 'TOKEN_INVALID', 'a subscriber, when it does not say')
  const room = await tokens.mint({ kind: 'video' })
  t.match((await rejection(tokens.verify(room, { kind: 'chat' }))).message, /of kind video, not chat/)
  for (const [kind, right] of [
    ['chat', 'offer'],
    ['pubsub', 'signal'],
    ['chat', 'room.self.audio_mute']
  ] as const)
    t.match((await rejection(tokens.mint({ kind, can: [right] }))).message, /can must be/, `${kind} ${right}`)
})

test('token gate: a token that is bound to a key is worth nothing to another', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const [keyPair, other] = [await rawKeys(), await rawKeys()]
  const token = await tokens.mint({ cnf: toHex(keyPair.publicKey), topics: '*', can: ALL })
  t.equal(await codeOf(makeClient(t, server.url, { token, keyPair }).open()), undefined)
  t.equal(await codeOf(makeClient(t, server.url, { token, keyPair: other }).open()), 'TOKEN_INVALID')
  t.equal(await codeOf(makeClient(t, server.url, { token }).open()), 'TOKEN_INVALID')
  const bare = makeClient(t, server.url, { token, id: keyPair.publicKey })
  t.equal(await codeOf(bare.open()), 'TOKEN_INVALID', 'an id that is not proven')
  const claims = JSON.parse(atob(token.split('.')[1] ?? ''))
  t.deepEqual(Object.keys(claims.cnf.jwk), ['kty', 'crv', 'x'], 'as RFC 7800 has it')
  const late = makeClient(t, server.url, { token: await tokens.mint({}), keyPair: other })
  await late.open()
  t.equal(await codeOf(late.updateToken(token)), 'TOKEN_INVALID', 'nor on an open socket')
})

test('token gate: maxPeers lets in so many, counts nobody twice, and frees its places', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const token = await tokens.mint({ sub: 'ada', maxPeers: 2 })
  const make = (own = token, keyPair?: KeyPair) =>
    makeClient(t, server.url, { token: own, reconnect: false, ...(keyPair && { keyPair }) })
  const keyPair = await rawKeys()
  const [one, two] = [make(token, keyPair), make()]
  await Promise.all([one.open(), two.open()])
  t.equal(await codeOf(make().open()), 'OVERLOADED')
  t.equal(
    await codeOf(make(await tokens.mint({ sub: 'ada', maxPeers: 2 })).open()),
    'OVERLOADED',
    'by whose they are'
  )
  t.equal(await codeOf(make(await tokens.mint({ sub: 'bob', maxPeers: 2 })).open()), undefined)
  t.equal(await codeOf(make(token, keyPair).open()), undefined, 'the same peer again takes its own place')
  await two.close()
  await until(() => server.stats().connections === 2)
  const three = make()
  t.equal(await codeOf(three.open()), undefined, 'a place is free again')
  await three.updateToken(await tokens.mint({ sub: 'carol', maxPeers: 1 }))
  t.equal(await codeOf(make().open()), undefined, 'who shows another token gives its place back')
  const single = await tokens.mint({ maxPeers: 1 })
  const codes = await Promise.all([1, 2, 3].map(() => codeOf(make(single).open())))
  t.equal(codes.filter(code => code === undefined).length, 1, 'at once as well, and without a sub')
})

test('token gate: who is kicked is told so and does not come back, and what was revoked is not taken again', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const make = (token: string) => makeClient(t, server.url, { token })
  const adas = await tokens.mint({ sub: 'ada' })
  const [a1, a2, bob, carol, dave] = [
    make(adas),
    make(await tokens.mint({ sub: 'ada' })),
    make(await tokens.mint({ sub: 'bob', jti: 'b1' })),
    make(await tokens.mint({ sub: 'carol' })),
    make(await tokens.mint({}))
  ] as const
  for (const client of [a1, a2, bob, carol, dave]) await client.open()
  const ends = [a1, a2, bob, carol].map(client => next(client, 'disconnected'))
  const survivor = record(dave, 'disconnected')
  gate.revoke({ sub: 'ada' })
  gate.revoke({ jti: 'b1' })
  t.equal(server.disconnect({ sub: 'ada' }), 2)
  t.equal(server.disconnect({ jti: 'b1' }), 1)
  t.equal(server.disconnect({ id: carol.id }), 1)
  t.equal(server.disconnect({ sub: 'nobody' }), 0)
  for (const end of ends) {
    const [willReconnect, { code, error }] = await end
    t.deepEqual([willReconnect, code, error.code], [false, 4506, 'KICKED'])
  }
  t.equal(survivor.length, 0)
  t.ok(dave.connected, 'nobody else')
  t.equal(await codeOf(make(adas).open()), 'TOKEN_INVALID')
  const later = createTokens({ secret: SECRET, ...NAMES, now: () => Date.now() + 2000 })
  t.equal(
    await codeOf(make(await later.mint({ sub: 'ada' })).open()),
    undefined,
    'one that was minted since is'
  )
})

test('token gate: a pair of keys seen twice replaces once, and nobody flaps', async t => {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const keyPair = await rawKeys()
  const token = await tokens.mint({ cnf: toHex(keyPair.publicKey), maxPeers: 1, sub: 'ada' })
  const [tab, other] = [
    makeClient(t, server.url, { token, keyPair }),
    makeClient(t, server.url, { token, keyPair })
  ]
  const events = record(tab, 'disconnected', 'connected')
  const others = record(other, 'disconnected')
  await tab.open()
  await other.open()
  await until(() => events.length === 2)
  t.deepEqual([events[1]?.args[0], events[1]?.args[1].code], [false, 4505])
  await new Promise(resolve => setTimeout(resolve, 2000))
  t.deepEqual([events.length, others.length, server.stats().connections], [2, 0, 1])
})

test('token gate: a token of the year 9999 overflows no timer', async t => {
  const { tokens, gate } = tokensAndGate({ maxLife: Number.POSITIVE_INFINITY })
  const { server } = await story(t, { server: { authorize: gate.authorize }, clients: [] })
  const expiresIn = 253_370_764_800_000 - Date.now()
  const token = await tokens.mint({ topics: '*', can: ['join'] }, { expiresIn })
  const client = new SocketSignalMemoryClient(server, { token })
  t.teardown(() => client.close())
  const events = record(client, 'token-expiring', 'disconnected')
  await client.open()
  await new Promise(resolve => setTimeout(resolve, 2500))
  t.deepEqual([events.length, client.connected], [0, true])
})

async function open(t: Test, grant: Grant) {
  const { tokens, gate } = tokensAndGate()
  const server = await startServer(t, { authorize: gate.authorize })
  const token = await tokens.mint(grant)
  const client = makeClient(t, server.url, { ...clientOptions(fakeWrtc()), rtc: undefined as never, token })
  await client.open()
  const [lobby, office] = [await topicFromName('lobby'), await topicFromName('office')]
  return { tokens, gate, server, client: Object.assign(client, { url: server.url }), lobby, office }
}
