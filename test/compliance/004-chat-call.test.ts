import wrtc from '@roamhq/wrtc'
import { ChatCall, type ChatCallOptions, mediaProblem } from 'socket-signal-gateway/chat-client'
import tape, { type Test } from 'tape'
import { ChatPeer } from '../../packages/gateway/src/chat-peer.ts'
import { chatServer, Guide, ROOM, SDP, tokenOf } from '../tools/chat.ts'
import { type Logs, origin, quiet } from '../tools/chat-client.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

// wrtc crashes at exit while media flow.
tape.onFinish(() => process.exit())

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
