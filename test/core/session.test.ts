import { randomBytes } from 'node:crypto'
import { createCrypto, type SignalError } from 'socket-signal'
import { NO_SIGNATURE } from '../../packages/core/src/bytes.ts'
import { decodeBody } from '../../packages/core/src/codec.ts'
import {
  type Addressed,
  type AddressedFields,
  createAddressed,
  sealedBytes
} from '../../packages/core/src/frame.ts'
import { type AddressedKind, FLAG } from '../../packages/core/src/protocol.ts'
import { RFC8032 } from '../tools/bytes.ts'
import { playedOpen, StubRtc } from '../tools/played.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const [, remote] = RFC8032
const crypto = createCrypto()
const ANSWER = { answer: { type: 'answer', sdp: 'v=0\r\n' }, metadata: {} }
const OFFER = { offer: { type: 'offer', sdp: 'v=0\r\n' }, metadata: {} }

/** A frame of the remote as its server delivers it. Without `re` it is not signed. */
async function fromRemote(
  kind: AddressedKind,
  to: Uint8Array,
  { re, value, ...fields }: Partial<AddressedFields> & { re?: Uint8Array; value: unknown },
  requestId = 0
): Promise<Addressed> {
  const frame = createAddressed(kind, {
    flags: FLAG.json,
    address: remote.publicKey,
    topic: new Uint8Array(32),
    session: new Uint8Array(32),
    seq: 1,
    body: Buffer.from(JSON.stringify(value)),
    ...fields
  })
  frame.requestId = requestId
  if (re) {
    const identity = await crypto.identity(remote)
    frame.signature = await identity.sign(sealedBytes(frame, remote.publicKey, to, re))
  }
  return frame
}

async function outcome(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'connected',
    (error: SignalError) => error.code
  )
}

test('session: a server can not choose a laxer policy by moving an answer to another topic', async t => {
  const [strict, lax] = [randomBytes(32), randomBytes(32)]
  const verify = (_id: Uint8Array, topic: Uint8Array) => (strict.equals(topic) ? 'required' : 'off')
  const { client, server, rtcs } = await playedOpen(t, { verify })
  const peer = client.connect(strict, remote.publicKey)
  const ended = outcome(peer.ready())
  const { session, requestId } = await server.next('offer')
  const forged = await fromRemote('answer', client.id, { topic: lax, session, value: ANSWER }, requestId)
  server.bytes(forged.bytes)
  t.equal(await ended, 'BAD_SIGNATURE')
  t.deepEqual(rtcs[0]?.signals, [], 'nothing of it reached WebRTC')
})

test('session: nor by moving a candidate, a cancel, or the offer that was asked for', async t => {
  const [strict, lax] = [randomBytes(32), randomBytes(32)]
  const verify = (_id: Uint8Array, topic: Uint8Array) => (strict.equals(topic) ? 'required' : 'off')
  const { client, server, rtcs } = await playedOpen(t, { verify })
  const dropped: string[] = []
  client.on('dropped', ({ error }) => dropped.push(error.code))

  const peer = client.connect(strict, remote.publicKey)
  const ready = peer.ready()
  const offer = await server.next('offer')
  const { session } = offer
  const answer = { topic: strict, session, re: offer.signature, value: ANSWER }
  server.bytes((await fromRemote('answer', client.id, answer, offer.requestId)).bytes)
  await ready
  const value = [{ candidate: { candidate: 'candidate:1', sdpMid: '0' } }]
  server.bytes((await fromRemote('signal', client.id, { topic: lax, session, seq: 2, value })).bytes)
  await until(() => dropped.length === 1)
  t.deepEqual(dropped, ['BAD_SIGNATURE'], 'the candidate')
  t.equal(rtcs[0]?.signals.length, 1, 'only the answer reached WebRTC')

  const wish = client.remoteConnect(strict, remote.publicKey)
  const ended = outcome(wish.ready())
  const invited = (await server.next('remoteConnect')).session
  server.bytes((await fromRemote('cancel', client.id, { topic: lax, session: invited, value: null })).bytes)
  await until(() => dropped.length === 2)
  t.notOk(wish.destroyed, 'the cancel')
  const moved = { topic: lax, session: invited, seq: 2, value: OFFER }
  server.bytes((await fromRemote('offer', client.id, moved, 9)).bytes)
  t.equal(await ended, 'BAD_SIGNATURE', 'the offer')
})

test('session: yes and offer of an invited peer may come in one chunk', async t => {
  const { client, server } = await playedOpen(t)
  const topic = randomBytes(32)
  const peer = client.remoteConnect(topic, remote.publicKey)
  const wish = await server.next('remoteConnect')
  const { session } = wish
  const yes = { topic, session, re: wish.signature, value: { metadata: { name: 'bob' } } }
  const offer = { topic, session, seq: 2, re: NO_SIGNATURE, value: OFFER }
  const frames = [
    await fromRemote('answer', client.id, yes, wish.requestId),
    await fromRemote('offer', client.id, offer, 77)
  ]
  // One after the other without a pause: the memory socket hands both on in the same turn.
  for (const { bytes } of frames) server.bytes(bytes)
  t.equal(await outcome(peer.ready()), 'connected')
  const { requestId, kind } = await server.next('answer')
  t.equal(`${kind} ${requestId}`, 'answer 77')
})

test('session: an answer that answers another request is refused, an answer of another peer has no effect', async t => {
  const { client, server } = await playedOpen(t)
  const topic = randomBytes(32)
  const peer = client.connect(topic, remote.publicKey)
  const ended = outcome(peer.ready())
  const { session, requestId, signature } = await server.next('offer')
  const stranger = await fromRemote(
    'answer',
    client.id,
    { topic, session, re: signature, value: ANSWER },
    requestId
  )
  stranger.address = randomBytes(32)
  server.bytes(stranger.bytes)
  const other = { topic, session, re: randomBytes(64), value: ANSWER }
  server.bytes((await fromRemote('answer', client.id, other, requestId)).bytes)
  t.equal(await ended, 'BAD_SIGNATURE')
})

test('session: a forged frame uses up no sequence number, a repeated one has no effect', async t => {
  const { client, server, rtcs } = await playedOpen(t)
  const dropped: string[] = []
  client.on('dropped', ({ error }) => dropped.push(error.message))
  const topic = randomBytes(32)
  const peer = client.connect(topic, remote.publicKey)
  const offer = await server.next('offer')
  const { session } = offer
  const answer = { topic, session, re: offer.signature, value: ANSWER }
  server.bytes((await fromRemote('answer', client.id, answer, offer.requestId)).bytes)
  await peer.ready()
  const value = [{ candidate: { candidate: 'candidate:1', sdpMid: '0' } }]
  const forged = await fromRemote('signal', client.id, {
    topic,
    session,
    seq: 0xffffffff,
    re: randomBytes(64),
    value
  })
  const genuine = await fromRemote('signal', client.id, { topic, session, seq: 2, re: NO_SIGNATURE, value })
  for (const { bytes } of [forged, genuine, genuine]) server.bytes(bytes)
  await until(() => dropped.length === 2)
  t.match(dropped[0] ?? '', /signature does not fit/)
  t.match(dropped[1] ?? '', /seen before/)
  t.equal(rtcs[0]?.signals.length, 2, 'the answer and one candidate')
})

test('session: candidates right behind the offer go in it, each where its media is, and the others follow', async t => {
  const { client, server } = await playedOpen(t, { rtc: () => new Gathering() as never })
  client.connect(randomBytes(32), remote.publicKey)
  const { offer } = decodeBody(await server.next('offer')) as { offer: { type: string; sdp: string } }
  t.same(offer, {
    type: 'offer',
    sdp: 'v=0\r\nm=audio\r\na=mid:0\r\na=candidate:1 typ host\r\nm=video\r\na=mid:1\r\na=candidate:2 typ host generation 0\r\n'
  })
  t.same(decodeBody(await server.next('signal')), [
    { type: 'candidate', candidate: { candidate: 'candidate:3 typ host', sdpMid: '0' } },
    { type: 'candidate', candidate: { candidate: '', sdpMLineIndex: 0 } },
    { type: 'candidate', candidate: { candidate: 'candidate:4 typ host', sdpMLineIndex: 2 } }
  ])
})

test('session: a hidden page, whose timers are held back, sends its offer without one', async t => {
  const { client, server } = await playedOpen(t, { rtc: () => new Gathering() as never })
  const { setTimeout: real } = globalThis
  t.teardown(() => Object.assign(globalThis, { setTimeout: real, document: undefined }))
  Object.assign(globalThis, {
    document: { hidden: true },
    setTimeout: (callback: () => void, ms = 0) => real(callback, ms || 30_000)
  })
  client.connect(randomBytes(32), remote.publicKey)
  const { offer } = decodeBody(await server.next('offer')) as { offer: { sdp: string } }
  t.match(offer.sdp, /^v=0/)
})

class Gathering extends StubRtc {
  constructor() {
    super({ initiator: false })
    const candidate = (candidate: object) => this.emit('signal', { type: 'candidate', candidate })
    queueMicrotask(() => {
      this.emit('signal', { type: 'offer', sdp: 'v=0\r\nm=audio\r\na=mid:0\r\nm=video\r\na=mid:1\r\n' })
      candidate({ candidate: 'candidate:3 typ host', sdpMid: '0' })
      candidate({ candidate: 'candidate:1 typ host', sdpMLineIndex: 0 })
      candidate({ candidate: 'candidate:2 typ host generation 0 ufrag abcd', sdpMLineIndex: 1 })
      candidate({ candidate: '', sdpMLineIndex: 0 })
      candidate({ candidate: 'candidate:4 typ host', sdpMLineIndex: 2 })
    })
  }
}
