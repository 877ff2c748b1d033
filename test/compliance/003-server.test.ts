import { randomBytes } from 'node:crypto'
import { createRequire } from 'node:module'
import * as esm from 'socket-signal'
import {
  type AddressedMsg,
  type Connection,
  type JoinMsg,
  type LookupMsg,
  type Msg,
  SocketSignalServer,
  SocketSignalServerMap
} from 'socket-signal'
import { SocketSignalMemoryClient, socketPair } from 'socket-signal-memory'
import { ManualClock } from 'socket-signal-testing'
import { SocketSignalWebsocketClient, SocketSignalWebsocketServer } from 'socket-signal-websocket'
import { parseCommand as parseServer } from '../../packages/server/src/cli.ts'
import { parseCommand as parseWebsocket } from '../../packages/websocket/src/cli.ts'
import { playedOpen } from '../tools/played.ts'
import { RawClient } from '../tools/raw.ts'
import { clientOptions, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'

/** A server of one's own, as the predecessor's README sketches it. */
class YourServer extends SocketSignalServer {
  readonly seen: string[] = []
  readonly members = new Map<string, Connection>()

  dial() {
    const { left, right } = socketPair()
    void this.addSocket(right)
    return left
  }
  protected override async _onDisconnect(rpc: Connection): Promise<void> {
    this.seen.push('disconnect')
    this.members.delete(hex(rpc.id))
  }
  protected override async _onJoin(rpc: Connection, msg: JoinMsg): Promise<unknown> {
    this.seen.push(`join ${msg.topic.length} ${hex(msg.id) === hex(rpc.id)}`)
    const there = [...this.members.values()].map(({ id }) => id)
    this.members.set(hex(msg.id), rpc)
    return there
  }
  protected override async _onLeave(_rpc: Connection, msg: Msg): Promise<void> {
    this.seen.push(`leave ${msg.topic.length}`)
    this.members.delete(hex(msg.id))
  }
  protected override async _onLookup(_rpc: Connection, msg: LookupMsg): Promise<unknown> {
    this.seen.push(`lookup ${msg.topic.length}`)
    return { anything: ['that', 'JSON', 'holds'] }
  }
  protected override async _onOffer(_rpc: Connection, msg: AddressedMsg): Promise<unknown> {
    const { data } = msg as { data: { offer: { type: string } } }
    this.seen.push(`offer ${data.offer.type} ${msg.metadata.from}`)
    const target = this.members.get(hex(msg.remoteId))
    if (!target) throw new Error('nobody of that name')
    return target.forward(msg)
  }
  protected override async _onSignal(_rpc: Connection, msg: AddressedMsg): Promise<void> {
    if (msg.kind === 'signal') this.seen.push(`signal ${Array.isArray(msg.data)}`)
    this.members.get(hex(msg.remoteId))?.forward(msg)
  }
}

test('003.19 server: a subclass overrides the hooks and is told who, where and what', async t => {
  const server = new YourServer()
  const { alice, bob, topic } = await pairOf(t, server)
  t.same(await bob.join(topic), [])
  t.same(await alice.join(topic), [bob.id])
  await alice.connect(topic, bob.id, { metadata: { from: 'alice' } }).ready()
  t.equal((await rejection(alice.connect(topic, randomBytes(32)).ready())).message, 'nobody of that name')
  await until(() => server.seen.includes('signal true'))
  await bob.leave(topic)
  await alice.close()
  await until(() => server.seen.includes('disconnect'))
  for (const line of ['join 32 true', 'leave 32', 'offer offer alice', 'signal true'])
    t.ok(server.seen.includes(line), line)
})

test('003.20 server: an offer is a request, a signal is an event without a reply', async t => {
  const server = new YourServer()
  const { alice, bob, topic } = await pairOf(t, server)
  await Promise.all([alice.join(topic), bob.join(topic)])
  const kinds: string[] = []
  bob.onOffer(() => void kinds.push('offer arrived'))
  alice.onAnswer(() => void kinds.push('answer came back'))
  await alice.connect(topic, bob.id).ready()
  t.same(kinds, ['offer arrived', 'answer came back'])
  await until(
    () => server.seen.filter(line => line === 'signal true').length >= 2,
    'candidates of both sides'
  )
  const raw = new RawClient(server.dial())
  await raw.hello()
  const { length: before } = raw.received
  const nobody = { address: randomBytes(32), topic }
  raw.addressed('signal', { ...nobody, body: Buffer.from('[]') })
  raw.addressed('offer', nobody, 7)
  await raw.next('error')
  t.same(
    raw.received.slice(before).map(({ kind, requestId }) => [kind, requestId]),
    [['error', 7]],
    'to the offer alone there is an answer'
  )
  raw.close()
})

test('003.21 server: what _onJoin and _onLookup give is what join and lookup resolve with', async t => {
  const server = new YourServer()
  const { alice, bob, topic } = await pairOf(t, server)
  await bob.join(topic)
  t.same(await alice.join(topic), [bob.id])
  t.same(await alice.lookup(topic), { anything: ['that', 'JSON', 'holds'] })
})

test('003.22 server: SocketSignalServerMap makes two clients connect', async t => {
  const server = new SocketSignalServerMap()
  const dial = () => {
    const { left, right } = socketPair()
    void server.addSocket(right)
    return left
  }
  const { alice, bob, topic } = await pairOf(t, Object.assign(server, { dial }))
  await bob.join(topic)
  const [id] = await alice.join(topic)
  t.same(id, bob.id)
  const peer = await alice.connect(topic, bob.id).ready()
  t.ok(peer.connected)
})

test('003.23 package: is there as ES module and as CommonJS, with the same names', t => {
  const cjs = createRequire(import.meta.url)('../../packages/core/dist/index.cjs')
  t.same(Object.keys(cjs).sort(), Object.keys(esm).sort())
  t.equal(typeof new cjs.SocketSignalServerMap().addSocket, 'function')
  t.end()
})

test('003.24 package: a ready WebSocket client and server exist', async t => {
  const server = new SocketSignalWebsocketServer({ port: 0 })
  await server.open()
  const address = `ws://127.0.0.1:${(server.address as { port: number }).port}`
  const [alice, bob] = [
    new SocketSignalWebsocketClient([address]),
    new SocketSignalWebsocketClient([address])
  ]
  const topic = randomBytes(32)
  await bob.join(topic)
  t.same(await alice.join(topic), [bob.id])
  await Promise.all([alice.close(), bob.close()])
  await server.close()
})

test('003.34 server: counts connections, runs _onPreRequest before each action, takes hooks as options', async t => {
  const actions: string[] = []
  const calls: string[] = []
  class Careful extends SocketSignalServerMap {
    protected override async _onPreRequest(_rpc: Connection, msg: Msg, action: string): Promise<void> {
      actions.push(action)
      if (msg.topic.every(byte => byte === 7)) throw new Error('not that topic')
    }
  }
  const note = (name: string) => () => void calls.push(name)
  const server = new Careful({
    requestTimeout: 5000,
    onConnect: note('connect'),
    onDisconnect: note('disconnect'),
    onJoin: note('join'),
    onLeave: note('leave'),
    onLookup: note('lookup'),
    onOffer: note('offer'),
    onRemoteConnect: note('remoteConnect'),
    onSignal: note('signal')
  })
  t.equal(server.requestTimeout, 5000)
  t.equal(new SocketSignalServerMap().requestTimeout, 60_000)
  const dial = () => {
    const { left, right } = socketPair()
    void server.addSocket(right)
    return left
  }
  const { alice, bob, topic } = await pairOf(t, Object.assign(server, { dial }))
  t.equal(server.connections.size, 2)
  await bob.join(topic)
  await alice.lookup(topic)
  await alice.connect(topic, bob.id).ready()
  await alice.remoteConnect(topic, bob.id).ready()
  await until(() => calls.includes('signal'))
  await bob.leave(topic)
  t.equal((await rejection(alice.join(Buffer.alloc(32, 7)))).message, 'not that topic')
  for (const action of ['join', 'lookup', 'offer', 'signal', 'remoteConnect', 'leave'])
    t.ok(actions.includes(action), action)
  await Promise.all([alice.close(), bob.close()])
  await until(() => server.connections.size === 0)
  await until(() => calls.filter(call => call === 'disconnect').length === 2)
  t.same([...new Set(calls)].sort(), [
    'connect',
    'disconnect',
    'join',
    'leave',
    'lookup',
    'offer',
    'remoteConnect',
    'signal'
  ])
})

test("003.35 websocket client: URL lists, heartbeat, its events, and the ready-made server's answer to HTTP", async t => {
  const server = new SocketSignalWebsocketServer({ port: 0 })
  await server.open()
  const { port } = server.address as { port: number }
  const asked: number[] = []
  const urls = () => {
    asked.push(asked.length)
    return `ws://127.0.0.1:${port}`
  }
  const client = new SocketSignalWebsocketClient(urls, {
    heartbeat: { interval: 30, timeout: 5000 },
    reconnect: { base: 10, max: 50 }
  })
  const seen = record(client, 'connected', 'disconnected')
  await client.open()
  const [ms] = await next(client, 'ping')
  t.ok(ms >= 0 && ms < 5000, 'a heartbeat came back')
  ;[...server.connections][0]?.close(4006, 'go round')
  await until(() => seen.length === 3)
  t.same(
    seen.map(({ event, args }) => [event, args[0]]),
    [
      ['connected', false],
      ['disconnected', true],
      ['connected', true]
    ]
  )
  t.equal(asked.length, 2, 'the function was asked for each socket')
  const answer = await fetch(`http://127.0.0.1:${port}`)
  t.same([answer.status, (await answer.text()).trim()], [200, 'Signal running OK'])
  await client.close()
  t.same(seen.at(-1)?.args[0], false, 'closed by us: no return')
  await server.close()
  const ports = (args: string[], env: { PORT?: string }) => [
    parseServer(args, { ...env }).options.port,
    parseWebsocket(args, { ...env }).port
  ]
  t.same(ports([], {}), [4000, 4000])
  t.same(ports([], { PORT: '5' }), [5, 5])
  t.same(ports(['--port', '6'], { PORT: '5' }), [6, 6])
})

test('client: a heartbeat without figures asks after 10 s, and waits 5 s for the answer (003.35)', async t => {
  const clock = new ManualClock()
  const { client, server } = await playedOpen(t, { clock, heartbeat: true, reconnect: false })
  const failed = record(client, 'ping-error')
  const pings = () => server.received.filter(({ kind }) => kind === 'ping').length
  await clock.advance(9_999)
  t.equal(pings(), 0)
  await clock.advance(1)
  t.equal(pings(), 1)
  await clock.advance(4_999)
  t.equal(failed.length, 0)
  await clock.advance(1)
  t.equal(failed[0]?.args[0].code, 'TIMEOUT')
})

async function pairOf(
  t: import('tape').Test,
  server: SocketSignalServer & { dial(): import('socket-signal').Socket }
) {
  const { rtc, topic } = await story(t, { clients: [], gathering: 5 })
  const [alice, bob] = [
    new SocketSignalMemoryClient(server, clientOptions(rtc)),
    new SocketSignalMemoryClient(server, clientOptions(rtc))
  ]
  t.teardown(async () => {
    await Promise.all([alice.close(), bob.close()])
    await server.close()
  })
  await Promise.all([alice.open(), bob.open()])
  return { alice, bob, topic }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
