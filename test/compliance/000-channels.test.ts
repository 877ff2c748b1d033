import { topicFromName } from 'socket-signal'
import { Chat, type ChatClient, PubSub, type PubSubClient, SignalWire, Video } from 'socket-signal-sdk'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { played, playedOpen, WELCOME } from '../tools/played.ts'
import { type Minting, minting } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'
import { makeClient } from '../tools/websocket.ts'

const CHAT = '/api/chat/tokens'
const PUBSUB = '/api/fabric/subscriber_tokens'
const ROOM = '/api/video/room_tokens'

/** Clients of one channel each, with a name. */
async function chats(t: Test, world: Minting, ...names: string[]): Promise<ChatClient[]> {
  const made = await Promise.all(
    names.map(async name => {
      const token = await world.mint(CHAT, { channels: ['office'], member_id: name })
      const chat = new SignalWire.Chat.Client({ token, name, server: world.server.signalUrl })
      t.teardown(() => chat.disconnect())
      return chat
    })
  )
  for (const chat of made) await chat.subscribe('office')
  return made
}

async function pubsub(t: Test, world: Minting, channels: object): Promise<PubSubClient> {
  const token = await world.mint(PUBSUB, { channels })
  const client = new SignalWire.PubSub.Client({ token, server: world.server.signalUrl })
  t.teardown(() => client.disconnect())
  return client
}

const NULL = { flags: 1, body: Buffer.from('null') }

/** A channel that is subscribed at a server that the test plays. */
async function playedNews(t: Test) {
  const { client, server } = await playedOpen(t, { verify: 'off' })
  const news = new PubSub.Client({ client })
  const subscribing = news.subscribe('news')
  const { requestId } = await server.next('join')
  server.send({ kind: 'result', requestId, flags: 3, body: new Uint8Array(2) }) // A list of nobody.
  await subscribing
  return { news, client, server }
}

test('000.12 000.8 000.14 chat: a message reaches the others, and publish resolves with its result', async t => {
  const world = await minting(t)
  const [ada, bob] = (await chats(t, world, 'ada', 'bob')) as [ChatClient, ChatClient]
  const heard = next(bob, 'message.received')
  const own = record(ada, 'message.received')
  const content = { text: 'hello', bytes: 'base64:AA==' }
  const result = await ada.publish({ channel: 'office', content, meta: { urgent: true } })
  t.equal(result.channel, 'office')
  t.match(result.id, /^[0-9a-f]{32}$/)
  t.deepEqual(await heard, [
    { channel: 'office', id: result.id, memberId: ada.memberId, content, meta: { urgent: true } }
  ])
  t.equal(own.length, 0, 'who publishes is not told')
})

test('000.1 000.5 chat: one socket carries requests and, between them, what is no answer', async t => {
  const world = await minting(t)
  let sockets = 0
  world.server.signal.on('connection', () => sockets++)
  const [ada, bob] = (await chats(t, world, 'ada', 'bob')) as [ChatClient, ChatClient]
  const heard = record(ada, 'message.received')
  const all = await Promise.all([
    ...Array.from({ length: 20 }, (_, at) => ada.publish({ channel: 'office', content: at })),
    ...Array.from({ length: 20 }, (_, at) => bob.publish({ channel: 'office', content: at }))
  ])
  t.equal(new Set(all.map(({ id }) => id)).size, 40, 'each promise has a result of its own')
  await until(() => heard.length === 20)
  t.deepEqual(
    heard.map(({ args }) => args[0].content),
    Array.from({ length: 20 }, (_, at) => at),
    'in order'
  )
  t.equal(sockets, 2, 'one for each client, from first to last')
})

test('000.2 000.6 channels: a call is one request, and resolves with its answer, whatever comes before', async t => {
  const { news, server } = await playedNews(t)
  const { length: before } = server.received
  const heard = next(news, 'message.received')
  const publishing = news.publish({ channel: 'news', content: 1 })
  let isSettled = false
  void publishing.then(() => (isSettled = true))
  const { requestId, topic } = await server.next('message')
  const body = Buffer.from('{"id":"a","content":"an event"}')
  server.addressed('message', { address: new Uint8Array(32).fill(9), topic, body })
  t.equal((await heard)[0].content, 'an event')
  t.notOk(isSettled, 'what somebody else did is no answer')
  server.send({ kind: 'result', requestId, ...NULL })
  t.equal((await publishing).channel, 'news')
  t.equal(server.received.length - before, 1)
})

test('000.3 channels: answers that come in another order settle each its own call', async t => {
  const { news, client, server } = await playedNews(t)
  const order: string[] = []
  const first = news.publish({ channel: 'news', content: 1 }).finally(() => order.push('first'))
  const second = news.publish({ channel: 'news', content: 2 }).finally(() => order.push('second'))
  const one = await server.next('message')
  const other = await server.next('message', frame => frame.requestId !== one.requestId)
  server.send({ kind: 'result', requestId: other.requestId, ...NULL })
  await second
  server.send({ kind: 'result', requestId: one.requestId, ...NULL })
  await first
  t.deepEqual(order, ['second', 'first'])
  const [one32, two32] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)]
  const looking = Promise.all([client.lookup(one32), client.lookup(two32)])
  for (const topic of [two32, one32]) {
    const { requestId } = await server.next('lookup', frame => 'topic' in frame && topic.equals(frame.topic))
    server.send({ kind: 'result', requestId, flags: 1, body: Buffer.from(`"of ${topic[0]}"`) })
  }
  t.deepEqual(await looking, ['of 1', 'of 2'], 'each with its own result')
})

test('000.4 channels: an error rejects its own call alone, and the socket serves the next one', async t => {
  const { news, server } = await playedNews(t)
  const first = rejection(news.publish({ channel: 'news', content: 1 }))
  const second = news.publish({ channel: 'news', content: 2 })
  const one = await server.next('message')
  const other = await server.next('message', frame => frame.requestId !== one.requestId)
  const refusal = { retryAfterMs: 0, code: 'RATE_LIMITED', message: 'too fast', retryable: true }
  server.send({ kind: 'error', requestId: one.requestId, ...refusal })
  t.equal((await first).code, 'RATE_LIMITED')
  server.send({ kind: 'result', requestId: other.requestId, ...NULL })
  t.equal((await second).channel, 'news')
  const third = news.publish({ channel: 'news', content: 3 })
  const last = await server.next('message', ({ requestId }) => requestId > other.requestId)
  server.send({ kind: 'result', requestId: last.requestId, ...NULL })
  t.equal((await third).channel, 'news')
  t.equal(server.closed, undefined)
})

test('chat: what is refused rejects its own promise, and the socket stays', async t => {
  const world = await minting(t)
  const [ada, bob] = (await chats(t, world, 'ada', 'bob')) as [ChatClient, ChatClient]
  const errors = await Promise.all([
    rejection(ada.subscribe('boardroom')),
    rejection(ada.publish({ channel: 'boardroom', content: 1 })),
    rejection(ada.publish({ channel: 'office', content: 'x'.repeat(17_000) })),
    rejection(ada.getMembers('boardroom'))
  ])
  t.deepEqual(
    errors.map(({ code }) => code),
    ['FORBIDDEN', 'NOT_JOINED', 'TOO_LARGE', 'NOT_JOINED']
  )
  const heard = next(bob, 'message.received')
  await ada.publish({ channel: 'office', content: 'still here' })
  t.equal((await heard)[0].content, 'still here')
  t.deepEqual(await ada.subscribe('office'), { channels: ['office'] }, 'nothing is left of what was refused')
})

test('000.13 pubsub: who has subscribed hears what is published, in that channel alone (000.14)', async t => {
  const world = await minting(t)
  const [from, to] = [
    await pubsub(t, world, ['news', 'sport']),
    await pubsub(t, world, { news: {}, sport: {} })
  ]
  t.deepEqual(await from.subscribe(['news', 'sport']), { channels: ['news', 'sport'] })
  await to.subscribe('news')
  const heard = record(to, 'message.received')
  await from.publish({ channel: 'sport', content: 'a goal' })
  await from.publish({ channel: 'news', content: 'rain' })
  await until(() => heard.length > 0)
  t.deepEqual(
    heard.map(({ args: [{ channel, content }] }) => [channel, content]),
    [['news', 'rain']]
  )
  t.deepEqual(await to.unsubscribe('news'), { channels: [] })
  await from.publish({ channel: 'news', content: 'sun' })
  await to.subscribe('news')
  await from.publish({ channel: 'news', content: 'snow' })
  await until(() => heard.length > 1)
  t.equal(heard[1]?.args[0].content, 'snow', 'what came between was not heard')
})

test('000.15 namespaces: each refuses the token of another, and so does the server', async t => {
  const world = await minting(t)
  const tokens = {
    room: await world.mint(ROOM, { room_name: 'office' }),
    chat: await world.mint(CHAT, { channels: ['office'] }),
    pubsub: await world.mint(PUBSUB, { channels: ['office'] })
  }
  const server = world.server.signalUrl
  for (const [Client, wrong] of [
    [Chat.Client, ['room', 'pubsub']],
    [PubSub.Client, ['room', 'chat']]
  ] as const)
    for (const name of wrong) {
      const client = new Client({ token: tokens[name], server })
      const { code, message } = await rejection(client.subscribe('office'))
      t.equal(code, 'TOKEN_INVALID', message)
      await client.disconnect()
    }
  for (const name of ['chat', 'pubsub'] as const) {
    const session = new Video.RoomSession({ token: tokens[name], server, room: 'office' })
    t.equal((await rejection(session.join())).code, 'TOKEN_INVALID', `${name} in a room`)
  }
  t.equal(world.server.signal.stats().sockets, 0, 'no server was asked')
  for (const [name, topic] of [
    ['room', 'chat:office'],
    ['room', 'pubsub:office'],
    ['chat', 'pubsub:office'],
    ['chat', 'office'],
    ['pubsub', 'chat:office'],
    ['pubsub', 'office']
  ] as const) {
    const raw = makeClient(t, server, { token: tokens[name] })
    const { code } = await rejection(raw.join(await topicFromName(topic)))
    t.equal(code, 'FORBIDDEN', `${name} in ${topic}, by whoever asks no SDK`)
  }
})

test('pubsub: a token that only reads can not publish: the server says so (000.20)', async t => {
  const world = await minting(t)
  const reader = await pubsub(t, world, { news: { write: false } })
  await reader.subscribe('news')
  const { code } = await rejection(reader.publish({ channel: 'news', content: 'mine' }))
  t.equal(code, 'FORBIDDEN')
})

test('channels: history is given to who comes later, and only to whom the token lets', async t => {
  const world = await minting(t, { history: { length: 10 } })
  const [ada] = (await chats(t, world, 'ada')) as [ChatClient]
  const first = await ada.publish({ channel: 'office', content: 'one', meta: 1 })
  await ada.publish({ channel: 'office', content: 'now alone', keep: false })
  const second = await ada.publish({ channel: 'office', content: { two: 2 } })
  const [bob] = (await chats(t, world, 'bob')) as [ChatClient]
  const { messages } = await bob.history('office')
  const memberId = ada.memberId
  t.deepEqual(
    messages.map(({ at, ...message }) => [typeof at, message]),
    [
      ['number', { channel: 'office', id: first.id, memberId, content: 'one', meta: 1 }],
      ['number', { channel: 'office', id: second.id, memberId, content: { two: 2 } }]
    ]
  )
  const before = messages[1]?.at as number
  t.deepEqual((await bob.history('office', { before })).messages, messages.slice(0, 1))
  t.deepEqual((await bob.history('office', { limit: 1 })).messages, messages.slice(1))
  t.equal((await rejection(bob.history('boardroom'))).code, 'NOT_JOINED')
  const topics = [{ name: 'chat:office' }]
  const mute = await world.mint('/tokens', { kind: 'chat', topics, can: ['join', 'lookup', 'history'] })
  const deaf = await world.mint('/tokens', { kind: 'chat', topics, can: ['join', 'lookup', 'publish'] })
  const topic = await topicFromName('chat:office')
  const [reader, writer] = [mute, deaf].map(token => makeClient(t, world.server.signalUrl, { token })) as [
    SocketSignalWebsocketClient,
    SocketSignalWebsocketClient
  ]
  await reader.join(topic)
  await writer.join(topic)
  t.equal((await rejection(reader.publish(topic, 'mine', { keep: true }))).code, 'FORBIDDEN')
  t.equal((await rejection(writer.history(topic))).code, 'FORBIDDEN')
  t.equal((await reader.history(topic)).length, 2, 'nothing was kept of who may not write')
})

test('channels: a server that keeps no history says so', async t => {
  const world = await minting(t)
  const news = await pubsub(t, world, ['news'])
  await news.subscribe('news')
  await news.publish({ channel: 'news', content: 1 })
  t.equal((await rejection(news.history('news'))).code, 'UNSUPPORTED')
})

test('chat: members know each other by name, who types and in what state; and who has left', async t => {
  const world = await minting(t)
  const [ada] = (await chats(t, world, 'ada')) as [ChatClient]
  const seen = record(ada, 'member.joined', 'member.updated', 'member.left')
  const [bob] = (await chats(t, world, 'bob')) as [ChatClient]
  await until(() => seen.length === 1)
  const names = async (chat: ChatClient) => (await chat.getMembers('office')).members.map(({ name }) => name)
  t.deepEqual([await names(ada), await names(bob)], [['bob'], ['ada']])
  await bob.setTyping('office')
  await bob.setTyping('office')
  await bob.setMemberState('office', { mood: 'fine' })
  await bob.setTyping('office', false)
  await until(() => seen.length === 4)
  await bob.disconnect()
  await until(() => seen.length === 5)
  const member = { id: seen[0]?.args[0].member.id, name: 'bob' }
  const state = { mood: 'fine' }
  t.deepEqual(
    seen.map(({ event, args }) => [event, args[0]]),
    [
      ['member.joined', { channel: 'office', member: { ...member, isTyping: false } }],
      ['member.updated', { channel: 'office', member: { ...member, isTyping: true } }],
      ['member.updated', { channel: 'office', member: { ...member, state, isTyping: true } }],
      ['member.updated', { channel: 'office', member: { ...member, state, isTyping: false } }],
      ['member.left', { channel: 'office', member: { ...member, state, isTyping: false } }]
    ]
  )
})

test('chat: a state that does not fit is refused, and does not stand in the way of what follows', async t => {
  const world = await minting(t)
  const [ada, bob] = (await chats(t, world, 'ada', 'bob')) as [ChatClient, ChatClient]
  const seen = record(ada, 'member.updated')
  await bob.setMemberState('office', 'here')
  t.ok((await rejection(bob.setMemberState('office', 'x'.repeat(1100)))) instanceof TypeError)
  await bob.setTyping('office')
  await until(() => seen.length === 2)
  t.deepEqual(
    seen.map(({ args }) => [args[0].member.state, args[0].member.isTyping]),
    [
      ['here', false],
      ['here', true]
    ]
  )
})

test('chat: what others say that makes no sense is passed over', async t => {
  const world = await minting(t)
  const token = await world.mint(CHAT, { channels: ['office'] })
  const evil = new SocketSignalWebsocketClient(world.server.signalUrl, { token })
  t.teardown(() => evil.close())
  const [ada] = (await chats(t, world, 'ada')) as [ChatClient]
  const heard = record(ada, 'message.received', 'member.joined')
  const topic = await topicFromName('chat:office')
  await evil.join(topic, { info: { n: { toString: 1 }, t: 'yes' } })
  const { length: none } = heard
  for (const data of [
    null,
    7,
    'text',
    [],
    {},
    { id: 7, content: 1 },
    { id: 'x'.repeat(65), content: 1 },
    { id: 'x' },
    new Uint8Array(9)
  ])
    await evil.publish(topic, data)
  await evil.publish(
    topic,
    { id: 'aside', content: 'for you alone' },
    { to: Buffer.from(ada.memberId, 'hex') }
  )
  await evil.publish(topic, { id: 'last', content: null })
  await until(() => heard.some(({ event }) => event === 'message.received'))
  t.ok(none <= 1)
  t.deepEqual(
    heard.map(({ event, args }) => [event, args[0].id ?? args[0].member.name, args[0].member?.isTyping]),
    [
      ['member.joined', undefined, false],
      ['message.received', 'last', undefined]
    ]
  )
})

test('channels: disconnect ends it at any time and for good, and leaves no socket', async t => {
  const world = await minting(t)
  const token = await world.mint(CHAT, { channels: ['office'] })
  const early = new Chat.Client({ token, server: world.server.signalUrl })
  const ended = record(early, 'session.disconnected')
  const subscribing = rejection(early.subscribe('office'))
  await Promise.all([early.disconnect(), early.disconnect()])
  t.equal((await subscribing).code, 'CLOSED')
  t.equal((await rejection(early.subscribe('office'))).code, 'CLOSED')
  t.deepEqual(ended, [{ event: 'session.disconnected', args: [{}] }])
  const [ada] = (await chats(t, world, 'ada')) as [ChatClient]
  const kicked = next(ada, 'session.disconnected')
  world.server.disconnect({ sub: 'ada' })
  t.equal((await kicked)[0].error.code, 'KICKED')
  await until(() => world.server.signal.stats().sockets === 0)
  t.throws(() => new Chat.Client({} as { token: string }), /token/)
})

test('channels: a new token holds for the connection that is to come, and one of another namespace does not', async t => {
  const world = await minting(t)
  const news = await pubsub(t, world, ['news'])
  await news.updateToken(await world.mint(PUBSUB, { channels: ['sport'] }))
  t.equal(world.server.signal.stats().sockets, 0, 'nothing is opened for it')
  t.deepEqual(await news.subscribe('sport'), { channels: ['sport'] })
  const wrong = await world.mint(CHAT, { channels: ['sport'] })
  t.equal((await rejection(news.updateToken(wrong))).code, 'TOKEN_INVALID')
  await news.disconnect()
  t.equal((await rejection(news.updateToken(wrong))).code, 'CLOSED')
})

test('channels: one that a new token does not let into is told as lost, and is not subscribed any more', async t => {
  const world = await minting(t)
  const [reader, writer] = [
    await pubsub(t, world, ['news', 'sport']),
    await pubsub(t, world, ['news', 'sport'])
  ]
  for (const each of [reader, writer]) await each.subscribe(['news', 'sport'])
  const told = record(reader, 'channel.lost', 'message.received', 'session.disconnected')
  await reader.unsubscribe('news')
  await reader.subscribe('news')
  await reader.updateToken(await world.mint(PUBSUB, { channels: ['news'] }))
  await until(() => told.length === 1)
  t.deepEqual(
    told[0],
    { event: 'channel.lost', args: [{ channel: 'sport' }] },
    'not of what we left ourselves'
  )
  t.equal((await rejection(reader.publish({ channel: 'sport', content: 1 }))).code, 'NOT_JOINED')
  t.deepEqual(await reader.subscribe('news'), { channels: ['news'] })
  await writer.publish({ channel: 'sport', content: 1 })
  await writer.publish({ channel: 'news', content: 2 })
  await until(() => told.length === 2)
  t.equal(told[1]?.args[0].content, 2)
})

test('channels: what is no content is said at once, not to nobody', async t => {
  const world = await minting(t)
  const news = await pubsub(t, world, ['news'])
  await news.subscribe('news')
  const error = await rejection(news.publish({ channel: 'news', content: undefined }))
  t.equal(error.name, 'TypeError')
})

test('channels: disconnected while it subscribes, a client that was given is left in no topic', async t => {
  const world = await minting(t)
  const token = await world.mint(PUBSUB, { channels: ['news', 'sport'] })
  const client = new SocketSignalWebsocketClient(world.server.signalUrl, { token })
  t.teardown(() => client.close())
  await client.open()
  const news = new PubSub.Client({ client })
  await news.subscribe('sport')
  const subscribing = rejection(news.subscribe('news'))
  for (let turns = 0; turns < 3; turns++) await Promise.resolve() // It has its client, and works on the topic.
  await news.disconnect()
  t.equal((await subscribing).code, 'CLOSED')
  await until(() => world.server.signal.stats().topics === 0)
})

test('channels: what is subscribed again while it is being left stays, and is not told as lost', async t => {
  const world = await minting(t)
  const [reader, writer] = [await pubsub(t, world, ['news']), await pubsub(t, world, ['news'])]
  await writer.subscribe('news')
  const told = record(reader, 'channel.lost', 'message.received')
  // All or none: the first of the two is left again.
  t.equal((await rejection(reader.subscribe(['news', 'sport']))).code, 'FORBIDDEN')
  t.deepEqual(await reader.subscribe('news'), { channels: ['news'] })
  const leaving = reader.unsubscribe('news')
  t.deepEqual(await reader.subscribe('news'), { channels: ['news'] })
  await leaving
  await writer.publish({ channel: 'news', content: 1 })
  await until(() => told.length > 0)
  t.deepEqual(
    told.map(({ event }) => event),
    ['message.received']
  )
})

test('channels: disconnected while a client that was given opens, nothing is told any more', async t => {
  const { client, server } = played(t)
  const news = new PubSub.Client({ client })
  const told = record(news, 'session.disconnected', 'session.expiring')
  const subscribing = rejection(news.subscribe('news'))
  await server.next('hello')
  await news.disconnect()
  server.send(WELCOME)
  t.equal((await subscribing).code, 'CLOSED')
  t.equal(client.status, 'open', 'it stays')
  const expiring = next(client, 'token-expiring')
  server.send({ kind: 'token', requestId: 0, token: '5000' })
  await expiring
  t.deepEqual(
    told.map(({ event }) => event),
    ['session.disconnected']
  )
})

test('chat: that somebody types is said again where it was refused before', async t => {
  const { client, server } = await playedOpen(t)
  const chat = new Chat.Client({ client })
  const asked = new Set<number>()
  const join = async () => {
    const frame = await server.next('join', ({ requestId }) => !asked.has(requestId))
    asked.add(frame.requestId)
    return frame
  }
  const nobody = { kind: 'result', flags: 3, body: new Uint8Array(2) } as const
  const subscribing = chat.subscribe('office')
  server.send({ ...nobody, requestId: (await join()).requestId })
  await subscribing
  const typing = rejection(chat.setTyping('office'))
  const refusal = { code: 'RATE_LIMITED', message: 'too fast', retryable: true, retryAfterMs: 0 }
  server.send({ kind: 'error', requestId: (await join()).requestId, ...refusal })
  t.equal((await typing).code, 'RATE_LIMITED')
  const again = chat.setTyping('office')
  const { requestId, info } = await join()
  t.equal(Buffer.from(info).toString(), '{"t":1}')
  server.send({ ...nobody, requestId })
  await again
  await chat.disconnect()
})
