import { ChatSignalingClient } from 'socket-signal-gateway/chat-client'
import { chatServer, Guide, ROOM, SDP, tokenOf } from '../tools/chat.ts'
import { origin, pair, quiet } from '../tools/chat-client.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

const INFO = { id: 'bob', name: 'Bob', nick: 'bobby' }
const signal = (data: object) => ({
  type: 'webrtc.signal',
  data: { senderAccountId: 'bob', senderInfo: INFO, ...data }
})
const note = (more: object = {}) => signal({ type: 'note', data: {}, ...more })

test('004.17 chat client: connects, says so, and disconnects; a default URL', async t => {
  const { client, server } = await pair(t)
  t.equal(client.isConnected, true)
  t.equal(server.url, `/api/chat/realtime/${ROOM}`)
  t.equal(client.ws?.readyState, 1)
  client.disconnect()
  t.equal(client.isConnected, false)
  await until(() => server.codes.length === 1)
  t.deepEqual(server.codes, [1000])
  const made = new ChatSignalingClient(ROOM, undefined, 'ada', 'Ada')
  t.deepEqual(
    [made.chatId, made.serverUrl, made.userId, made.userName, made.isConnected],
    [ROOM, 'ws://localhost:5000', 'ada', 'Ada', false]
  )
})

test('004.18 004.19 chat client: handlers get the signal and its sender, until they unsubscribe; one that throws stops no other', async t => {
  const { client, server, logs } = await pair(t)
  const heard: unknown[] = []
  client.onMessage(() => {
    throw new Error('mine')
  })
  const end = client.onMessage((...args) => heard.push(args))
  server.send(note({ data: { a: 1 } }))
  await until(() => heard.length === 1)
  const [message, id, info] = heard[0] as [{ type: string; data: object }, string, object]
  t.deepEqual([message.type, message.data, id, info], ['note', { a: 1 }, 'bob', INFO])
  t.equal(logs.error.length, 1, 'and is reported')
  end()
  end()
  server.send(note())
  await until(() => logs.error.length === 2)
  t.equal(heard.length, 1)
})

test('004.20 chat client: sendMessage says whether it was sent', async t => {
  const { client, server, logs } = await pair(t)
  t.equal(client.sendMessage({ type: 'note' }), true)
  await until(() => server.received.length === 1)
  t.deepEqual(server.received, [{ type: 'note' }])
  const ring: { [name: string]: unknown } = {}
  ring.ring = ring
  t.equal(client.sendMessage(ring), false, 'what JSON can not hold')
  t.equal(logs.error.length, 1)
  client.disconnect()
  t.equal(client.sendMessage({ type: 'note' }), false)
  t.equal(logs.warn.length, 1)
})

test('004.21 004.22 chat client: a peer is known by its first message, and forgotten when it has left', async t => {
  const { client, server } = await pair(t)
  const changes: unknown[] = []
  const end = client.onPeer((...args) => changes.push(args))
  server.send(note())
  server.send(note({ senderInfo: { ...INFO, nick: 'b' } }))
  await until(() => client.getUserInfo('bob')?.nick === 'b')
  t.deepEqual(changes, [['bob', INFO, 'connected']])
  t.deepEqual(client.getConnectedPeers(), [{ userId: 'bob', userInfo: { ...INFO, nick: 'b' } }])
  t.equal(client.getUserInfo('carol'), undefined)
  server.send({ type: 'webrtc', data: { event: 'left', userId: 'bob' } })
  await until(() => changes.length === 2)
  t.deepEqual(client.getConnectedPeers(), [])
  end()
  server.send(note())
  await until(() => client.getConnectedPeers().length === 1)
  t.equal(changes.length, 2)
})

test('004.23 004.f chat client: own messages are ignored, also where the server says who one is', async t => {
  for (const userId of ['ada', undefined]) {
    const { client, server } = await pair(t, {}, userId)
    const heard: string[] = []
    client.onMessage((_, id) => heard.push(id))
    t.equal(client.userId, 'ada')
    server.send(note({ senderAccountId: 'ada' }))
    server.send(note())
    await until(() => heard.length > 0)
    t.deepEqual(heard, ['bob'])
    t.deepEqual(
      client.getConnectedPeers().map(peer => peer.userId),
      ['bob']
    )
  }
})

test('004.24 004.35 chat client: what is malformed is logged, and the connection stays', async t => {
  const { client, server, logs } = await pair(t)
  const heard: unknown[] = []
  client.onMessage(message => heard.push(message))
  const bad = [
    ...['', '{', '\u0000', '{"type":"webrtc.signal"}', '{"type":"webrtc.signal","data":null}'],
    JSON.stringify(signal({ type: 'note', senderAccountId: undefined })),
    JSON.stringify(signal({ type: 'note', senderAccountId: { a: 1 } })),
    JSON.stringify(signal({ type: 7 })),
    JSON.stringify(signal({ type: 'offer', data: { offer: 7 } })),
    JSON.stringify(signal({ type: 'answer', data: { answer: { type: 'offer', sdp: SDP } } })),
    JSON.stringify(signal({ type: 'ice-candidate', data: { candidate: { candidate: 'x'.repeat(5000) } } }))
  ]
  for (const text of bad) server.text(text)
  server.send(note())
  await until(() => heard.length === 1)
  t.equal(logs.error.length, bad.length)
  t.equal(client.isConnected, true)
})

test('004.25 chat client: an unknown packet is a warning', async t => {
  const { server, logs, client } = await pair(t)
  server.send({ type: 'strange', data: {} })
  server.send({ type: 'error', data: { code: 'PEER_NOT_FOUND' } })
  for (const text of ['null', '7', '"x"', '[]', '{}']) server.text(text)
  await until(() => logs.warn.length === 7)
  t.deepEqual(
    [logs.warn[0], logs.error.length, client.isConnected],
    [['Unknown packet type:', 'strange'], 0, true]
  )
})

test('004.26 chat client: a name to show is the nick, else the name, else the id', async t => {
  const { client, server } = await pair(t)
  t.equal(client.displayName('x', INFO), 'bobby')
  t.equal(client.displayName('x', { id: 'x', name: 'Bob', nick: '' }), 'Bob')
  t.equal(client.displayName('x'), 'x')
  server.send(note())
  await until(() => client.displayName('bob') === 'bobby')
  t.pass('of who is known')
})

test('chat client: both spellings of the sender are read, both names of packets, both forms of a description', async t => {
  const { client, server } = await pair(t)
  const heard: unknown[][] = []
  client.onMessage((message, id, info) => heard.push([message.data.offer, id, info?.name]))
  server.send({
    type: 'signaling',
    data: { type: 'offer', data: { offer: SDP }, SenderAccountId: 'bob', SenderInfo: INFO }
  })
  server.send(signal({ type: 'offer', data: { offer: { type: 'offer', sdp: SDP } } }))
  await until(() => heard.length === 2)
  t.deepEqual(heard, [
    [SDP, 'bob', 'Bob'],
    [{ type: 'offer', sdp: SDP }, 'bob', 'Bob']
  ])
})

test('004.31 004.h chat client: comes back with growing waits where the socket broke, not where it was ended', async t => {
  const { random } = Math
  Math.random = () => 1 // The longest wait of each.
  t.teardown(() => (Math.random = random))
  const { client, server, logs } = await pair(t, { reconnect: { base: 5, max: 40 } })
  for (const code of [4000, 1006, 1012]) {
    const before = server.count
    server.end(code)
    await until(() => server.count > before && client.isConnected, `comes back after ${code}`)
  }
  server.refuse = 5
  server.end(1006)
  await until(() => server.refused === 5)
  await until(() => client.isConnected)
  const waits = logs.debug
    .map(([words]) => /comes back in (\d+) ms/.exec(String(words))?.[1])
    .filter(Boolean)
    .map(Number)
  t.deepEqual(waits, [5, 10, 20, 40, 40, 40, 40, 40, 40], 'doubled each time, up to the bound')
  for (const code of [1000, 1008, 4503, 4506]) {
    const other = await pair(t, { reconnect: { base: 1, max: 2 } })
    other.server.end(code)
    await until(() => !other.client.isConnected)
    await new Promise(resolve => setTimeout(resolve, 50))
    t.equal(other.server.count, 1, `${code} is final`)
  }
  const still = await pair(t, { reconnect: false })
  still.server.end(1006)
  await until(() => !still.client.isConnected)
  t.equal(
    (
      (await rejection(new ChatSignalingClient(ROOM, 'ws://127.0.0.1:9', 'a', '', quiet()).connect())) as {
        code?: string
      }
    ).code,
    'CLOSED'
  )
})

test('chat client: a token that can not be had ends nothing, and nothing is left after disconnect', async t => {
  let tries = 0
  const token = async () => {
    if (++tries === 2) throw new Error('offline')
    return 'good'
  }
  const { client, server } = await pair(t, { token, reconnect: { base: 1, max: 5 } })
  server.end(1006)
  await until(() => tries === 3 && client.isConnected)
  t.equal(server.protocol, 'chat')
  server.end(1006)
  await until(() => server.codes.length === 2)
  client.disconnect()
  await new Promise(resolve => setTimeout(resolve, 50))
  // One that was on its way is ended as well.
  await until(() => server.codes.length === server.count, 'every socket has ended')
  t.deepEqual([client.isConnected, client.ws], [false, null])
})

test('004.32 004.e chat client: connect waits until it is open, and calls share one socket', async t => {
  const { url } = await chatServer(t)
  const client = new ChatSignalingClient(ROOM, origin(url), undefined, undefined, {
    ...quiet(),
    token: await tokenOf('ada')
  })
  t.teardown(() => client.disconnect())
  const bob = await Guide.join(t, url, 'bob')
  const first = client.connect()
  t.equal(client.connect(), first)
  await first
  const socket = client.ws
  t.equal(client.sendMessage({ type: 'note' }), true, 'at once: nothing is lost')
  await client.connect()
  t.equal(client.ws, socket)
  t.equal(client.userId, 'ada')
  await bob.until(({ type }) => type === 'webrtc.signal')
  t.equal(bob.packets.filter(({ data }) => data.event === 'joined').length, 1)
  const registered: string[] = []
  class Sub extends ChatSignalingClient {
    constructor(...args: ConstructorParameters<typeof ChatSignalingClient>) {
      super(...args)
      this.onMessage(message => registered.push(message.type))
    }
  }
  const sub = new Sub(ROOM, origin(url), undefined, undefined, { ...quiet(), token: await tokenOf('carol') })
  t.teardown(() => sub.disconnect())
  await sub.connect()
  bob.send({ type: 'note' })
  await until(() => registered.length === 1, 'a subclass hears by a handler of its own')
})

test('004.39 chat client: tells what happens to a logger, signals and the state of the socket', async t => {
  const { client, server, logs } = await pair(t)
  server.send(note())
  await until(() => client.getConnectedPeers().length === 1)
  client.sendMessage({ type: 'note' })
  server.end(1000)
  await until(() => !client.isConnected)
  const words = logs.debug.map(([words]) => String(words))
  for (const part of ['connected to', 'received note from bobby (bob)', 'sent', 'disconnected'])
    t.ok(
      words.some(word => word.startsWith(part)),
      part
    )
})
