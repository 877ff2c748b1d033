import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import wrtc from '@roamhq/wrtc'
import {
  ChatCall,
  type ChatCallOptions,
  ChatSignalingClient,
  type Logger,
  mediaProblem
} from 'socket-signal-gateway/chat-client'
import tape, { type Test } from 'tape'
import { WebSocketServer, WebSocket as Ws, type WebSocket as WsSocket } from 'ws'
import { ChatPeer } from '../../packages/gateway/src/chat-peer.ts'
import { chatServer, Guide, ROOM, tokenOf } from '../tools/chat.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

// wrtc crashes at exit while media flow.
tape.onFinish(() => process.exit())

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n'
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

test('004.29 chat call: what getUserMedia refuses is told apart, and told on', async t => {
  const problems = {
    NotAllowedError: 'denied',
    SecurityError: 'denied',
    NotFoundError: 'missing',
    AbortError: 'other'
  }
  for (const [name, problem] of Object.entries(problems)) {
    const error = Object.assign(new Error('no'), { name })
    const call = new ChatCall(ROOM, '', 'ada', '', {
      mediaDevices: { getUserMedia: () => Promise.reject(error) }
    })
    t.equal(await rejection(call.startLocalStream()), error)
    t.equal(mediaProblem(error), problem)
  }
  t.equal(mediaProblem(undefined), 'other')
  const none = new ChatCall(ROOM)
  t.equal(
    ((await rejection(none.startLocalStream())) as { code?: string }).code,
    'UNSUPPORTED',
    'no devices at all'
  )
})

test('chat call: a signal of a type that it does not know is a warning, and handlers hear it (004.15)', async t => {
  const { url } = await chatServer(t)
  const logs: Logs = { debug: [], warn: [], error: [] }
  const call = await makeCall(t, url, 'ada', quiet(logs))
  await call.connect()
  const heard: string[] = []
  call.onMessage(({ type }) => heard.push(type))
  const bob = await Guide.join(t, url, 'bob')
  bob.send({ type: 'hang-up' })
  await until(() => heard.length === 1)
  t.deepEqual([heard, logs.warn], [['hang-up'], [['Unknown message type:', 'hang-up']]])
  t.deepEqual([call.isConnected, call.connections.size], [true, 0])
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

test('004.27 004.30 chat call: the guide’s caller and answerer see each other', async t => {
  const { url } = await chatServer(t)
  const asked: unknown[] = []
  const getUserMedia = (constraints: MediaStreamConstraints) => {
    asked.push(constraints)
    return (wrtc as never as MediaDevices).getUserMedia(constraints)
  }
  const [caller, answerer] = [
    await makeCall(t, url, 'ada'),
    await makeCall(t, url, 'bob', { mediaDevices: { getUserMedia } })
  ]
  const streams: string[] = []
  await answerer.connect()
  await answerer.startLocalStream()
  t.deepEqual(asked, [{ audio: true, video: true }])
  answerer.onRemoteStream = (_, id) => streams.push(`bob sees ${id}`)
  await caller.connect()
  await caller.startLocalStream({ audio: true, video: true })
  await caller.createOffer()
  await until(() => streams.length === 1 && caller.remoteStream !== null, 'both see', 10)
  caller.onRemoteStream = (_, id) => streams.push(`ada sees ${id}`)
  t.deepEqual(streams.sort(), ['ada sees bob', 'bob sees ada'], 'also who asks late')
  await isConnected(caller, 'bob')
  await isConnected(answerer, 'ada')
  t.equal(caller.remoteStream?.getTracks().length, 2)
})

test('004.28 chat call: several ICE servers, one’s own or those that the server hands out', async t => {
  const handed = [{ urls: 'stun:127.0.0.1:9' }, { urls: 'turn:127.0.0.1:9', username: 'u', credential: 'c' }]
  const own = [{ urls: ['stun:127.0.0.1:7', 'stun:127.0.0.1:8'] }]
  const { url } = await chatServer(t, {}, { iceServers: handed })
  const asked: unknown[] = []
  class Rtc extends wrtc.RTCPeerConnection {
    constructor(config: RTCConfiguration) {
      super({})
      asked.push(config.iceServers)
    }
  }
  const options = { RTCPeerConnection: Rtc as never }
  const ada = await makeCall(t, url, 'ada', { ...options, iceServers: own })
  const bob = await makeCall(t, url, 'bob', options)
  await bob.connect()
  await ada.connect()
  await ada.createOffer()
  await until(() => asked.length === 2)
  t.deepEqual(asked, [own, handed])
})

test('004.g chat call: candidates that come before the description wait for it', async t => {
  const { url } = await chatServer(t)
  const taken: { early: boolean; candidate: string | undefined }[] = []
  class Rtc extends wrtc.RTCPeerConnection {
    override addIceCandidate(init?: RTCIceCandidateInit | null): Promise<void> {
      taken.push({ early: this.remoteDescription === null, candidate: init?.candidate })
      return super.addIceCandidate(init as RTCIceCandidateInit)
    }
  }
  const ada = await makeCall(t, url, 'ada')
  const bob = await makeCall(t, url, 'bob', { RTCPeerConnection: Rtc as never })
  await bob.connect()
  const take = bob.handleOffer.bind(bob)
  const candidates: string[] = []
  const takeCandidate = bob.handleIceCandidate.bind(bob)
  bob.handleIceCandidate = (candidate, id) => {
    candidates.push((candidate as RTCIceCandidateInit).candidate ?? '')
    return takeCandidate(candidate, id)
  }
  // The offer is held back until candidates have come.
  bob.handleOffer = async (offer, id) => {
    await until(() => candidates.length > 0)
    t.deepEqual(taken, [], 'none is told to a connection that can not take it')
    await take(offer, id)
  }
  await ada.connect()
  await ada.startLocalStream()
  await ada.createOffer()
  await isConnected(ada, 'bob')
  await until(() => taken.length === candidates.length)
  t.ok(taken.every(({ early }) => !early))
  t.deepEqual(
    taken.map(({ candidate }) => candidate),
    candidates,
    'all of them, in order'
  )
})

test('004.i chat call: one connection for each other user, also where all call at once', async t => {
  const { server, url } = await chatServer(t)
  const names = ['ada', 'bob', 'carol']
  const calls = await Promise.all(names.map(name => makeCall(t, url, name)))
  await Promise.all(calls.map(call => call.connect().then(() => call.startLocalStream())))
  await Promise.all(calls.map(call => call.createOffer()))
  for (const [at, call] of calls.entries())
    for (const name of names) if (name !== names[at]) await isConnected(call, name)
  t.deepEqual(
    calls.map(call => call.connections.size),
    [2, 2, 2]
  )
  const [ada, bob, carol] = calls as [ChatCall, ChatCall, ChatCall]
  carol.disconnect()
  await until(() => ada.connections.size === 1 && bob.connections.size === 1, 'who leaves is let go', 20)
  // A socket that breaks does not end media.
  const connection = ada.connections.get('bob')
  const socket = ada.ws
  const [first] = [...server.connections].filter(({ grant }) => grant.sub === 'ada')
  first?.close('SERVER_SHUTDOWN')
  await until(() => ada.isConnected && ada.ws !== socket)
  t.equal(ada.connections.get('bob'), connection)
  t.equal(connection?.connectionState, 'connected')
})

test('004.33 chat call: nothing runs on when it is disconnected', async t => {
  const { server, url } = await chatServer(t)
  const [ada, bob] = [await makeCall(t, url, 'ada'), await makeCall(t, url, 'bob')]
  await bob.connect()
  await ada.connect()
  const local = await ada.startLocalStream()
  await ada.createOffer()
  await isConnected(ada, 'bob')
  const connection = ada.connections.get('bob')
  ada.disconnect()
  bob.disconnect()
  t.deepEqual(
    [connection?.signalingState, ada.connections.size, ada.localStream, ada.remoteStream],
    ['closed', 0, null, null]
  )
  t.ok(local.getTracks().every(({ readyState }) => readyState === 'ended'))
  await until(() => server.stats().sockets === 0)
})

test('chat call: strangers can not make it open connections without end', async t => {
  const { url } = await chatServer(t)
  const ada = await makeCall(t, url, 'ada', { maxPeers: 2 })
  await ada.connect()
  for (const name of ['bob', 'carol', 'dave', 'erin']) {
    const guest = await Guide.join(t, url, name)
    guest.send({ type: 'ice-candidate', candidate: { candidate: '' }, to: 'ada' })
    guest.send({ type: 'offer', offer: `${SDP}garbage`, to: 'ada' })
  }
  await until(() => ada.getConnectedPeers().length === 4)
  t.equal(ada.connections.size, 2)
})

test('chat call: of two devices that answer, the one that is not taken lets go and does not call back', async t => {
  for (const wasConnected of [false, true]) {
    const sent: string[] = []
    let ended = 0
    const done = async () => ({ type: 'answer', sdp: SDP })
    const connection = {
      ...{ signalingState: 'stable', connectionState: 'new', close: () => {} },
      ...{ createOffer: done, createAnswer: done, setLocalDescription: done, setRemoteDescription: done },
      onconnectionstatechange: () => {}
    }
    const become = (state: string) => {
      connection.connectionState = state
      connection.onconnectionstatechange()
    }
    const peer = new ChatPeer({
      ...{ polite: true, connection: connection as never, logger: console },
      ...{ prepare: () => {}, onstream: () => {}, onend: () => ended++ },
      send: message => sent.push(String(Object(message).type))
    })
    await peer.take('offer', SDP)
    if (wasConnected) become('connected')
    become('failed')
    if (wasConnected) await until(() => sent.length === 2, 'it searches another path')
    t.deepEqual(sent, wasConnected ? ['answer', 'offer'] : ['answer'])
    t.equal(ended, wasConnected ? 0 : 1, wasConnected ? 'it was taken' : 'it was not')
  }
})

async function isConnected(call: ChatCall, name: string): Promise<void> {
  await until(
    () => call.connections.get(name)?.connectionState === 'connected',
    `${call.userId} has ${name}`,
    20
  )
}

async function makeCall(
  t: Test,
  url: string,
  name: string,
  options: ChatCallOptions = {}
): Promise<ChatCall> {
  const call = new ChatCall(ROOM, origin(url), undefined, undefined, {
    ...quiet(),
    token: await tokenOf(name),
    RTCPeerConnection: wrtc.RTCPeerConnection as never,
    mediaDevices: { getUserMedia: (wrtc as never as MediaDevices).getUserMedia },
    ...options
  })
  t.teardown(() => call.disconnect())
  return call
}

function origin(url: string): string {
  return new URL(url).origin.replace('http', 'ws')
}

type Logs = { [K in keyof Logger]: unknown[][] }

function quiet(logs?: Logs): ChatCallOptions {
  const log =
    (kind: keyof Logger) =>
    (...args: unknown[]) =>
      void logs?.[kind].push(args)
  return { WebSocket: Ws as never, logger: { debug: log('debug'), warn: log('warn'), error: log('error') } }
}

/** A client at a server that sends whatever it is told. */
async function pair(t: Test, options: ChatCallOptions = {}, userId?: string) {
  const server = new Scripted()
  t.teardown(() => server.close())
  await server.listening
  const logs: Logs = { debug: [], warn: [], error: [] }
  const client = new ChatSignalingClient(ROOM, server.origin, userId, undefined, {
    ...quiet(logs),
    ...options
  })
  t.teardown(() => client.disconnect())
  await client.connect()
  return { client, server, logs }
}

class Scripted {
  readonly received: unknown[] = []
  readonly codes: number[] = []
  count = 0
  refuse = 0
  refused = 0
  url: string | undefined
  protocol = ''
  readonly #server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    verifyClient: (_info, done) => {
      if (this.refuse-- <= 0) return done(true)
      this.refused++
      done(false, 503)
    }
  })
  #socket: WsSocket | undefined
  readonly listening = once(this.#server, 'listening')

  constructor() {
    this.#server.on('connection', (socket, { url }) => {
      this.count++
      this.url = url
      this.protocol = socket.protocol
      this.#socket = socket
      socket.on('message', data => this.received.push(JSON.parse(String(data))))
      socket.on('close', code => this.codes.push(code))
      this.send({
        type: 'webrtc',
        data: { userId: 'ada', roomId: ROOM, message: 'Connected to call...', participants: [] }
      })
    })
  }

  get origin(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  send(packet: object): void {
    this.text(JSON.stringify(packet))
  }

  text(text: string): void {
    this.#socket?.send(text)
  }

  end(code: number): void {
    if (code === 1006) this.#socket?.terminate()
    else this.#socket?.close(code)
  }

  close(): void {
    for (const socket of this.#server.clients) socket.terminate()
    this.#server.close()
  }
}
