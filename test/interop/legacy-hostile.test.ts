import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { queryObjects } from 'node:v8'
import { createGateway, createPublishedDoor, Guest } from 'socket-signal-gateway'
import type { SocketSignalWebsocketServerOptions } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { Calls } from '../../packages/gateway/src/published/calls.ts'
import { PublishedClient } from '../../packages/gateway/src/published/client.ts'
import { encodeCall } from '../../packages/gateway/src/published/nanomessage.ts'
import { Requests } from '../../packages/gateway/src/published/requests.ts'
import { Control } from '../tools/control.ts'
import { heap } from '../tools/heap.ts'
import { servePublished } from '../tools/published.ts'
import { RawPublished, withJson } from '../tools/published-raw.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { rawWebsocket, startServer } from '../tools/websocket.ts'

const OFFER = { type: 'offer', sdp: 'v=0\r\n' }
const ANSWER = { type: 'answer', sdp: 'v=0\r\n' }
const CANDIDATE = { type: 'candidate', candidate: { candidate: 'candidate:1', sdpMLineIndex: 0 } }

test('legacy hostile: 1,000 joins and leaves of old clients leave no topic behind', async t => {
  const { server, topic, make } = await servePublished(t)
  const clients = Array.from({ length: 10 }, (_, at) => make(at % 2 ? 9 : 10))
  await Promise.all(
    clients.map(async client => {
      const topics = Array.from({ length: 99 }, () => randomBytes(32))
      await Promise.all([topic, ...topics].map(one => client.join(one)))
    })
  )
  t.equal(server.signal.stats().topics, 991, '990 of their own, and one of all')
  await Promise.all(clients.map(client => client.leave(topic)))
  t.equal(server.signal.stats().topics, 990, 'the one of all is gone')
  await Promise.all(clients.slice(0, 5).map(client => client.leave()))
  t.equal(server.signal.stats().topics, 495, 'those of who has left are gone')
  for (const client of clients.slice(5)) await client.close()
  await until(() => server.signal.stats().topics === 0, 'and of those who went without a word')
})

test('legacy hostile: whatever breaks the language ends that socket, and no other', async t => {
  const { server, url, topic, make } = await servePublished(t)
  const control = await Control.start(t, url)
  const friend = make(10)
  await friend.join(topic)
  const to = { topic, remoteId: friend.id, sessionId: randomBytes(32) }
  const joined = async (bytes: (raw: RawPublished) => void) => {
    const raw = await RawPublished.dial(t, url)
    await raw.call('socket-signal-join', { topic })
    bytes(raw)
    return raw.end()
  }
  const ends: [string, number, (raw: RawPublished) => void][] = [
    ['text', 4500, raw => raw.websocket.send('{}')],
    ['nothing', 4500, raw => raw.websocket.send(Buffer.alloc(0))],
    ['noise', 4500, raw => raw.websocket.send(randomBytes(300))],
    ['a message that is too large', 1009, raw => raw.websocket.send(Buffer.alloc(70_000))],
    ['JSON 10,000 deep', 4500, raw => raw.websocket.send(deep())],
    ['no topic', 4500, raw => raw.say('socket-signal-join')],
    ['a short topic', 4500, raw => raw.say('socket-signal-join', { topic: randomBytes(31) })],
    ['no peer', 4500, raw => raw.say('socket-signal-offer', { topic, data: [OFFER] })],
    ['an offer without one', 4500, raw => raw.say('socket-signal-offer', { ...to, data: [CANDIDATE] })],
    ['an offer of no list', 4500, raw => raw.say('socket-signal-offer', { ...to, data: OFFER })],
    [
      'an offer of a number',
      4500,
      raw => raw.say('socket-signal-offer', { ...to, data: [{ type: 'offer', sdp: 7 }] })
    ],
    [
      'a session of another size',
      4500,
      raw => raw.say('socket-signal-offer', { ...to, sessionId: randomBytes(8), data: [OFFER] })
    ],
    ['no data', 4500, raw => raw.websocket.send(encodeCall(9, 'socket-signal-join', null))]
  ]
  await control.watches(t, async () => {
    for (const [name, code, bytes] of ends) t.equal(await joined(bytes), code, name)
    for (const first of [
      '',
      '{"type":"hello"}',
      Buffer.alloc(10),
      encodeCall(1, 'toString', {}),
      encodeCall(1, '__proto__', {})
    ]) {
      const websocket = rawWebsocket(t, url, {}, '')
      await once(websocket, 'open')
      websocket.send(first)
      const [code] = await once(websocket, 'close')
      t.equal(code, 4500, `as a first message: ${JSON.stringify(String(first))}`)
    }
  })
  t.deepEqual(await friend.lookup(topic), [friend.id], 'a friend is alone again, and well')
  t.equal(server.signal.stats().connections, 3)
  await control.stop()
})

test('legacy hostile: an offer that nobody answers is given up, and frees its place', async t => {
  const { server, dial } = await serveDoor(t, { maxOffersFromOne: 2 })
  const topic = randomBytes(32)
  const [caller, callee] = [await dial(), await dial()]
  for (const raw of [caller, callee]) await raw.call('socket-signal-join', { topic })
  const offer = () => ({ topic, remoteId: callee.id, sessionId: randomBytes(32), data: [OFFER] })
  const numbers = [1, 2].map(() => caller.say('socket-signal-offer', offer()))
  const third = await caller.call('socket-signal-offer', offer())
  t.equal(Object(third.data).code, 'LIMIT_SESSIONS', 'a third one is refused meanwhile')
  await until(() => server.stats().offers === 0, 'both are given up')
  const stale = await callee.called('offer')
  callee.answer(stale.number, { data: [ANSWER] })
  const again = caller.say('socket-signal-offer', offer(), numbers[0])
  const live = [await callee.called('offer'), await callee.called('offer')].at(-1)
  callee.answer(live?.number ?? 0, { data: [{ type: 'answer', sdp: 'v=0\r\ns=live\r\n' }] })
  const isIt = (message: { kind: string; number: number }) =>
    message.kind === 'answer' && message.number === again
  await until(() => caller.received.some(isIt))
  const got = caller.received.filter(isIt)
  t.equal(got.length, 1, 'under the number that is used again comes one answer')
  t.equal(Object(got[0]?.data).data[0].sdp, 'v=0\r\ns=live\r\n', 'that of its last use')
})

test('legacy hostile: limits are told in words, and keep their topics bounded', async t => {
  const { server, topic, make } = await servePublished(t, { maxTopics: 2, joinBurst: 4, joinRate: 0.1 })
  const client = make(9)
  await client.join(topic)
  await client.join(randomBytes(32))
  t.equal((await rejection(client.join(randomBytes(32)))).code, 'LIMIT_TOPICS')
  await client.lookup(topic)
  t.equal((await rejection(client.lookup(topic))).code, 'RATE_LIMITED')
  t.equal(server.signal.stats().topics, 2)
})

test('legacy hostile: the gate of the server is asked for old clients as for all', async t => {
  const asked: string[] = []
  const { topic, make } = await servePublished(t, {
    authorize: ({ action, connection, proven }) => {
      asked.push(`${action} ${String(connection.data.door)} ${proven}`)
      return action !== 'lookup'
    }
  })
  const client = make(10)
  await client.join(topic)
  const error = await rejection(client.lookup(topic))
  t.equal(error.code, 'FORBIDDEN')
  t.equal(error.message, 'you may not lookup here')
  t.deepEqual(
    asked,
    ['hello', 'join', 'lookup'].map(action => `${action} socket-signal false`)
  )
})

test('legacy hostile: what a hook of the server gives in place of a list reaches old clients as it is', async t => {
  const hook = () => ({ queue: 3, room: ['a'] })
  const { topic, make } = await servePublished(t, { onJoin: hook, onLookup: () => 'nobody' })
  for (const client of [make(9), make(10)]) {
    t.deepEqual(await client.join(topic), hook(), 'an object')
    t.equal(await client.lookup(topic), 'nobody', 'or text')
  }
})

test('legacy hostile: floods are slowed down and ended, whatever they consist of', async t => {
  const { server, dial } = await serveDoor(t, { frameRate: 50, frameBurst: 50, rateGrace: 500 })
  const topic = randomBytes(32)
  const floods: { [name: string]: (raw: RawPublished) => void } = {
    pings: raw => raw.say('__ping__'),
    'unknown calls': raw => raw.say('nonsense'),
    'answers to nothing': raw => raw.answer(7, null),
    'signals that are none': raw =>
      raw.say('socket-signal-onsignal', {
        topic,
        remoteId: randomBytes(32),
        sessionId: randomBytes(32),
        data: []
      }),
    joins: raw => raw.say('socket-signal-join', { topic })
  }
  const control = await Control.start(t, server.url)
  await control.watches(t, async () => {
    for (const [name, say] of Object.entries(floods)) {
      const raw = await dial()
      await raw.call('socket-signal-join', { topic })
      const timer = setInterval(() => {
        for (let i = 0; i < 20 && raw.websocket.bufferedAmount < 100_000; i++) say(raw)
      }, 5)
      await until(() => raw.closed !== undefined, `a flood of ${name} is ended`, 15)
      clearInterval(timer)
      t.equal(raw.closed?.code, 4004, name)
    }
    const quiet = await dial()
    for (let i = 0; i < 500; i++) quiet.say('__ping__')
    t.equal(await quiet.end(), 4004, 'pings of one who never says who it is')
  })
  await control.stop()
})

test('legacy hostile: who is silent is kept while it answers pings, and no longer', async t => {
  const { server, dial, url } = await serveDoor(t, {}, 300)
  const silent = await dial()
  const dead = rawWebsocket(t, url, { autoPong: false }, '')
  await once(dead, 'open')
  const [code] = await once(dead, 'close')
  t.equal(code, 4008, 'who is not there is let go')
  t.equal(silent.closed, undefined, 'who is there is not')
  t.equal((await silent.call('socket-signal-join', { topic: randomBytes(32) })).failed, false, 'and may join')
  t.equal(server.stats().connections, 1)
})

test('legacy hostile: with tokens required the door is closed, unless it is opened', async t => {
  const tokens = { mode: 'required', keys: { secret: 'a secret of at least thirty-two bytes' } } as const
  const closed = await servePublished(t, { tokens })
  const refused = rawWebsocket(t, closed.url, {}, '')
  const [error] = await once(refused, 'error')
  t.match(String(error), /401/, 'no upgrade')
  const open = await servePublished(t, { tokens, legacy: 'open' })
  const client = open.make(9)
  t.deepEqual(await client.join(open.topic), [client.id], 'an old client comes in')
  t.equal((await rejection(open.make(11).open())).code, 'AUTH_REQUIRED', 'ours still needs a token')
  const shut = await servePublished(t, { legacy: 'closed' })
  const [other] = await once(rawWebsocket(t, shut.url, {}, ''), 'error')
  t.match(String(other), /400/, 'closed by its option')
  const optional = await servePublished(t, { tokens: { ...tokens, mode: 'optional' } })
  await optional.make(10).join(optional.topic)
  t.pass('where tokens are optional it is open')
})

test('legacy hostile: nothing of old clients is left in memory', async t => {
  const { server, url, topic } = await servePublished(t)
  for (let round = 0; round < 5; round++) {
    const raws = await Promise.all(Array.from({ length: 20 }, () => RawPublished.dial(t, url)))
    await Promise.all(raws.map(raw => raw.call('socket-signal-join', { topic })))
    const [first] = raws as [RawPublished]
    for (const raw of raws)
      raw.say('socket-signal-offer', { topic, remoteId: first.id, sessionId: randomBytes(32), data: [OFFER] })
    const early = rawWebsocket(t, url, {}, '')
    await once(early, 'open')
    early.send(encodeCall(1, '__ping__', {}))
    await until(() => server.signal.stats().offers > 0)
    for (const websocket of [early, ...raws.map(raw => raw.websocket)]) websocket.terminate()
    await until(() => server.signal.stats().sockets === 0 && server.signal.stats().topics === 0)
  }
  const isGone = async () => {
    await heap()
    return [PublishedClient, Requests, Calls, Guest].every(
      kind => queryObjects(kind, { format: 'count' }) === 0
    )
  }
  await until(isGone, 'no object of the door is left', 10)
  t.pass('of 100 clients')
})

/** A server with nothing but this door, which is impatient. */
async function serveDoor(t: Test, options: SocketSignalWebsocketServerOptions, firstTimeout = 5_000) {
  const gateway = createGateway([createPublishedDoor({ requestTimeout: 500 })], { firstTimeout })
  const server = await startServer(t, { ...options, gateway })
  return { server, url: server.url, dial: () => RawPublished.dial(t, server.url) }
}

function deep(): Uint8Array {
  const json = `{"data":${'['.repeat(10_000)}${']'.repeat(10_000)}}`
  return withJson(length => encodeCall(9, 'socket-signal-join', 'x'.repeat(length)), json)
}
