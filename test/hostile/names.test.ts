import { randomBytes } from 'node:crypto'
import { topicFromName } from 'socket-signal'
import type { Test } from 'tape'
import { run } from '../tools/command.ts'
import { Control } from '../tools/control.ts'
import { rawHello, rawJoin, rawKeys, rawLookup } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'
import { admitted, get, makeClient, rawClient, startServer } from '../tools/websocket.ts'
import { Wire } from '../tools/wire.ts'

/** 19 KB that parse, and kill whoever stringifies them. */
const DEEP = `${'['.repeat(10_000)}${']'.repeat(9_000)}`
const SHUT = `${'['.repeat(9_500)}${']'.repeat(9_500)}`
const NAMES = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  'valueOf',
  '__defineGetter__'
]

test('hostile names: JSON that is nested 10,000 deep is refused wherever it stands, and harms nobody', async t => {
  const told: string[] = []
  const server = await startServer(t, {
    onOffer: (_rpc, { metadata }) => void told.push(JSON.stringify(metadata)),
    onJoin: (_rpc, { info }) => void told.push(`${info.length}`)
  })
  const control = await Control.start(t, server.url)
  const keys = await rawKeys()
  const { raw } = await admitted(t, server.url, undefined, keys)
  const topic = randomBytes(32)
  const victim = makeClient(t, server.url)
  const seen = record(victim, 'dropped', 'message', 'peer-error')
  await victim.join(topic, { watch: true })
  await control.watches(t, async () => {
    for (const [at, body] of [DEEP, SHUT, `{"metadata":${SHUT}}`].entries()) {
      const requestId = 10 + 10 * at
      raw.send({ kind: 'moderate', requestId, flags: 1, topic, id: victim.id, body: Buffer.from(body) })
      const moderate = await raw.next('error', frame => frame.requestId === requestId)
      t.equal(moderate.code, 'INVALID_ARGUMENT', `moderate ${at}`)
      await raw.sealed('offer', keys, body, { address: victim.id, topic, requestId: requestId + 1 })
      const offer = await raw.next('error', frame => frame.requestId === requestId + 1)
      t.equal(offer.code, 'INVALID_ARGUMENT', `a hook that reads an offer ${at}`)
    }
    const info = Buffer.from('['.repeat(1024))
    await raw.join(topic, { requestId: 3, info })
    await raw.sealed('message', keys, SHUT.slice(2_000, -2_000), { topic, requestId: 4 })
    await until(() => seen.some(({ event }) => event === 'dropped'), 'the message is dropped')
    const [member] = await makeClient(t, server.url).lookup(topic, { details: true, after: Buffer.alloc(32) })
    t.notOk(member && 'info' in member && member.info, 'info that can not be read is none')
  })
  t.same(
    seen.map(({ event, args }) => [event, args[0].error?.code]),
    [['dropped', 'INVALID_ARGUMENT']]
  )
  t.ok(victim.connected)
  t.notOk(
    told.some(text => text.includes('[[')),
    'no hook was given it'
  )
})

test('hostile names: a peer that is offered JSON nested 10,000 deep refuses it', async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const keys = await rawKeys()
  const { raw } = await admitted(t, server.url, undefined, keys)
  const [topic, session] = [randomBytes(32), randomBytes(32)]
  const victim = makeClient(t, server.url)
  victim.onOffer(() => t.fail('the gate was not to be asked'))
  await victim.join(topic)
  await control.watches(t, async () => {
    const offer = await raw.sealed('offer', keys, SHUT, { address: victim.id, topic, session, requestId: 5 })
    const { body } = await raw.next('refusal')
    t.equal(JSON.parse(Buffer.from(body).toString()).code, 'INVALID_ARGUMENT', 'an offer')
    t.equal(offer.requestId, 5)
  })
  t.equal(victim.peers.length, 0)
})

test('hostile names: words of the prototype chain are bytes like any others, or refused', async t => {
  const before = Object.getOwnPropertyNames(Object.prototype).join()
  const server = await startServer(t, {
    onLookup: (_rpc, { topic }) => {
      const code = Buffer.from(topic).toString().replace(/\0+$/, '')
      if (NAMES.includes(code)) throw Object.assign(new Error('no'), { code })
    }
  })
  const control = await Control.start(t, server.url)
  await control.watches(t, async () => {
    for (const name of NAMES) await speak(t, server.url, name)
  })
  await control.stop()
  await until(() => server.stats().sockets === 0, 'all have gone')
  const { topics, mailboxes, watches, offers } = server.stats()
  t.same({ topics, mailboxes, watches, offers }, { topics: 0, mailboxes: 0, watches: 0, offers: 0 })
  t.equal(Object.getOwnPropertyNames(Object.prototype).join(), before, 'no prototype was touched')
  t.equal(({} as { admin?: boolean }).admin, undefined)
})

/** Says a name in every place where there is room for one. */
async function speak(t: Test, url: string, name: string): Promise<void> {
  const id = Buffer.concat([Buffer.from(name), Buffer.alloc(32)]).subarray(0, 32)
  const { wire, raw } = await admitted(t, url, id)
  const body = Buffer.from(`{"${name}":{"admin":true},"list":[{"${name}":1}]}`)
  raw.send(rawJoin(id, { watch: true, info: body }))
  raw.send({ kind: 'watch', requestId: 3, topic: id, id, watch: true })
  raw.send({ kind: 'moderate', requestId: 4, flags: 1, topic: id, id, body })
  raw.send(rawLookup(id, { requestId: 5, details: true }))
  raw.addressed('offer', { address: Buffer.alloc(32, name), topic: id, session: id, body }, 6)
  raw.addressed('message', { topic: id, session: id, body }, 7)
  raw.send({ kind: 'token', requestId: 8, token: name })
  raw.send({ kind: 'error', requestId: 9, code: 'A', message: name, retryable: false, retryAfterMs: 0 })
  const answer = (requestId: number) => raw.next('error', frame => frame.requestId === requestId)
  t.equal((await answer(4)).code, 'FORBIDDEN', `${name}: nobody moderates here`)
  t.equal((await answer(5)).code, 'FORBIDDEN', `${name}: a hook's odd code is not sent`)
  t.equal((await answer(6)).code, 'PEER_NOT_FOUND', `${name}: nobody has it as an id`)
  for (const requestId of [2, 3, 7, 8]) await raw.next('result', frame => frame.requestId === requestId)
  t.notOk(raw.closed, `${name}: topic, id, info, token and words`)
  wire.send(
    Buffer.concat([Buffer.from('080000000009000000000009', 'hex'), Buffer.from('__proto__'), Buffer.alloc(2)])
  )
  await raw.settled()
  t.equal(raw.closed?.code, 4500, `${name}: no code of an error`)

  const other = await rawClient(t, url)
  await other.raw.next('challenge')
  other.raw.send(rawHello({ audience: name }))
  await other.raw.settled()
  t.equal(other.raw.closed?.code, 4509, `${name}: no audience`)
  const refusal = await Wire.dial(url, { 'Sec-WebSocket-Protocol': name }).catch(error => error.message)
  t.match(String(refusal), /^HTTP\/1.1 400/, `${name}: no subprotocol`)
  t.equal((await get(`${url}/${name}?${name}=1`, { [name]: name, Cookie: `${name}=1` })).status, 200)
  t.equal((await topicFromName(name)).length, 32)
}

test('hostile names: they do no harm where prototypes are frozen and __proto__ throws', async t => {
  const flags = [
    '--disable-proto=throw',
    '--frozen-intrinsics',
    '--unhandled-rejections=strict',
    '--no-warnings'
  ]
  const { code, stdout, stderr } = await run(t, [process.execPath, ...flags, 'test/tools/frozen.mjs'])
  t.equal(code, 0, stderr || 'ended well')
  const { told, admin } = JSON.parse(stdout || '{}')
  t.same(told, Array(10).fill([true, true, 'PEER_NOT_FOUND']))
  t.equal(admin, 'nobody')
})

test('hostile names: one’s own id is no peer', async t => {
  const server = await startServer(t)
  const { raw } = await admitted(t, server.url)
  const topic = randomBytes(32)
  await raw.join(topic)
  for (const [requestId, kind] of [
    [3, 'offer'],
    [4, 'remoteConnect']
  ] as const) {
    raw.addressed(kind, { address: raw.id, topic }, requestId)
    const { code } = await raw.next('error', frame => frame.requestId === requestId)
    t.equal(code, 'INVALID_ARGUMENT', kind)
  }
  t.equal(server.stats().offers, 0)
  const client = makeClient(t, server.url)
  await client.open()
  t.throws(() => client.connect(topic, client.id), TypeError)
  t.throws(() => client.connect(topic, Buffer.alloc(32)), TypeError)
})

test('hostile names: the client takes ids and topics of 32 bytes, and no other length from 0 to 64', async t => {
  const server = await startServer(t)
  const client = makeClient(t, server.url)
  await client.open()
  const fit = randomBytes(32)
  const calls: [string, (bytes: Uint8Array) => unknown][] = [
    ['join', bytes => client.join(bytes)],
    ['leave', bytes => client.leave(bytes)],
    ['lookup', bytes => client.lookup(bytes)],
    ['lookup after', bytes => client.lookup(fit, { after: bytes })],
    ['connect to', bytes => client.connect(fit, bytes)],
    ['connect in', bytes => client.connect(bytes, fit)],
    ['remoteConnect', bytes => client.remoteConnect(fit, bytes)],
    ['publish in', bytes => client.publish(bytes, 1)],
    ['publish to', bytes => client.publish(fit, 1, { to: bytes })],
    ['watch in', bytes => client.watch(bytes, fit)],
    ['watch', bytes => client.watch(fit, bytes)],
    ['moderate', bytes => client.moderate(fit, bytes, {})]
  ]
  for (const [name, call] of calls) {
    const taken: number[] = []
    for (const size of [...Array(65).keys(), 1_000_000].filter(size => size !== 32)) {
      const outcome = await (async () => call(Buffer.alloc(size, 1)))().catch(error => error)
      if (!(outcome instanceof TypeError)) taken.push(size)
    }
    t.same(taken, [], `${name}: a TypeError for every other length`)
  }
  t.same(server.stats().routed, 0, 'nothing of it was sent')
})
