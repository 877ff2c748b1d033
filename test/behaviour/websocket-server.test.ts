import { once } from 'node:events'
import { createServer as createHttp, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { SocketSignalWebsocketServer } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { selfSigned } from '../tools/cert.ts'
import { test } from '../tools/test.ts'
import { next, rejection } from '../tools/wait.ts'
import { get, makeClient, rawSocket, rawWebsocket, startServer, upgrade } from '../tools/websocket.ts'

test('websocket server: a wrong option is a TypeError at once', async t => {
  const wrong = [
    { path: 'signal' },
    { origins: ['good.example'] },
    { origins: ['https://good.example/'] },
    { publicUrls: 'signal.example' },
    { publicUrls: ['wss://fine', ''] },
    { maxPayload: -1 },
    { port: 65_536 },
    { path: '/signal?x' },
    { maxPerAddress: 0 },
    { maxPerAddress: '5' as never },
    { port: 'http' as never },
    { identity: 'require' as never }
  ]
  for (const options of wrong) {
    t.throws(() => new SocketSignalWebsocketServer(options), TypeError, JSON.stringify(options))
  }
  const named = [
    { origins: 5 },
    { origins: 'https://good.example' },
    { gateway: 5 },
    { server: {} },
    { host: 5 },
    { host: '' },
    { cookie: 5 },
    { authorizeUpgrade: false },
    { trustProxy: 'false' },
    { history: 5 },
    { clock: Date }
  ]
  for (const options of named) {
    const wanted = new RegExp(`^TypeError: ${Object.keys(options)} must be .+, got .+`)
    t.throws(() => new SocketSignalWebsocketServer(options as never), wanted, JSON.stringify(options))
  }
})

test('websocket server: listens at open, on this machine alone, and frees its port at close', async t => {
  const server = new SocketSignalWebsocketServer({ port: 0 })
  t.equal(server.address, undefined)
  t.throws(() => server.url, /before open/)
  await Promise.all([server.open(), server.open()])
  const { address, port } = server.address ?? {}
  t.equal(address, '127.0.0.1')
  t.equal(server.url, `ws://127.0.0.1:${port}`)
  const taken = new SocketSignalWebsocketServer({ port: port as number })
  t.equal((await rejection(taken.open())).code, 'EADDRINUSE')
  await Promise.all([server.close(), server.close()])
  await taken.open()
  t.equal(taken.address?.port, port, 'an opening that failed may be tried again')
  await taken.close()
})

test('websocket server: plain HTTP is told that it runs', async t => {
  const { url } = await startServer(t)
  const { status, headers, body } = await get(url)
  t.deepEqual(
    [status, headers['content-type'], body],
    [200, 'text/plain; charset=utf-8', 'Signal running OK\n']
  )
  t.deepEqual((await get(url, {}, 'HEAD')).body, '')
  const post = await get(url, {}, 'POST')
  t.deepEqual([post.status, post.headers.allow], [405, 'GET, HEAD'])
})

test('websocket server: does not compress, whoever asks', async t => {
  const server = await startServer(t)
  const websocket = rawWebsocket(t, server.url, { perMessageDeflate: true })
  await once(websocket, 'open')
  t.equal(websocket.extensions, '')
})

test('websocket server: closes within a second or so, although a client never says goodbye', async t => {
  const server = await startServer(t)
  const deaf = rawWebsocket(t, server.url)
  const { url } = server
  const left = rawSocket(t, url)
  left.write('GET / HTTP/1.1\r\nHost: localhost\r\n')
  await once(deaf, 'open')
  deaf.pause()
  const client = makeClient(t, url)
  await client.open()
  const started = performance.now()
  await server.close()
  t.ok(performance.now() - started < 3000)
  t.equal(server.stats().sockets, 0)
  t.equal((await rejection(get(url))).code, 'ECONNREFUSED')
})

test('websocket server: attached, it leaves the server that it was given as it was', async t => {
  const http = await listening(
    t,
    createHttp((_request, response) => void response.end('mine'))
  )
  const server = await attached(t, http, { path: '/signal' })
  const client = makeClient(t, server.url)
  await client.open()
  t.equal((await get(server.url.replace('/signal', ''))).body, 'mine')
  t.equal(http.listenerCount('upgrade'), 1)
  const down = next(client, 'disconnected')
  await server.close()
  t.equal((await down)[1].code, 4000)
  t.equal(http.listenerCount('upgrade'), 0)
  t.ok(http.listening)
  t.equal((await get(`http://127.0.0.1:${portOf(http)}`)).body, 'mine')
})

test('websocket server: attached to https, clients come by wss', async t => {
  const https = await listening(t, createHttps(selfSigned()))
  const server = await attached(t, https as Server)
  t.match(server.url, /^wss:/)
  t.equal((await rejection(makeClient(t, server.url, { reconnect: false }).open())).code, 'CONNECT_FAILED')
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.teardown(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  const client = makeClient(t, server.url)
  await client.open()
  t.ok(client.connected)
})

test('websocket server: several share one HTTP server, and what none of them takes is refused', async t => {
  const http = await listening(t, createHttp())
  const one = await attached(t, http, { path: '/one' })
  const two = await attached(t, http, { path: '/two' })
  const theirs: string[] = []
  http.on('upgrade', (request, socket) => {
    if (request.url !== '/theirs') return
    theirs.push(request.url)
    socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\n\r\n')
  })
  await Promise.all([makeClient(t, one.url).open(), makeClient(t, two.url).open()])
  t.deepEqual([one.connections.size, two.connections.size], [1, 1])
  const at = `http://127.0.0.1:${portOf(http)}`
  t.equal((await get(`${at}/theirs`, upgrade('other'))).status, 418)
  t.deepEqual(theirs, ['/theirs'])
  t.equal((await get(`${at}/nobody`, upgrade())).status, 404, 'after two seconds in which nobody answered')
})

async function listening(t: Test, http: Server): Promise<Server> {
  http.listen(0, '127.0.0.1')
  t.teardown(() => {
    http.close()
    http.closeAllConnections()
  })
  await once(http, 'listening')
  return http
}

async function attached(t: Test, server: Server, options = {}): Promise<SocketSignalWebsocketServer> {
  const signal = new SocketSignalWebsocketServer({ server, ...options })
  t.teardown(() => signal.close())
  await signal.open()
  return signal
}

function portOf(http: Server): number {
  return (http.address() as { port: number }).port
}
