import { once } from 'node:events'
import { LIMITS, SUBPROTOCOL, topicFromName } from 'socket-signal'
import { SocketSignalWebsocketServer } from 'socket-signal-websocket'
import type { Test } from 'tape'
import type { WebSocket } from 'ws'
import { type WebSocketLike, WebsocketSocket } from '../../packages/websocket/src/socket.ts'
import { RawClient } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { next, rejection, until } from '../tools/wait.ts'
import {
  closeOf,
  get,
  makeClient,
  rawSocket,
  rawWebsocket,
  startServer,
  upgrade
} from '../tools/websocket.ts'

const PAGE = 'https://good.example'

test('websocket server: upgrades that are not for it are refused with a sentence', async t => {
  const { url } = await startServer(t, { path: '/signal' })
  const at = url.replace('/signal', '')
  t.equal((await get(`${at}/other`, upgrade())).status, 404)
  t.equal((await get(`${at}/signals`, upgrade())).status, 404)
  const foreign = await get(url, upgrade(''))
  t.equal(foreign.status, 400)
  t.match(foreign.body, /subprotocol socket-signal/)
  t.equal((await get(url, upgrade('graphql-ws, socket-signal-2'))).status, 400)
  t.equal((await get(url, { ...upgrade(), Upgrade: 'h2c' })).status, 426)
  t.equal((await get(url, { ...upgrade(), 'Sec-WebSocket-Version': '7' })).status, 400)
  t.equal((await get(url, { ...upgrade(), 'Sec-WebSocket-Key': 'x' })).status, 400)
  const client = makeClient(t, `${url}?query=1`)
  await client.open()
  t.ok(client.connected, 'the path with a query is the path')
})

test('websocket server: a subclass may open its door to other systems', async t => {
  class Doors extends SocketSignalWebsocketServer {
    protected override _onForeignUpgrade(
      ...[, socket]: Parameters<SocketSignalWebsocketServer['_onForeignUpgrade']>
    ) {
      socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n')
    }
  }
  const server = new Doors({ port: 0 })
  t.teardown(() => server.close())
  await server.open()
  t.equal((await get(server.url, upgrade('mqtt'))).status, 418)
})

test('websocket server: only pages of allowed origins connect, others are told by a close code', async t => {
  const { url } = await startServer(t, { origins: [PAGE] })
  const speaks = async (origin?: string) => {
    const websocket = rawWebsocket(t, url, origin === undefined ? {} : { origin })
    return Promise.race([
      closeOf(websocket).then(([code]) => code),
      once(websocket, 'message').then(() => 'speaks')
    ])
  }
  t.equal(await speaks(PAGE), 'speaks')
  t.equal(await speaks(), 'speaks', 'clients that are no page have no origin')
  for (const origin of [
    `${PAGE}.evil.test`,
    'https://evil.test',
    `${PAGE}:8443`,
    'http://good.example',
    'null'
  ]) {
    t.equal(await speaks(origin), 4504, origin)
  }
  t.equal((await get(url, { ...upgrade(''), Origin: 'https://evil.test' })).status, 403)
})

test('websocket server: full, it says so and when to come back', async t => {
  const server = await startServer(t, { maxConnections: 1 })
  const client = makeClient(t, server.url)
  await client.open()
  const { status, headers } = await get(server.url, upgrade())
  t.equal(status, 503)
  t.ok(Number(headers['retry-after']) > 0)
  const other = makeClient(t, server.url)
  const failed = next(other, 'connect-error')
  const opening = other.open()
  t.ok((await failed)[1], 'a client tries again')
  await client.close()
  await opening
  t.ok(other.connected)
})

test('websocket server: of one address so many, where that is bounded', async t => {
  const server = await startServer(t, { maxPerAddress: 2, trustProxy: true, origins: [PAGE] })
  const statusOf = async (address: string, headers = {}) =>
    (await get(server.url, { ...upgrade(), 'X-Forwarded-For': address, ...headers })).status
  const enter = async (address: string) => {
    const websocket = rawWebsocket(t, server.url, { headers: { 'X-Forwarded-For': address } })
    await once(websocket, 'open')
    return websocket
  }
  const full = [
    ['203.0.113.7', '203.0.113.7', '::ffff:203.0.113.7', '203.0.113.8'],
    ['2001:db8::1', '2001:db8:0:0:ff::2', '2001:DB8::3', '2001:db8:0:1::1'],
    ['::1', '0:0:0:0:0:0:0:2', '::3', '1::'],
    ['x'.repeat(64), 'x'.repeat(5_000), 'x'.repeat(70), 'y']
  ] as const
  for (const [first, second, third, other] of full) {
    const [one] = [await enter(first), await enter(second)]
    const refused = await get(server.url, { ...upgrade(), 'X-Forwarded-For': third })
    t.deepEqual([refused.status, refused.headers['retry-after']], [429, '5'], third.slice(0, 40))
    await enter(other)
    one.terminate()
    await until(
      async () => (await statusOf(third, { 'Sec-WebSocket-Key': 'x' })) === 400,
      'a place is free again'
    )
    await enter(third)
  }
  const foreign = { 'Sec-WebSocket-Protocol': 'other', Origin: 'https://evil.example' }
  for (let at = 0; at < 5; at++)
    t.equal(await statusOf('203.0.113.9', foreign), 403, 'who is refused for something else keeps no place')
})

test('websocket server: with public URLs, a hello for another server is refused', async t => {
  const publicUrls = ['https://signal.example.org', 'ws://two.example:81/path']
  const server = await startServer(t, { publicUrls })
  const error = await rejection(makeClient(t, server.url).open())
  t.equal(error.code, 'BAD_PROOF')
  t.match(error.message, /4509.*another server/)
  for (const audience of ['wss://signal.example.org', 'ws://two.example:81']) {
    const client = makeClient(t, server.url, { audience })
    await client.open()
    t.ok(client.connected, audience)
  }
})

test('websocket server: without public URLs it takes loopback, and the host that was asked for', async t => {
  const server = await startServer(t)
  const answer = async (audience: string, Host: string) => {
    const raw = await rawClient(t, server.url, { headers: { Host } })
    await raw.hello({ audience })
    return raw.closed?.code ?? 'welcome'
  }
  const name = 'signal.test:99'
  for (const audience of [
    'ws://localhost',
    'wss://127.0.0.1:8443',
    'ws://[::1]:5',
    'ws://signal.test:99',
    `wss://${name}`
  ]) {
    t.equal(await answer(audience, name), 'welcome', audience)
  }
  t.equal(
    await answer('wss://signal.test', 'signal.test:443'),
    'welcome',
    'a default port goes without saying'
  )
  const wrong = [
    'ws://signal.test',
    'ws://evil.test',
    'ws://localhost.evil.test',
    'http://localhost',
    'local',
    ''
  ]
  for (const audience of wrong) t.equal(await answer(audience, name), 4509, audience)
})

test('websocket server: knows where a client is, and believes a proxy only when told to', async t => {
  const headers = { 'X-Forwarded-For': '203.0.113.7, 10.0.0.1', 'X-Forwarded-Host': 'public.test' }
  for (const [trustProxy, address] of [
    [false, '127.0.0.1'],
    [true, '203.0.113.7']
  ] as const) {
    const server = await startServer(t, { trustProxy })
    const connected = next(server, 'connection')
    const raw = await rawClient(t, server.url, { headers })
    await raw.hello({ audience: trustProxy ? 'wss://public.test' : 'ws://localhost' })
    t.equal((await connected)[0].data.address, address)
  }
})

test('websocket server: what one socket breaks closes that socket and no other', async t => {
  const server = await startServer(t)
  const topic = await topicFromName('control')
  const control = makeClient(t, server.url)
  await control.join(topic)
  const lost: unknown[] = []
  control.on('disconnected', () => lost.push('control'))
  const breaks = async (act: (websocket: WebSocket) => void) => {
    const websocket = rawWebsocket(t, server.url)
    await once(websocket, 'open')
    act(websocket)
    const [code] = await closeOf(websocket)
    return code
  }
  t.equal(await breaks(websocket => websocket.send('text')), 1003)
  t.equal(
    await breaks(websocket => websocket.send(Buffer.alloc(LIMITS.maxPayload))),
    4500,
    'garbage of the largest size'
  )
  t.equal(
    await breaks(websocket => websocket.send(Buffer.alloc(LIMITS.maxPayload + 1))),
    1009,
    'one byte more'
  )
  const fragments = (count: number) => (websocket: WebSocket) => {
    for (let i = 1; i <= count; i++) websocket.send(Buffer.of(0xff), { fin: i === count })
  }
  t.equal(await breaks(fragments(16)), 4500, 'garbage in 16 fragments')
  t.equal(await breaks(fragments(17)), 1008, 'one fragment more')
  await until(() => server.stats().sockets === 1, 'the server forgets them')
  t.deepEqual(await control.join(topic), [])
  t.deepEqual(lost, [])
})

test('websocket server: bytes that are no WebSocket, and sockets that die at any time, harm nobody', async t => {
  const server = await startServer(t)
  const client = makeClient(t, server.url)
  await client.open()
  const garbage = rawSocket(t, server.url)
  garbage.write('\x16\x03\x01 no http\r\n\r\n')
  t.match(String((await once(garbage, 'data'))[0]), /^HTTP\/1\.1 400/)
  const head = Object.entries(upgrade()).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = `GET / HTTP/1.1\r\nHost: localhost\r\n${head.join('')}\r\n`
  const unmasked = rawSocket(t, server.url)
  unmasked.write(request)
  await once(unmasked, 'data')
  unmasked.write(Buffer.from('ffffffffffffffffffff', 'hex'))
  const chunks: Buffer[] = []
  for await (const chunk of unmasked) chunks.push(chunk)
  t.ok(Buffer.concat(chunks).includes(Buffer.from('880203ea', 'hex')), 'closed with 1002')
  for (const ask of [
    request,
    request.slice(0, 40),
    request.replace(SUBPROTOCOL, 'x'),
    request.replace('/ ', '/x ')
  ]) {
    const dying = rawSocket(t, server.url)
    await once(dying, 'connect')
    dying.write(ask, () => dying.resetAndDestroy())
    await once(dying, 'close')
  }
  const early = rawSocket(t, server.url).resume()
  early.end(request)
  await once(early, 'close')
  await until(() => server.stats().sockets === 1)
  t.ok(client.connected)
})

/** A client that keeps no rules, over WebSocket. */
async function rawClient(
  t: Test,
  url: string,
  options: { headers: { [name: string]: string } }
): Promise<RawClient> {
  const websocket = rawWebsocket(t, url, options)
  // At once when it opens: the challenge may come with the answer to the upgrade.
  return new Promise(resolve => {
    const socket = () => new WebsocketSocket(websocket as unknown as WebSocketLike)
    websocket.on('open', () => resolve(new RawClient(socket())))
  })
}
