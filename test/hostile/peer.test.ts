// Mostly waits: the runner starts it beside the others.
import { randomBytes } from 'node:crypto'
import wrtc from '@roamhq/wrtc'
import type { Peer } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { heap } from '../tools/heap.ts'
import { RawClient, rawKeys } from '../tools/raw.ts'
import { duplex, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'
import { simplePeer } from '../tools/wrtc.ts'

const RTC = { simplePeer, iceServers: [] }
const FAST = {
  frameRate: 1e6,
  frameBurst: 1e6,
  maxOffers: 1e6,
  maxOffersAtTarget: 1e6,
  maxOffersFromOne: 1e6
}

test('hostile peer: an app that listens to nothing and throws everywhere goes on', {
  timeout: 60_000
}, async t => {
  const app = new Child(t, 'test/tools/careless.ts', [], { NODE_OPTIONS: '--unhandled-rejections=strict' })
  t.equal(await app.ended, 0, app.stderr || 'ended in order')
  t.match(app.stdout, /alive\n$/)
  t.notOk(/uncaught|unhandled/i.test(app.stderr), 'nothing was left unhandled')
})

/** A victim with a friend that it talks to, and a hostile peer with a key of its own. */
async function scene(t: Test) {
  const server = new SocketSignalMemoryServer(FAST)
  const topic = randomBytes(32)
  const [victim, friend] = [1, 2].map(
    () => new SocketSignalMemoryClient(server, { ...RTC, connectTimeout: 4_000 })
  ) as [SocketSignalMemoryClient, SocketSignalMemoryClient]
  t.teardown(async () => {
    await Promise.all([victim.close(), friend.close()])
    await server.close()
  })
  await victim.join(topic)
  const control = await friend.connect(topic, victim.id).ready()
  await until(() => victim.peersConnected.length === 1)
  const [kept] = victim.peersConnected as [Peer]
  const heard: string[] = []
  duplex(kept).on('data', data => heard.push(String(data)))
  const keys = await rawKeys()
  const raw = new RawClient(server.dial(), keys.publicKey)
  t.teardown(() => raw.close())
  await raw.hello({}, keys)
  await raw.next('welcome')
  /** The friend's channel, the control of these tests. */
  const talk = async (word: string) => {
    duplex(control).write(word)
    await until(() => heard.includes(word), `the friend is heard: ${word}`)
  }
  return { server, topic, victim, kept, raw, keys, talk }
}

type Scene = Awaited<ReturnType<typeof scene>>

/** A genuine offer of a data channel, of a connection that nobody keeps. */
async function genuine(): Promise<string> {
  const connection = new wrtc.RTCPeerConnection()
  connection.createDataChannel('channel')
  const { sdp = '' } = await connection.createOffer()
  connection.close()
  return sdp
}

let requestId = 100

/** Sends an offer and gives its session, and what it was answered with. */
async function dial({ raw, keys, topic, victim }: Scene, body: unknown) {
  const session = randomBytes(32)
  const id = ++requestId
  await raw.sealed('offer', keys, body, { address: victim.id, topic, session, requestId: id })
  const isAnswer = (frame: { requestId: number; kind: string }) =>
    frame.requestId === id && ['answer', 'refusal', 'error'].includes(frame.kind)
  await raw.settled(() => raw.received.some(isAnswer))
  return { session, answer: raw.received.find(isAnswer)?.kind }
}

test('hostile peer: a flood over the connection itself waits for nothing without end', async t => {
  let slow = false
  const iceServers = () => (slow ? new Promise(() => {}) : { iceServers: [], expiresAt: Date.now() })
  const { alice, bob, topic } = await story(t, {
    clients: [{ iceServers: iceServers as never, requestTimeout: 60_000 }, {}]
  })
  await alice.join(topic)
  const flood = await bob.connect(topic, alice.id).ready()
  await until(() => alice.peersConnected.length === 1)
  const [peer] = alice.peersConnected as [Peer]
  const dropped = record(alice, 'dropped')
  slow = true // It would fetch credentials for what may restart ICE.
  const { _pc } = flood.stream as unknown as { _pc: RTCPeerConnection }
  const channel = _pc.createDataChannel('socket-signal')
  await new Promise(resolve => channel.addEventListener('open', resolve))
  channel.send(Buffer.from('[{"type":"offer","sdp":"a=ice-ufrag:new"}]'))
  for (let sent = 0; sent < 1000; sent++) channel.send(Buffer.from('[]'))
  await until(() => dropped.length === 1000 - 128)
  t.ok(dropped.every(({ args }) => args[0].error.code === 'SIGNAL_LIMIT'))
  t.ok(peer.connected, 'the app’s channel stays')
})

test('hostile peer: a corpus of bad offers ends each its own session, and nothing else', {
  timeout: 90_000
}, async t => {
  const all = await scene(t)
  const { victim, kept, talk } = all
  const sdp = await genuine()
  const offer = (text: unknown, type = 'offer') => ({ offer: { type, sdp: text } })
  const line = (pattern: RegExp, by: string) => offer(sdp.replace(pattern, by))
  const corpus: [name: string, body: unknown][] = [
    ['null', null],
    ['a list', []],
    ['an empty object', {}],
    ['text', '"offer"'],
    ['a number', 5],
    ['no JSON', '{"offer":'],
    ['no description', { offer: null }],
    ['an empty description', { offer: {} }],
    ['a description without text', { offer: { type: 'offer' } }],
    ['a number as text', offer(5)],
    ['a list as text', offer([sdp])],
    ['an answer', offer(sdp, 'answer')],
    ['a rollback', offer(sdp, 'rollback')],
    ['a provisional answer', offer(sdp, 'pranswer')],
    ['a type of the prototype chain', offer(sdp, 'constructor')],
    [
      'a candidate',
      { offer: { candidate: { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMid: '0' } } }
    ],
    [
      'a wish for a transceiver',
      { offer: { type: 'transceiverRequest', transceiverRequest: { kind: 'audio' } } }
    ],
    ['garbage', offer('garbage')],
    ['empty text', offer('')],
    ['60 KB of garbage', offer('a=x\r\n'.repeat(8_000))],
    ['a zero byte', offer(sdp.replace('v=0', 'v=0\0'))],
    ['half a description', offer(sdp.slice(0, sdp.length / 2))],
    ['no fingerprint', line(/a=fingerprint.*\r\n/g, '')],
    ['a fingerprint of another length', line(/(a=fingerprint:\S+ )\S+/g, '$1AA:BB')],
    ['a hash that is not known', line(/a=fingerprint:\S+/g, 'a=fingerprint:sha-0')],
    ['no ICE user', line(/a=ice-ufrag.*\r\n/g, '')],
    ['an ICE user of 10 KB', line(/a=ice-ufrag:.*/g, `a=ice-ufrag:${'x'.repeat(10_000)}`)],
    ['500 lines of media', offer(sdp + 'm=audio 9 UDP/TLS/RTP/SAVPF 0\r\nc=IN IP4 0.0.0.0\r\n'.repeat(500))],
    ['a port of minus one', line(/m=application \d+/, 'm=application -1')],
    ['a number beyond every limit', line(/a=max-message-size:\d+/, `a=max-message-size:${'9'.repeat(400)}`)],
    ['metadata that is no object', { ...offer('garbage'), metadata: 'root' }]
  ]
  const before = await heap()
  for (const [at, [name, body]] of corpus.entries()) {
    const { answer } = await dial(all, body)
    t.ok(answer === 'refusal' || answer === 'answer', `${name}: ${answer}`)
    if (at % 5 === 0) await talk(`after ${name}`)
  }
  t.notOk(all.raw.closed, 'all of them were sent')
  await until(() => victim.peers.length === 1, 'what was let in ends by its deadline', 20)
  t.equal(victim.peers[0], kept, 'only the friend is left')
  await talk('at the end')
  t.ok((await heap()) - before < 20_000_000)
})

const candidate = (address: string) => ({
  candidate: { candidate: `candidate:1 1 udp 1 ${address} typ host`, sdpMid: '0' }
})
const request = (kind: unknown, init?: unknown) => ({
  type: 'transceiverRequest',
  transceiverRequest: { kind, init }
})

test('hostile peer: a corpus of bad signals ends its session at most, within every cap', {
  timeout: 90_000
}, async t => {
  const all = await scene(t)
  const { victim, kept, talk, raw, keys, topic } = all
  const dropped = record(victim, 'dropped')
  const sdp = await genuine()
  const many = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one)
  /** Its signals, in frames of so many; whether the session must end as SIGNAL_LIMIT. */
  const corpus: [name: string, signals: unknown[], limited?: boolean][] = [
    ['no list', [null, 5, 'x', {}, { type: 'offer' }]],
    ['no signals', [[null], [5], ['x'], [{}], [[[]]], [{ type: '__proto__' }], [{ type: 'constructor' }]]],
    ['no JSON', ['{"', '[', '']],
    ['an answer to who answered', [[{ type: 'answer', sdp }]]],
    ['a second offer that is garbage', [[{ type: 'offer', sdp: 'garbage' }]]],
    ['the same offer again', [[{ type: 'offer', sdp }]]],
    [
      'candidates of the wrong form',
      [[{ candidate: null }], [{ candidate: {} }], [{ candidate: { candidate: 5 } }]]
    ],
    ['a candidate that is garbage', [[{ candidate: { candidate: 'garbage', sdpMid: '0' } }]]],
    ['a candidate of 5,000 characters', [[{ candidate: { candidate: 'x'.repeat(5_000), sdpMid: '0' } }]]],
    [
      'a candidate of no line',
      [[{ candidate: { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMLineIndex: 1e9 } }]]
    ],
    [
      'a line below zero',
      [[{ candidate: { candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMLineIndex: -1 } }]]
    ],
    [
      'addresses within',
      [
        [
          candidate('127.0.0.1 22'),
          candidate('169.254.169.254 80'),
          candidate('::1 22'),
          candidate('metadata.internal 80')
        ]
      ]
    ],
    ['10,000 candidates', many(200, many(50, candidate('127.0.0.1 9'))), true],
    ['300 transceivers that only a caller grants', many(10, many(30, request('audio'))), true],
    ['transceivers of the wrong form', [[request('__proto__')], [request(null)], [request('audio', 'x')]]],
    [
      'a transceiver in a direction that does not exist',
      [[request('video', { direction: 'elsewhere', sendEncodings: many(100, {}) })]]
    ],
    ['200 wishes to negotiate', many(20, many(10, { type: 'renegotiate', renegotiate: true }))],
    ['2,000 descriptions', many(100, many(20, { type: 'offer', sdp: 'garbage' }))]
  ]
  const before = await heap()
  for (const [name, signals, limited = false] of corpus) {
    const { session, answer } = await dial(all, { offer: { type: 'offer', sdp } })
    t.equal(answer, 'answer', `${name}: let in first`)
    const [peer] = victim.peers.filter(each => Buffer.compare(each.sessionId, session) === 0)
    let seq = 1
    for (const list of signals) {
      await raw.sealed('signal', keys, list, { address: victim.id, topic, session, seq: ++seq })
    }
    raw.send({ kind: 'ping', requestId: ++requestId, received: 0 })
    await talk(`after ${name}`)
    if (limited) {
      await until(() => peer?.destroyed === true, `${name}: it is ended`)
      t.equal((peer?.error as { code?: string } | null)?.code, 'SIGNAL_LIMIT', `${name}: for that`)
    }
    peer?.destroy()
  }
  t.ok(dropped.length > 0, `${dropped.length} were dropped and told`)
  await until(() => victim.peers.length === 1)
  t.equal(victim.peers[0], kept, 'only the friend is left')
  await talk('at the end')
  t.ok((await heap()) - before < 20_000_000)
})

test('hostile peer: of 300 wishes for transceivers a caller grants 32', { timeout: 60_000 }, async t => {
  let granted = 0
  class Counting extends wrtc.RTCPeerConnection {
    override addTransceiver(...args: Parameters<RTCPeerConnection['addTransceiver']>) {
      granted++
      return super.addTransceiver(...args)
    }
  }
  const { victim, raw, keys, topic, talk } = await scene(t)
  await raw.join(topic, { requestId: ++requestId })
  const simplePeer = { ...RTC.simplePeer, wrtc: { ...wrtc, RTCPeerConnection: Counting } }
  const peer = victim.connect(topic, raw.id, { simplePeer })
  const ended = rejection(peer.ready())
  const offer = await raw.next('offer')
  const connection = new wrtc.RTCPeerConnection()
  await connection.setRemoteDescription(JSON.parse(Buffer.from(offer.body).toString()).offer)
  const answer = await connection.createAnswer()
  connection.close()
  const to = { address: victim.id, topic, session: Uint8Array.from(offer.session) }
  const re = Uint8Array.from(offer.signature)
  await raw.sealed('answer', keys, { answer }, { ...to, re, requestId: offer.requestId })
  for (let seq = 2; seq < 32; seq++) {
    const wishes = Array.from({ length: 10 }, () => request('audio'))
    await raw.sealed('signal', keys, wishes, { ...to, seq })
  }
  const { code } = await ended
  t.equal(code, 'SIGNAL_LIMIT')
  t.equal(granted, 32)
  await talk('at the end')
})

test('hostile peer: candidates before any description wait to a cap, for a gate that takes its time', async t => {
  const { victim, raw, keys, topic, talk } = await scene(t)
  let release = () => {}
  victim.onOffer(() => new Promise<void>(resolve => (release = resolve)))
  const session = randomBytes(32)
  const sdp = await genuine()
  const to = { address: victim.id, topic, session }
  await raw.sealed('offer', keys, { offer: { type: 'offer', sdp } }, { ...to, requestId: ++requestId })
  for (let seq = 2; seq < 1_002; seq++)
    await raw.sealed('signal', keys, [candidate('127.0.0.1 9')], { ...to, seq })
  const { body } = await raw.next('refusal')
  t.equal(JSON.parse(Buffer.from(body).toString()).code, 'SIGNAL_LIMIT')
  release()
  t.equal(victim.peers.length, 1, 'nothing was made for it')
  await talk('at the end')
})
