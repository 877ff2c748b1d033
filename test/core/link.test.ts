import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient } from 'socket-signal-memory'
import type { Challenge, Frame } from '../../packages/core/src/frame.ts'
import { bytes } from '../tools/bytes.ts'
import { played, playedOpen, WELCOME } from '../tools/played.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

test('link: a welcome whose body is no JSON ends the socket as BAD_FRAME, and throws nowhere', async t => {
  for (const body of ['', 'no JSON', '['.repeat(40), '\xff']) {
    const { client, server } = played(t)
    const opening = rejection(client.open())
    await server.next('hello')
    server.send({ ...WELCOME, body: Buffer.from(body, 'latin1') })
    await server.settled()
    t.equal(server.closed?.code, 4500, JSON.stringify(body))
    t.equal(((await opening) as { code?: string }).code, 'BAD_FRAME')
  }
})

test("link: each start of a client counts its requests from somewhere else, lest it gets an earlier one's answers", async t => {
  const ids: number[] = []
  for (let start = 0; start < 3; start++) {
    const { client, server } = played(t)
    void rejection(client.open())
    ids.push((await server.next('hello')).requestId)
  }
  t.equal(new Set(ids).size, 3, `${ids}`)
})

test('link: a server that claims to take next to nothing stops requests, not the process', async t => {
  const { client, server } = played(t)
  const opening = client.open()
  await server.next('hello')
  server.send({ ...WELCOME, maxPayload: 0 })
  await opening
  server.send({ kind: 'ping', requestId: 5, received: 0 })
  const isPong = ({ kind, requestId }: Frame) => kind === 'pong' && requestId === 5
  await server.settled(() => server.received.some(isPong))
  t.ok(server.received.some(isPong), 'a pong is always sent')
  const large = client.connect(randomBytes(32), randomBytes(32), { metadata: { large: 'x'.repeat(2000) } })
  t.equal((await rejection(large.ready())).code, 'TOO_LARGE')
  const peer = client.connect(randomBytes(32), randomBytes(32))
  const ended = rejection(peer.ready())
  await server.next('offer')
  peer.destroy()
  t.equal((await ended).code, 'CLOSED')
  t.equal((await server.next('cancel')).requestId, 0, 'and so is a cancel')
})

test('link: a kind that is not known is answered when it asks for an answer, else ignored', async t => {
  const { client, server } = await playedOpen(t)
  server.bytes(bytes('7f00000000000102'))
  server.bytes(bytes('7f00000000090102'))
  const { code, requestId } = await server.next('error')
  t.equal(`${code} ${requestId}`, 'UNSUPPORTED 9')
  t.equal(server.received.filter(({ kind }) => kind === 'error').length, 1, 'nothing for the first')
  t.ok(client.connected, 'the socket stands')
})

test('link: goodbye closes with its number, or with that of INTERNAL where no socket can be closed with it', async t => {
  for (const [told, closed] of [
    [1000, 1000],
    [4000, 4000],
    [4506, 4506],
    [3000, 3000],
    [0, 4007],
    [999, 4007],
    [1001, 4007],
    [1005, 4007],
    [1006, 4007],
    [5000, 4007],
    [65535, 4007]
  ] as const) {
    const { server } = await playedOpen(t)
    server.send({ kind: 'goodbye', requestId: 0, code: told, retryAfterMs: 0, reason: 'bye' })
    await server.settled()
    t.equal(server.closed?.code, closed, String(told))
  }
})

test('link: a second challenge and a second welcome end the socket, so does a welcome before the challenge', async t => {
  const again: Challenge = { kind: 'challenge', requestId: 0, versions: [1], nonce: new Uint8Array(32) }
  for (const frame of [again, WELCOME]) {
    const { server } = await playedOpen(t)
    server.send(frame)
    await server.settled()
    t.equal(server.closed?.code, 4500, `a second ${frame.kind}`)
  }
  const { client, server } = played(t, {}, WELCOME)
  t.equal((await rejection(client.open())).code, 'BAD_FRAME')
  t.equal(server.received.length, 0, 'no hello was said')
})

test('link: a server that speaks other versions only is left for good, one that speaks more is not', async t => {
  const nonce = new Uint8Array(32)
  const newer = played(t, {}, { kind: 'challenge', requestId: 0, versions: [2, 3], nonce })
  const error = await rejection(newer.client.open())
  t.equal(error.code, 'PROTOCOL_VERSION')
  t.equal(error.retryable, false)
  t.equal(newer.server.closed?.code, 4501)
  const both = played(t, {}, { kind: 'challenge', requestId: 0, versions: [2, 1], nonce })
  both.client.open().catch(() => {})
  t.equal((await both.server.next('hello')).version, 1)
})

test('link: a token that no hello can carry is a TypeError', async t => {
  const server = { dial: () => t.fail('dialed') as never }
  const longest = 'x'.repeat(8192)
  t.doesNotThrow(() => new SocketSignalMemoryClient(server, { token: longest }))
  t.throws(() => new SocketSignalMemoryClient(server, { token: `${longest}x` }), /TypeError: token.*8192/)
  t.throws(
    () => new SocketSignalMemoryClient(server, { token: 'ü'.repeat(4097) }),
    /TypeError/,
    'bytes count'
  )
  const { client } = await playedOpen(t)
  t.match((await rejection(client.updateToken(`${longest}x`))).name, /TypeError/)
  await until(() => client.connected)
})
