import type { IncomingMessage } from 'node:http'
import { SignalError } from 'socket-signal'
import {
  SocketSignalWebsocketServer,
  type SocketSignalWebsocketServerOptions,
  type Upgrade
} from 'socket-signal-websocket'
import type { Test } from 'tape'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { get, makeClient, rawSocket, upgrade } from '../tools/websocket.ts'

const PAGE = 'https://app.example'

/** Lets others in, and says so with 418. */
class Door extends SocketSignalWebsocketServer {
  protected override _onForeignUpgrade(
    ...[, socket]: Parameters<SocketSignalWebsocketServer['_onForeignUpgrade']>
  ): void {
    socket.end('HTTP/1.1 418 Teapot\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  }
}

test('token upgrade: 401 without a token or with a bad one, 403 when it does not grant it', async t => {
  const asked: string[] = []
  const server = await open(t, {
    authorizeUpgrade: ({ token, path }) => {
      asked.push(`${path} ${token}`)
      if (!token) throw new SignalError('AUTH_REQUIRED', 'no')
      if (token === 'old') throw new SignalError('TOKEN_EXPIRED', 'no')
      if (token === 'bad') throw new SignalError('TOKEN_INVALID', 'no')
      if (token === 'crash') throw new Error('secret words')
      if (token === 'busy') throw new SignalError('INTERNAL', 'no')
      return path === '/lobby' || (1 as never)
    }
  })
  const statusOf = async (headers: object, path = '/lobby') =>
    (await get(`${server.url}${path}?token=never`, { ...upgrade(''), ...headers })).status
  const bearer = (token: string) => ({ Authorization: `Bearer ${token}` })
  t.equal(await statusOf({}), 401)
  t.equal(await statusOf({ Authorization: 'Basic abc' }), 401)
  t.equal(await statusOf({ Cookie: 'token=good' }), 401, 'no cookie was configured')
  t.equal(await statusOf(bearer('old')), 401)
  t.equal(await statusOf(bearer('bad')), 401)
  t.equal(await statusOf(bearer('crash')), 403)
  t.equal(await statusOf(bearer('busy')), 503)
  t.equal(await statusOf(bearer('good'), '/office'), 403, 'yes is true alone')
  t.equal(await statusOf(bearer('good')), 418)
  t.equal(asked.at(-1), '/lobby good', 'a token in the URL is not looked at')
  const client = makeClient(t, server.url)
  await client.open()
  t.ok(client.connected, 'our own clients are asked in hello')
})

test('token upgrade: a cookie counts for the page’s own host and for origins alone', async t => {
  const authorizeUpgrade = ({ token }: Upgrade) => token === 'good=1'
  const server = await open(t, { authorizeUpgrade, cookie: 'sid', origins: [PAGE] })
  const statusOf = async (Cookie: string, Origin?: string) =>
    (await get(server.url, { ...upgrade(''), Cookie, ...(Origin && { Origin }) })).status
  t.equal(await statusOf('a=b; sid=good=1; c'), 418)
  t.equal(await statusOf('xsid=good=1'), 403)
  t.equal(await statusOf('sid=good=1', PAGE), 418)
  t.equal(await statusOf('sid=good=1', `${PAGE}.evil.test`), 403)
  const open2 = await open(t, { authorizeUpgrade, cookie: 'sid' })
  const at = (Origin: string) => get(open2.url, { ...upgrade(''), Cookie: 'sid=good=1', Origin })
  t.equal((await at(open2.url.replace('ws', 'http'))).status, 418, 'its own host')
  t.equal((await at(PAGE)).status, 403, 'without origins no other host')
  t.equal((await at('null')).status, 403)
})

test('token upgrade: 400 when it is no WebSocket request, 503 when full or when nobody answers', async t => {
  let asked = 0
  const server = await open(t, {
    authorizeUpgrade: () => {
      asked++
      return new Promise<boolean>(() => {})
    },
    helloTimeout: 300,
    maxConnections: 2
  })
  const wrong: { [name: string]: string }[] = [
    { Upgrade: 'h2c' },
    { 'Sec-WebSocket-Version': '8' },
    { 'Sec-WebSocket-Key': 'x' }
  ]
  for (const change of wrong)
    t.equal((await get(server.url, { ...upgrade(''), ...change })).status, 400, JSON.stringify(change))
  t.equal((await get(server.url, upgrade(''), 'POST')).status, 400)
  t.equal(asked, 0)
  const hanging = [get(server.url, upgrade('')), get(server.url, upgrade(''))]
  const gone = rawSocket(t, server.url)
  const third = await get(server.url, upgrade(''))
  t.equal(third.status, 503, 'those that wait have a place')
  t.ok(third.headers['retry-after'])
  for (const { status } of await Promise.all(hanging)) t.equal(status, 503)
  t.equal(asked, 2)
  const lines = Object.entries(upgrade('')).map(([name, value]) => `${name}: ${value}\r\n`)
  gone.write(`GET / HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`)
  gone.end()
  const client = makeClient(t, server.url)
  await client.open()
  t.ok(client.connected, 'the places are free again')
})

test('token upgrade: a server that closes waits for no answer, and lets nobody in that was asked about', async t => {
  let answer: ((yes: boolean) => void) | undefined
  const authorizeUpgrade = () => new Promise<boolean>(resolve => (answer = resolve))
  const server = await open(t, { authorizeUpgrade, helloTimeout: 20_000 })
  const asking = get(server.url, upgrade(''))
  await until(() => answer !== undefined)
  let closed = false
  void server.close().then(() => (closed = true))
  await until(() => closed, 'it closes')
  answer?.(true)
  t.equal((await asking).status, 503)
})

test('token upgrade: what a door throws ends that socket, and is told', async t => {
  const told: Error[] = []
  class Broken extends SocketSignalWebsocketServer {
    protected override _onForeignUpgrade({ url }: IncomingMessage): Promise<void> {
      if (url === '/at-once') throw new Error('the door is broken')
      return Promise.reject(new Error('the door is broken'))
    }
    protected override _onHttpError(error: Error): void {
      told.push(error)
    }
  }
  const server = new Broken({ port: 0 })
  t.teardown(() => server.close())
  await server.open()
  for (const path of ['/at-once', '/later']) await rejection(get(server.url + path, upgrade('')))
  t.deepEqual(
    told.map(({ message }) => message),
    Array(2).fill('the door is broken')
  )
  const client = makeClient(t, server.url)
  await client.open()
  t.ok(client.connected, 'the server goes on')
})

async function open(t: Test, options: SocketSignalWebsocketServerOptions): Promise<Door> {
  const server = new Door({ port: 0, ...options })
  t.teardown(() => server.close())
  await server.open()
  return server
}
