import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import wrtc from '@roamhq/wrtc'
import { toHex, topicFromName } from 'socket-signal'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { test } from '../tools/test.ts'
import { next, record, until } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'

const SERVER = 'packages/websocket/src/bin.ts'
const STORMED = 'test/tools/stormed.ts'
const ADDRESS = /ws:\S+\d/

test('recovery: row 15: a server that is killed and started again, while data channels never stop', {
  timeout: 60_000
}, async t => {
  const first = new Child(t, SERVER, ['--port', '0'])
  const [url = ''] = await first.says(ADDRESS)
  const topic = await topicFromName('killed')
  const [alice, bob] = [rtcClient(t, url), rtcClient(t, url)]
  const events = record(alice, 'connected', 'disconnected', 'peer-joined', 'peer-left')
  await bob.join(topic, { watch: true })
  await alice.join(topic, { watch: true })
  const peer = await alice.connect(topic, bob.id).ready()
  await until(() => bob.peersConnected.length === 1)
  const heard: number[] = []
  bob.peersConnected[0]?.stream.on('data', (data: Uint8Array) => heard.push(...data))
  let sent = 0
  const talk = setInterval(() => void peer.stream.write(Uint8Array.of(sent++ % 256)), 20)
  t.teardown(() => clearInterval(talk))
  await until(() => heard.length > 5)
  first.kill('SIGKILL')
  await until(() => events.some(({ event }) => event === 'disconnected'))
  const { length } = heard
  await until(() => heard.length > length + 20, 'they talk without a server')
  const second = new Child(t, SERVER, ['--port', new URL(url).port])
  await second.says(ADDRESS)
  await until(() => alice.connected && bob.connected, 'both are back', 20)
  await until(async () => (await alice.lookup(topic)).length === 1, 'and in their topic', 10)
  clearInterval(talk)
  await until(() => heard.length === sent)
  t.same(
    heard,
    Array.from({ length: sent }, (_, at) => at % 256),
    'nothing was lost or doubled'
  )
  t.same(
    events.filter(({ event }) => event === 'disconnected').map(({ args }) => [args[0], args[1].code]),
    [[true, 1006]]
  )
  t.equal(events.filter(({ event, args }) => event === 'connected' && args[1].resumed).length, 0)
  t.ok(peer.connected)
  const told = (what: string) => events.filter(({ event }) => event === what).length
  await until(
    () => told('peer-joined') - told('peer-left') === 1,
    'who is there was told as often as it came'
  )
})

test('recovery: row 14: a cable that is pulled is found within two intervals by both sides, and told', async t => {
  const { cable, bob, seen } = await atCable(t, 2000)
  const down = next(bob, 'disconnected')
  cable.pull()
  const [, { code }] = await down
  t.equal(code, 4002)
  await until(() => seen.length === 1, 'away', 4)
  await until(() => seen.length === 2, 'left', 5)
  t.same(
    seen.map(({ event }) => event),
    ['peer-away', 'peer-left']
  )
})

test('recovery: row 14: a cable that is plugged in again in time, and nothing is missed', async t => {
  const { cable, alice, bob, topic, seen } = await atCable(t)
  const heard = record(bob, 'connected', 'message')
  cable.pull()
  await until(() => seen.length === 1, 'away', 4)
  await alice.publish(topic, 'are you there?')
  cable.plug()
  await until(() => heard.length === 2, 'back', 10)
  t.same([heard[0]?.args[1].resumed, heard[1]?.args[0].data], [true, 'are you there?'])
  await until(() => seen.length === 2)
  t.equal(seen[1]?.event, 'peer-back')
})

/** Bob reaches his server over a cable; alice watches him. */
async function atCable(t: Test, resumeWindow = 30_000) {
  const server = await startServer(t, { pingInterval: 1000, resumeWindow })
  const cable = await proxy(t, server.address?.port as number)
  const alice = makeClient(t, server.url)
  const bob = makeClient(t, cable.url)
  const topic = await topicFromName('cable')
  await bob.join(topic)
  await alice.join(topic, { watch: true })
  return { cable, alice, bob, topic, seen: record(alice, 'peer-away', 'peer-back', 'peer-left') }
}

test('recovery: row 16: two servers are restarted in turn, and no client is lost', {
  timeout: 90_000
}, async t => {
  const CLIENTS = 500
  const topic = await topicFromName('deploy')
  const servers = [await startServer(t), await startServer(t)]
  const urls = servers.map(({ url }) => url)
  const ports = servers.map(({ address }) => address?.port as number)
  const clients = Array.from({ length: CLIENTS }, (_, at) => {
    const turn = at % 2 === 0 ? urls : [...urls].reverse()
    return makeClient(t, turn, { reconnect: { base: 200, max: 2000 } })
  })
  await Promise.all(clients.map(client => client.join(topic)))
  const goodbyes = clients.map(client => record(client, 'disconnected'))
  for (const at of [0, 1]) {
    const began = performance.now()
    await servers[at]?.close()
    t.ok(performance.now() - began < 5000, 'it closes in good time')
    await until(() => clients.every(({ connected }) => connected), 'all are at the other one', 30)
    t.equal(servers[1 - at]?.stats().connections, CLIENTS)
    await until(
      async () => (await clients[0]?.lookup(topic, { limit: 1000 }))?.length === CLIENTS - 1,
      'all have joined',
      10
    )
    servers[at] = await startServer(t, { port: ports[at] as number })
  }
  const codes = new Set(goodbyes.flatMap(events => events.map(({ args }) => args[1].code)))
  t.same(codes, new Set([4000]), 'each was told')
  t.ok(clients.every(({ status }) => status === 'open'))
})

test('recovery: row 27: a storm of 1,500 clients that come back does not hold the server up', {
  timeout: 180_000
}, async t => {
  const CLIENTS = 1500
  const topic = await topicFromName('storm')
  // In processes of their own: what is measured is the server's, not that of its clients.
  const first = new Child(t, STORMED, ['0'])
  const [url = ''] = await first.says(ADDRESS)
  const options = { reconnect: { base: 3000, max: 3000 } }
  const clients = Array.from({ length: CLIENTS }, () => makeClient(t, url, options))
  for (let at = 0; at < CLIENTS; at += 100)
    await Promise.all(clients.slice(at, at + 100).map(client => client.join(topic)))
  const events = clients.map(client => record(client, 'connected', 'disconnected'))
  const members = clients.map(({ id }) => toHex(id)).sort()

  const allAreBack = async (times: number, resumed: boolean, server: Child) => {
    const isBack = (seen: (typeof events)[number]) =>
      seen.length === 2 * times && seen.at(-1)?.event === 'connected'
    const missing = () => `${events.filter(seen => !isBack(seen)).length} of ${CLIENTS} are not back`
    await until(() => events.every(isBack), missing, 60)
    t.pass('each was cut once and came once')
    t.ok(
      events.every(seen => seen.at(-1)?.args[1].resumed === resumed),
      resumed ? 'and went on where it was' : 'and joined again'
    )
    await until(async () => (await walk(clients[0], topic)).length === CLIENTS - 1, 'all have joined', 20)
    const found = [...(await walk(clients[0], topic)), clients[0]?.id as Uint8Array]
    t.same(found.map(toHex).sort(), members, 'all are in their topic, and none twice')
    server.process.stdin?.write('tell\n')
    const [, told = ''] = await server.says(/^stormed (.*)$/m)
    const { p99, max, ...stats } = JSON.parse(told)
    t.same(stats, { connections: CLIENTS, mailboxes: CLIENTS, away: 0, topics: 1 })
    t.ok(p99 < 1000, `the server’s loop delay: p99 ${p99} ms, at most ${max} ms`)
  }
  first.process.stdin?.write('cut\n')
  await allAreBack(1, true, first)
  first.kill('SIGKILL')
  await first.ended
  const second = new Child(t, STORMED, [new URL(url).port])
  await second.says(ADDRESS)
  await allAreBack(2, false, second)
})

/** The ids of all members but the client itself. */
async function walk(client: SocketSignalWebsocketClient | undefined, topic: Uint8Array) {
  const found: Uint8Array[] = []
  let page: Uint8Array[] = [new Uint8Array(32)]
  while (client && page.length > 0) {
    page = await client.lookup(topic, { limit: 1000, after: page.at(-1) })
    found.push(...page)
  }
  return found
}

/** A client over real WebRTC. */
function rtcClient(t: Test, url: string): SocketSignalWebsocketClient {
  const options = { iceServers: [], simplePeer: { wrtc }, reconnect: { base: 50, max: 200 } }
  const client = new SocketSignalWebsocketClient(url, options)
  t.teardown(() => client.close())
  return client
}

/** A way to a server that can fall silent: while it is pulled nothing gets through, and neither side is told. */
async function proxy(t: Test, port: number) {
  const sockets = new Set<Socket>()
  let pulled = false
  const relay = (from: Socket, to: Socket) => {
    let alive = true
    from.on('data', data => {
      alive &&= !pulled
      if (alive) to.write(data)
    })
    from.on('close', () => alive && !pulled && to.destroy())
    from.on('error', () => {})
    sockets.add(from)
  }
  const server = createServer(near => {
    const far = connect(port, '127.0.0.1')
    if (pulled) return void sockets.add(near.on('error', () => {}))
    relay(near, far)
    relay(far, near)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    url: `ws://127.0.0.1:${(server.address() as { port: number }).port}`,
    pull: () => void (pulled = true),
    plug: () => {
      pulled = false
      // What was dialed meanwhile is dead, as a SYN without an answer is after a while.
      for (const socket of [...sockets]) socket.destroy()
    }
  }
}
