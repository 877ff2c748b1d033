import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { WebSocketServer } from 'ws'
import { Child } from '../tools/child.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'

const NOWHERE = 'ws://127.0.0.1:1/signal?token=secret'

test('websocket client: where the platform has no URL.canParse, URLs are as good and as wrong', async t => {
  const { canParse } = URL
  t.teardown(() => Object.assign(URL, { canParse }))
  Object.assign(URL, { canParse: undefined })
  t.throws(() => new SocketSignalWebsocketClient('host:x'), /^TypeError: a URL must start with ws: or wss:/)
  t.doesNotThrow(() => new SocketSignalWebsocketClient('wss://host/signal'))
})

test('websocket client: a wrong URL is a TypeError at once, which shows no query', async t => {
  const wrong = [
    '',
    'host:4000',
    '/signal',
    'ftp://host?token=secret',
    'ws://',
    [],
    ['ws://fine', 'x'],
    5,
    null
  ]
  for (const urls of wrong) {
    try {
      new SocketSignalWebsocketClient(urls as string)
      t.fail(`took ${JSON.stringify(urls)}`)
    } catch (error) {
      t.ok(error instanceof TypeError, (error as Error).message)
      t.notOk((error as Error).message.includes('secret'))
    }
  }
})

test('websocket client: joins over ws and over the http form of the same URL', async t => {
  const server = await startServer(t)
  const topic = await topicFromName('lobby')
  const alice = makeClient(t, server.url)
  const bob = makeClient(t, `${server.url.replace('ws', 'http')}/any/path?query=1#hash`)
  await alice.join(topic)
  t.deepEqual(await bob.join(topic), [alice.id])
  t.equal(server.connections.size, 2)
  await alice.close()
  await until(() => server.connections.size === 1)
  await bob.close()
  await until(() => server.stats().topics === 0)
})

test('websocket client: goes through its URLs in turn, one step a connection', async t => {
  const [first, second] = [await startServer(t), await startServer(t)]
  const client = makeClient(t, [NOWHERE, first.url, second.url])
  const failed = next(client, 'connect-error')
  await client.open()
  t.equal((await failed)[0].code, 'CONNECT_FAILED')
  t.equal(first.connections.size, 1)
  for (const server of [second, first]) {
    const back = next(client, 'connected')
    for (const connection of [...first.connections, ...second.connections]) connection.close(4000)
    t.deepEqual(await back, [true, { resumed: false, lost: 0 }])
    t.equal(server.connections.size, 1)
  }
})

test('websocket client: a function is asked for a URL before each try', async t => {
  const server = await startServer(t)
  const given = ['junk', server.url, server.url]
  let asked = 0
  const client = makeClient(t, async () => given[asked++] as string)
  const failed = next(client, 'connect-error')
  await client.open()
  const [error, willReconnect] = await failed
  t.match(error.message, /a URL must start with ws:/)
  t.ok(willReconnect)
  const back = next(client, 'connected')
  for (const connection of server.connections) connection.close(4000)
  await back
  t.equal(asked, 3)
})

test('websocket client: what fails is named by URL, without its query', async t => {
  const client = makeClient(t, NOWHERE, { reconnect: false })
  const error = await rejection(client.open())
  t.equal(error.code, 'CONNECT_FAILED')
  t.match(error.message, /can't connect to ws:\/\/127\.0\.0\.1:1\/signal: .*ECONNREFUSED/)
  t.notOk(JSON.stringify([error.message, error.stack]).includes('secret'))
})

test('websocket client: a server that takes the socket and says nothing is given up', async t => {
  const { url, sockets } = await silentServer(t)
  const client = makeClient(t, url, { requestTimeout: 200 })
  t.equal((await rejection(client.open())).code, 'TIMEOUT')
  await until(() => sockets.length > 0 && sockets.every(socket => socket.destroyed), 'its sockets end')
  t.pass('and its socket was ended')
})

test('websocket client: close() while it dials ends the dialing', async t => {
  const { url, sockets } = await silentServer(t)
  const client = makeClient(t, url)
  const opening = rejection(client.open())
  await until(() => sockets.length === 1)
  await client.close()
  t.equal((await opening).code, 'CLOSED')
  await until(() => sockets.every(socket => socket.destroyed))
})

test('websocket client: a server that restarts on its port gets its clients and their topics back', async t => {
  const topic = await topicFromName('restart')
  const first = await startServer(t)
  const port = first.address?.port as number
  const client = makeClient(t, first.url)
  await client.join(topic)
  const events = record(client, 'disconnected', 'connected', 'join')
  await first.close()
  await until(() => events.length > 0)
  const second = await startServer(t, { port })
  await until(() => events.some(({ event }) => event === 'join'))
  t.deepEqual(
    events.map(({ event, args }) => [event, event === 'join' ? Buffer.from(args[0].topic) : args[0]]),
    [
      ['disconnected', true],
      ['connected', true],
      ['join', Buffer.from(topic)]
    ]
  )
  t.equal(events[0]?.args[1].code, 4000)
  t.equal(second.stats().topics, 1)
})

test('websocket client: heartbeat asks, and gives up a server that stops answering', async t => {
  const child = new Child(t, 'packages/websocket/src/bin.ts', ['--port', '0'])
  const [url = ''] = await child.says(/ws:\S+\d/)
  const client = makeClient(t, url, { heartbeat: { interval: 100, timeout: 300 }, requestTimeout: 5_000 })
  await client.open()
  const [ms] = await next(client, 'ping')
  t.ok(ms >= 0 && ms < 300, 'ping tells the time there and back')
  const failed = next(client, 'ping-error')
  const down = next(client, 'disconnected')
  child.kill('SIGSTOP')
  t.equal((await failed)[0].code, 'TIMEOUT')
  const [willReconnect, { code, error }] = await down
  t.deepEqual([willReconnect, code, error.code], [true, 4002, 'HEARTBEAT_TIMEOUT'])
  const back = next(client, 'connected')
  child.kill('SIGCONT')
  t.deepEqual(await back, [true, { resumed: true, lost: 0 }])
})

test('websocket client: without the option it does not ask', async t => {
  const server = await startServer(t)
  const client = makeClient(t, server.url)
  await client.open()
  const events = record(client, 'ping', 'ping-error')
  await new Promise(resolve => setTimeout(resolve, 200))
  t.equal(events.length, 0)
})

test('websocket client: text from a server ends it for good', async t => {
  const other = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  t.teardown(() => other.close())
  await once(other, 'listening')
  const closed = new Promise(resolve => {
    other.on('connection', websocket => {
      websocket.on('close', resolve)
      websocket.send('hello')
    })
  })
  const { port } = other.address() as { port: number }
  const error = await rejection(makeClient(t, `ws://127.0.0.1:${port}`).open())
  t.match(error.message, /closed with 1003: text/)
  t.equal(error.retryable, false)
  t.equal(await closed, 1003)
})

test('websocket client: a server that does not know the subprotocol is no signal server', async t => {
  const other = new WebSocketServer({ port: 0, host: '127.0.0.1', handleProtocols: () => false })
  t.teardown(() => other.close())
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  const error = await rejection(makeClient(t, `ws://127.0.0.1:${port}`, { reconnect: false }).open())
  t.equal(error.code, 'CONNECT_FAILED')
  t.match(error.message, /subprotocol/)
})

/** A server that takes connections and never says a word. */
async function silentServer(t: {
  teardown(end: () => void): void
}): Promise<{ url: string; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => {}).resume()
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  await once(server, 'listening')
  return { url: `ws://127.0.0.1:${(server.address() as { port: number }).port}`, sockets }
}

test('websocket client: is not taken for silent while the server makes it wait for a hook', async t => {
  let slow = true
  const server = await startServer(t, {
    pingInterval: 400,
    helloQueue: 4096,
    authorize: async ({ action }) => {
      if (action === 'lookup' && slow) await new Promise(resolve => setTimeout(resolve, 3000))
      return true
    }
  })
  const client = makeClient(t, server.url)
  const closed = record(client, 'disconnected')
  const topic = await topicFromName('patience')
  await client.join(topic)
  const asked = client.lookup(topic)
  // Enough to stop the reading of the socket, and less than would close it.
  const published = Array.from({ length: 20 }, () => client.publish(topic, new Uint8Array(2000)))
  t.deepEqual(await asked, [])
  await Promise.all(published)
  slow = false
  t.deepEqual(await client.lookup(topic), [])
  t.equal(closed.length, 0)
})
