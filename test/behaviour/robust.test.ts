import { randomBytes } from 'node:crypto'
import {
  type Connection,
  generateKeyPair,
  SignalError,
  SocketSignalClient,
  SocketSignalServerMap
} from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer, socketPair } from 'socket-signal-memory'
import { ManualClock } from 'socket-signal-testing'
import { encodeFrame } from '../../packages/core/src/frame.ts'
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

test("hooks: what a server's hook throws refuses its operation with its words, the server lives", async t => {
  const server = new SocketSignalMemoryServer({
    onJoin: () => {
      throw new Error('closed on Sundays')
    },
    onLookup: async () => {
      throw new SignalError('NOT_JOINED', 'members only')
    },
    onOffer: () => Promise.reject(new Error('no offers'))
  })
  const { rtc } = await story(t, { clients: [] })
  const client = new SocketSignalMemoryClient(server, clientOptions(rtc))
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const topic = randomBytes(32)
  const errors = [
    await rejection(client.join(topic)),
    await rejection(client.lookup(topic)),
    await rejection(client.connect(topic, randomBytes(32)).ready())
  ]
  t.same(
    errors.map(({ code, message }) => [code, message]),
    [
      ['FORBIDDEN', 'closed on Sundays'],
      ['NOT_JOINED', 'members only'],
      ['FORBIDDEN', 'no offers']
    ]
  )
  t.equal(server.stats().offers, 0)
  await client.leave(topic)
  t.ok(client.connected)
})

test("hooks: run in the order of a connection's frames, one after the other", async t => {
  const order: string[] = []
  class Server extends SocketSignalServerMap {
    protected override async _onPreRequest(_rpc: Connection, _msg: unknown, action: string): Promise<void> {
      await new Promise(resolve => setTimeout(resolve, action === 'join' ? 20 : 0))
      order.push(action)
    }
  }
  const server = new Server()
  const dial = () => {
    const { left, right } = socketPair()
    void server.addSocket(right)
    return left
  }
  const client = new SocketSignalMemoryClient({ dial })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  const topic = randomBytes(32)
  await Promise.all([client.join(topic), client.lookup(topic), client.leave(topic)])
  t.same(order, ['join', 'lookup', 'leave'], 'though the first took longest')
})

test('hooks: one that hangs is ended after requestTimeout, and what waits behind it goes on', async t => {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock, onJoin: () => new Promise(() => {}) })
  const client = new SocketSignalMemoryClient(server, { requestTimeout: 100_000 })
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  await client.open()
  const [joining, looking] = [rejection(client.join(randomBytes(32))), client.lookup(randomBytes(32))]
  const pong = () => server.pairs[0]?.left.send(encodeFrame({ kind: 'pong', requestId: 0, received: 0 }))
  await clock.advance(0)
  await clock.advance(20_000)
  pong()
  await clock.advance(20_000)
  pong()
  await clock.advance(20_001)
  t.equal((await joining).code, 'TIMEOUT')
  t.same(await looking, [])
})

test('authorize: says yes with true and nothing else, at hello and before each action', async t => {
  const asked: string[] = []
  let answer: unknown = true
  const server = new SocketSignalMemoryServer({
    authorize: ({ action, token, proven }) => {
      asked.push(`${action} ${token} ${proven}`)
      return answer as boolean
    }
  })
  t.teardown(() => server.close())
  const client = new SocketSignalMemoryClient(server, { token: 'secret' })
  t.teardown(() => client.close())
  const topic = randomBytes(32)
  await client.join(topic)
  await client.updateToken('fresh')
  for (const wrong of [false, undefined, 1, 'yes', Promise.resolve(undefined)]) {
    answer = wrong
    t.equal((await rejection(client.lookup(topic))).code, 'FORBIDDEN', String(wrong))
  }
  t.same(asked.slice(0, 5), [
    'hello secret true',
    'join secret true',
    'token fresh true',
    'join fresh true',
    'lookup fresh true'
  ])
  for (const [token, code] of [
    ['', 'AUTH_REQUIRED'],
    ['bad', 'TOKEN_INVALID']
  ] as const) {
    const stranger = new SocketSignalMemoryClient(server, { token })
    t.teardown(() => stranger.close())
    t.equal((await rejection(stranger.open())).code, code)
  }
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

test('leave: one that is refused leaves everything as it was', async t => {
  const server = new SocketSignalMemoryServer({
    onLeave: () => {
      throw new Error('stay')
    }
  })
  const { rtc, topic } = await story(t, { clients: [] })
  const [alice, bob] = [
    new SocketSignalMemoryClient(server, clientOptions(rtc)),
    new SocketSignalMemoryClient(server, clientOptions(rtc))
  ]
  t.teardown(async () => {
    await Promise.all([alice.close(), bob.close()])
    await server.close()
  })
  await bob.join(topic)
  t.equal((await rejection(bob.leave(topic))).message, 'stay')
  t.same(await alice.lookup(topic), [bob.id])
  t.ok((await alice.connect(topic, bob.id).ready()).connected)
})

test('webrtc: without it, in Node, the error says what to install', async t => {
  const { alice, bob, topic } = await story(t, { clients: [{ simplePeer: {} }, {}] })
  await bob.join(topic)
  const error = await rejection(alice.connect(topic, bob.id).ready())
  t.equal(error.code, 'WEBRTC_UNAVAILABLE')
  t.match(error.message, /@roamhq\/wrtc/)
  t.same(alice.peers, [])
})

test('hooks: whatever is thrown, even what can not be read, refuses and harms nobody', async t => {
  for (const thrown of [
    Object.create(null),
    null,
    undefined,
    7,
    { message: 5 },
    new Proxy(
      {},
      {
        get: () => {
          throw new Error('no')
        }
      }
    )
  ]) {
    const server = new SocketSignalMemoryServer({
      onJoin: () => {
        throw thrown
      },
      onOffer: () => {
        throw thrown
      }
    })
    const { rtc, topic } = await story(t, { clients: [] })
    const client = new SocketSignalMemoryClient(server, clientOptions(rtc))
    t.equal((await rejection(client.join(topic))).code, 'FORBIDDEN')
    t.equal((await rejection(client.connect(topic, randomBytes(32)).ready())).code, 'FORBIDDEN')
    t.same(await client.lookup(topic), [], 'the connection goes on')
    await client.close()
    await server.close()
  }
})

test('hooks: a list that a hook gives is members only if it really is', async t => {
  const lists = [
    [{ id: randomBytes(32).toString('hex').slice(0, 32) }],
    [{ id: 'x', info: { a: 1 } }],
    [1, 2],
    []
  ]
  const server = new SocketSignalMemoryServer({ onLookup: () => lists.shift() })
  const client = new SocketSignalMemoryClient(server)
  t.teardown(async () => {
    await client.close()
    await server.close()
  })
  for (const expected of [...lists]) t.same(await client.lookup(randomBytes(32)), expected)
})

test('close: a hook that hangs at a disconnect holds the server up no longer than requestTimeout', async t => {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({
    clock,
    requestTimeout: 1000,
    onDisconnect: () => new Promise(() => {})
  })
  const client = new SocketSignalMemoryClient(server)
  await client.open()
  let closed = false
  const closing = server.close().then(() => {
    closed = true
  })
  await clock.advance(900)
  t.notOk(closed)
  await clock.advance(200)
  await closing
  t.equal(server.stats().mailboxes, 0, 'the place was given up before the hook was asked')
  await client.close()
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

test('hooks: who is replaced disconnects before its successor connects, who is refused never disconnects', async t => {
  const log: string[] = []
  let refuse = false
  const server = new SocketSignalMemoryServer({
    onConnect: () => {
      log.push('connect')
      if (refuse) throw new SignalError('TOKEN_INVALID', 'no')
    },
    onDisconnect: async () => {
      await new Promise(resolve => setTimeout(resolve, 5))
      log.push('disconnect')
    }
  })
  const keyPair = await generateKeyPair()
  const clients = [0, 1, 2].map(() => new SocketSignalMemoryClient(server, { keyPair }))
  t.teardown(async () => {
    await Promise.all(clients.map(client => client.close()))
    await server.close()
  })
  await clients[0]?.open()
  await clients[1]?.open()
  t.same(log, ['connect', 'disconnect', 'connect'])
  refuse = true
  t.equal(
    (await rejection(clients[2]?.open() as Promise<void>)).code,
    'TOKEN_INVALID',
    'at once, and for good'
  )
  await until(() => log.length === 5)
  t.same(log.slice(3).sort(), ['connect', 'disconnect'], 'the holder had to go; the newcomer never was there')
  t.equal(server.stats().mailboxes, 0)
})

test('options: one that is none is a TypeError at once, which names it', t => {
  class Client extends SocketSignalClient {}
  const named = (options: object): RegExp => {
    const [[name, value] = []] = Object.entries(options)
    const [own = name] = name === 'heartbeat' || name === 'recovery' ? Object.keys(value) : []
    return new RegExp(`^TypeError: ${own} must be `)
  }
  const wrongOfClient = [
    { verify: 'always' },
    { verify: 1 },
    { privacy: 'none' },
    { requestTimeout: 0 },
    { connectTimeout: '5' },
    { heartbeat: { interval: 'often' } },
    { heartbeat: { timeout: 0 } },
    { recovery: { grace: -1 } },
    { rtc: {} },
    { audience: 5 },
    { audience: 'x'.repeat(513) },
    { audience: null },
    { clock: 'soon' },
    { clock: Date },
    { crypto: globalThis.crypto },
    { crypto: null },
    { random: 0.5 }
  ]
  for (const options of wrongOfClient) {
    t.throws(() => new Client(null, options as never), named(options))
  }
  t.throws(() => new Client(null, { audience: 'x'.repeat(513) }), /got a string of 513 characters/)
  t.throws(() => new Client(null, { clock: {} as never }), /clock must be a Clock, got an object/)
  const wrongOfServer = [
    { identity: 'require' },
    { conflict: 'keep' },
    { requestTimeout: 'long' },
    { authorize: true },
    { onJoin: 'join' },
    { offers: 'member' },
    { lookups: false },
    { backplane: {} }
  ]
  for (const options of wrongOfServer) {
    t.throws(() => new SocketSignalServerMap(options as never), named(options))
  }
  t.end()
})

test('client: options in the place of the socket are a TypeError', t => {
  class Client extends SocketSignalClient {}
  t.throws(() => new Client({ metadata: {} } as never), /options come second/)
  t.end()
})
