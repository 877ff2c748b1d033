import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { clientOptions, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'

test('listeners: one that throws, or rejects, is reported and changes nothing', async t => {
  const reports: [unknown, string][] = []
  class Client extends SocketSignalMemoryClient {
    protected override _onListenerError(error: unknown, event: string): void {
      reports.push([(error as Error).message, event])
    }
  }
  const { server, rtc, topic, alice: bob } = await story(t, { clients: [{}] })
  const alice = new Client(server, clientOptions(rtc))
  t.teardown(() => alice.close())
  alice.on('join', () => {
    throw new Error('in join')
  })
  alice.on('peer-connected', async () => {
    throw new Error('in peer-connected')
  })
  const seen = record(alice, 'join')
  await bob.join(topic)
  t.same(await alice.join(topic), [bob.id])
  t.equal(seen.length, 1, 'the next listener is called')
  await alice.connect(topic, bob.id).ready()
  await until(() => reports.length === 2)
  t.same(reports, [
    ['in join', 'join'],
    ['in peer-connected', 'peer-connected']
  ])
})

test('listeners: on gives the way to end it, once is once, off ends one', async t => {
  const { alice, topic } = await story(t, { clients: [{}] })
  const calls: string[] = []
  const off = alice.on('join', () => void calls.push('on'))
  const gone = () => void calls.push('gone')
  alice.on('join', gone)
  alice.once('join', () => void calls.push('once'))
  alice.off('join', gone)
  await alice.join(topic)
  await alice.join(topic)
  off()
  await alice.join(topic)
  t.same(calls, ['on', 'once', 'on'])
})

test('listeners: off ends what once began', async t => {
  const { alice, topic } = await story(t, { clients: [{}] })
  const calls: string[] = []
  const listener = () => void calls.push('called')
  alice.once('join', listener)
  alice.off('join', listener)
  await alice.join(topic)
  t.same(calls, [])
})

test('identity: required refuses a bare id, and says what to do', async t => {
  const server = new SocketSignalMemoryServer({ identity: 'required' })
  const client = new SocketSignalMemoryClient(server, { id: randomBytes(32) })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const error = await rejection(client.open())
  t.equal(error.code, 'BAD_PROOF')
  t.match(error.message, /keyPair/)
})

test('callee: when its socket ends before it answers, the caller hears it at once', async t => {
  for (const [end, code] of [
    [(server: SocketSignalMemoryServer) => server.pairs[1]?.break(), 'PEER_AWAY'],
    [(server: SocketSignalMemoryServer) => [...server.connections][1]?.close('KICKED'), 'PEER_LEFT']
  ] as const) {
    const { server, alice, bob, topic } = await story(t, { clients: [{}, { reconnect: false }] })
    await bob.join(topic)
    bob.onOffer(() => new Promise(() => {}))
    const peer = alice.connect(topic, bob.id)
    await until(() => server.stats().offers === 1)
    end(server)
    t.equal((await rejection(peer.ready())).code, code)
    t.equal(server.stats().offers, 0)
  }
})

test('caller: an abort gives the offer up at the server and at the remote', async t => {
  const { server, alice, bob, topic, rtc } = await story(t)
  await bob.join(topic)
  const gone = next(bob, 'peer-error')
  let arrived = () => {}
  const incoming = new Promise<void>(resolve => (arrived = resolve))
  bob.onIncomingPeer(() => {
    arrived()
    return new Promise(() => {})
  })
  const controller = new AbortController()
  const peer = alice.connect(topic, bob.id, { signal: controller.signal })
  await incoming
  controller.abort(new Error('changed my mind'))
  t.equal((await rejection(peer.ready())).message, 'changed my mind')
  t.equal((await gone)[0].error.code, 'CLOSED')
  await until(() => server.stats().offers === 0)
  await until(() => rtc.open === 0)
  t.same([alice.peers, bob.peers], [[], []])
  const late = alice.connect(topic, bob.id, { signal: controller.signal })
  t.equal((await rejection(late.ready())).message, 'changed my mind', 'aborted before it began')
})

test('churn: row 34: thousands of connects and closes leave every map empty', async t => {
  const { server, alice, bob, topic, rtc } = await story(t, { server: { frameRate: 1e6, frameBurst: 1e6 } })
  await bob.join(topic)
  for (let round = 0; round < 50; round++) {
    const peers = Array.from({ length: 4 }, () => alice.connect(topic, bob.id))
    await Promise.all(peers.map(peer => peer.ready()))
    await alice.closeConnectionsByTopic(topic)
  }
  await until(() => bob.peers.length === 0 && rtc.open === 0)
  t.same([alice.peers, server.stats().offers], [[], 0])
  await alice.close()
  await bob.close()
  await until(() => server.connections.size === 0 && server.stats().ids === 0)
  const { routed, ...rest } = server.stats()
  t.ok(routed > 0)
  t.same(rest, {
    sockets: 0,
    connections: 0,
    ids: 0,
    offers: 0,
    kept: 0,
    topics: 0,
    mailboxes: 0,
    watches: 0,
    history: 0,
    away: 0
  })
})

test('webrtc: without it, in Node, the error says what to install', async t => {
  const { alice, bob, topic } = await story(t, { clients: [{ simplePeer: {} }, {}] })
  await bob.join(topic)
  const error = await rejection(alice.connect(topic, bob.id).ready())
  t.equal(error.code, 'WEBRTC_UNAVAILABLE')
  t.match(error.message, /@roamhq\/wrtc/)
  t.same(alice.peers, [])
})

test('join: who gives up waiting is not left in the topic', async t => {
  let release = () => {}
  const server = new SocketSignalMemoryServer({
    onJoin: () => new Promise<void>(resolve => (release = resolve))
  })
  const client = new SocketSignalMemoryClient(server)
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  await client.open()
  const controller = new AbortController()
  const joining = rejection(client.join(randomBytes(32), { signal: controller.signal }))
  await until(() => server.stats().connections === 1)
  await new Promise(resolve => setImmediate(resolve))
  controller.abort(new Error('enough'))
  t.equal((await joining).message, 'enough')
  release()
  await client.lookup(randomBytes(32))
  t.equal(server.stats().topics, 0)
})

test('watch: who gives up waiting is not kept as one who watches', async t => {
  let release: (() => void) | undefined
  const { server, alice, bob, topic } = await story(t, {
    server: {
      authorize: async ({ action }) => {
        if (action === 'watch' && !release) await new Promise<void>(resolve => (release = resolve))
        return true
      }
    }
  })
  const controller = new AbortController()
  const watching = rejection(alice.watch(topic, bob.id, { signal: controller.signal }))
  await until(() => release !== undefined)
  controller.abort(new Error('enough'))
  t.equal((await watching).message, 'enough')
  release?.()
  await alice.lookup(topic)
  t.equal(server.stats().watches, 0)
})
