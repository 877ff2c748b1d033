import { randomBytes } from 'node:crypto'
import { SignalError } from 'socket-signal'
import { createGateway, createPublishedDoor } from 'socket-signal-gateway'
import { encodeAnswer, toText } from '../../packages/gateway/src/published/nanomessage.ts'
import { Control } from '../tools/control.ts'
import { servePublished } from '../tools/published.ts'
import { RawPublished, withJson } from '../tools/published-raw.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { admitted, startServer } from '../tools/websocket.ts'

const OFFER = { type: 'offer', sdp: 'v=0\r\n' }
const ANSWER = { type: 'answer', sdp: 'v=0\r\n' }
const CANDIDATE = { type: 'candidate', candidate: { candidate: 'candidate:1', sdpMLineIndex: 0 } }

test('legacy hostile: words of any length and any script refuse, and end nothing else', async t => {
  const words = '字'.repeat(500)
  const server = await startServer(t, {
    gateway: createGateway([createPublishedDoor()]),
    authorize: ({ id }) => {
      if (id[0] === 0xee) throw new SignalError('TOKEN_INVALID', words)
      return true
    }
  })
  const control = await Control.start(t, server.url)
  await control.watches(t, async () => {
    const raw = await RawPublished.dial(t, server.url, Buffer.alloc(32, 0xee))
    raw.say('socket-signal-join', { topic: randomBytes(32) })
    t.equal(await raw.end(), 4503)
    t.match(raw.closed?.reason ?? '', /字{10}/, 'and it is told as many as fit')
  })
})

test('legacy hostile: what is no signal is left out on the way to an old client', async t => {
  const { url, topic, make } = await servePublished(t)
  const callee = make(10)
  let offers = 0
  callee.onOffer(() => {
    offers++
  })
  await callee.join(topic)
  const evil = await RawPublished.dial(t, url)
  await evil.call('socket-signal-join', { topic })
  const sessionId = randomBytes(32)
  const bad = [
    null,
    7,
    'x',
    {},
    { type: 'candidate' },
    { candidate: null },
    { type: 'answer', sdp: null },
    [[]]
  ]
  evil.say('socket-signal-offer', { topic, remoteId: callee.id, sessionId, data: [...bad, OFFER, ...bad] })
  await until(() => offers === 1, 'the offer itself arrives')
  for (const data of [bad, null, 'x', {}])
    evil.say('socket-signal-onsignal', { topic, remoteId: callee.id, sessionId, data })
  const other = await RawPublished.dial(t, url)
  await other.call('socket-signal-join', { topic })
  t.equal((await callee.lookup(topic)).length, 3, 'the client goes on')
  for (const raw of [evil, other]) raw.websocket.close()
})

test('legacy hostile: a client of ours can’t crash an old one: what it says in a frame is checked on the way', async t => {
  const { url, topic, make } = await servePublished(t, { identity: 'open' })
  const clients = [make(9), make(10)]
  for (const client of clients) await client.join(topic)
  const { raw } = await admitted(t, url)
  const bodies: (string | Buffer)[] = [
    ...['null', '7', '{', '', '{"offer":null}', '{"offer":{"type":"answer","sdp":"x"}}', '['.repeat(10_000)],
    Buffer.from([0xff, 0xfe])
  ]
  let requestId = 0
  for (const { id } of clients)
    for (const body of bodies) {
      const fields = { address: id, topic, session: randomBytes(32), flags: 5, body: Buffer.from(body) }
      raw.addressed('offer', fields, ++requestId)
      const wanted = requestId
      const refusal = await raw.next('refusal', frame => frame.requestId === wanted)
      t.match(String(Buffer.from(refusal.body)), /no offer in it/, `an offer: ${String(body).slice(0, 20)}`)
      raw.addressed('signal', fields)
      raw.addressed('cancel', fields)
    }
  for (const client of clients) t.equal((await client.lookup(topic)).length, 2, 'it goes on')
  raw.close()
})

test('legacy hostile: an old callee’s nonsense is a refusal, and its words have a limit', async t => {
  const { url, topic, make } = await servePublished(t)
  const evil = await RawPublished.dial(t, url)
  await evil.call('socket-signal-join', { topic })
  const caller = make(11)
  await caller.join(topic)
  const answers: [string, (number: number) => void, RegExp][] = [
    ['nothing', number => evil.answer(number, null), /no answer in its answer/],
    ['an offer', number => evil.answer(number, { data: [OFFER] }), /no answer in its answer/],
    ['numbers that grow', number => evil.websocket.send(growing(number)), /its answer is too large/],
    ['words of 20,000 letters', number => evil.refuse(number, 'no'.repeat(10_000)), /^(no){1,600}$/]
  ]
  for (const [name, answer, words] of answers) {
    const refused = rejection(caller.connect(topic, evil.id).ready())
    answer((await evil.called('offer')).number)
    const error = await refused
    t.equal(error.code, 'REJECTED', name)
    t.match(error.message, words)
  }
  evil.websocket.close()
})

test('legacy hostile: candidates wait for an old client’s answer, and of many the first 32', async t => {
  const { url, topic } = await servePublished(t)
  const [caller, callee] = [await RawPublished.dial(t, url), await RawPublished.dial(t, url)]
  for (const raw of [caller, callee]) await raw.call('socket-signal-join', { topic })
  const sessionId = randomBytes(32)
  const to = { topic, remoteId: callee.id, sessionId }
  const number = caller.say('socket-signal-offer', {
    ...to,
    data: [OFFER, { ...CANDIDATE, candidate: LAST }]
  })
  for (let i = 0; i < 40; i++) caller.say('socket-signal-onsignal', { ...to, data: [CANDIDATE] })
  const offer = await callee.called('offer')
  t.deepEqual(offer.data.data, [OFFER], 'the offer')
  t.deepEqual(
    [offer.data.id, offer.data.remoteId, offer.data.sessionId],
    [caller.id, callee.id, sessionId].map(toText),
    'of whom, for whom, in which session'
  )
  await callee.call('socket-signal-lookup', { topic })
  t.notOk(
    callee.received.some(message => message.kind === 'call'),
    'no candidate before the answer'
  )
  callee.answer(offer.number, { data: [ANSWER, CANDIDATE], metadata: { ok: true } })
  const signal = await callee.called('signal')
  t.equal((signal.data.data as unknown[]).length, 32, 'those that were held, behind it')
  t.deepEqual(Object(signal.data.data)[0], CANDIDATE)
  const own = await callee.called('signal')
  t.deepEqual(Object(own.data.data)[0].candidate, LAST, 'and those that came with the offer')
  t.deepEqual((await caller.called('signal')).data.data, [CANDIDATE], 'and the callee’s to the caller')
  const answer = caller.received.find(message => message.kind === 'answer' && message.number === number)
  t.deepEqual(Object(answer?.data).data, [ANSWER], 'the answer without them')
  for (const raw of [caller, callee]) raw.websocket.close()
})

const LAST = { candidate: 'candidate:2', sdpMLineIndex: 0 }

/** An answer of 60 kB whose metadata are four times that when they are written again. */
function growing(number: number): Uint8Array {
  const json = JSON.stringify({ data: [ANSWER], metadata: { many: 'x' } })
  const numbers = `[${Array(11_000).fill('1e20').join()}]`
  return withJson(
    length => encodeAnswer(number, 'x'.repeat(length)),
    `{"data":${json.replace('"x"', numbers)}}`
  )
}
