import { randomBytes } from 'node:crypto'
import type { IceServersOf, RtcOptions, SocketSignalClientOptions } from 'socket-signal'
import {
  SocketSignalMemoryClient,
  SocketSignalMemoryServer,
  type SocketSignalMemoryServerOptions
} from 'socket-signal-memory'
import { ManualClock } from 'socket-signal-testing'
import type { Test } from 'tape'
import { encodeText } from '../../packages/core/src/bytes.ts'
import { encodeFrame } from '../../packages/core/src/frame.ts'
import { evil } from '../tools/evil.ts'
import { test } from '../tools/test.ts'
import { next, record, rejection, until } from '../tools/wait.ts'

const turn = (name: string) => [{ urls: `turn:${name}.example:3478`, username: '1:u', credential: 'c' }]
const MINUTE = 60_000

/** A server, and clients that show which ICE servers they would use. */
function setUp(t: Test, options: SocketSignalMemoryServerOptions = {}) {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock, ...options })
  const clients: SocketSignalMemoryClient[] = []
  t.teardown(async () => {
    await Promise.all(clients.map(client => client.close()))
    await server.close()
  })
  const client = (
    own: SocketSignalClientOptions = {},
    via: { dial(): ReturnType<typeof server.dial> } = server
  ) => {
    const used: RTCConfiguration[] = []
    const rtc = ({ config }: RtcOptions): never => {
      used.push(config)
      throw new Error('seen')
    }
    const made = new SocketSignalMemoryClient(via, { clock, rtc, reconnect: false, ...own })
    clients.push(made)
    /** The ICE servers of a connection that is begun now. */
    const servers = async () => {
      const { message } = await rejection(made.connect(randomBytes(32), randomBytes(32)).ready())
      if (message !== 'seen') throw new Error(message)
      return used.at(-1)?.iceServers
    }
    return Object.assign(made, { servers })
  }
  return { clock, server, client }
}

test('turn handout: welcome brings the ICE servers, for clients that have none of their own', async t => {
  const { client } = setUp(t, { iceServers: turn('server') })
  t.deepEqual(await client().servers(), turn('server'))
  t.deepEqual(await client({ iceServers: turn('own') }).servers(), turn('own'))
  t.deepEqual(await client({ iceServers: [] }).servers(), [])
  t.deepEqual(await client({ iceServers: () => turn('provider') }).servers(), turn('provider'))
})

test('turn handout: without any, the default is one STUN server', async t => {
  const { client } = setUp(t)
  t.deepEqual(await client().servers(), [{ urls: 'stun:stun.l.google.com:19302' }])
})

test('turn handout: what welcome brought stays, whenever beside open() a topic is asked for', async t => {
  const { client } = setUp(t, { iceServers: turn('server') })
  const used = new Set<string>()
  for (let turns = 0; turns < 100; turns++) {
    const alice = client({ id: randomBytes(32) })
    const opening = alice.open()
    for (let turn = 0; turn < turns; turn++) await undefined
    await Promise.all([opening, alice.join(randomBytes(32))])
    used.add(JSON.stringify(await alice.servers()))
  }
  t.deepEqual([...used], [JSON.stringify(turn('server'))])
})

test('turn handout: each connection has its own, and others when three quarters of their time are over', async t => {
  const asked: string[] = []
  const iceServers: IceServersOf = ({ id }) => {
    asked.push(String(id[0]))
    return { iceServers: turn(`${id[0]}-${asked.length}`), expiresAt: Date.now() + 10 * MINUTE }
  }
  const { clock, client } = setUp(t, { iceServers })
  const [alice, bob] = [client({ id: Buffer.alloc(32, 1) }), client({ id: Buffer.alloc(32, 2) })]
  t.deepEqual(await alice.servers(), turn('1-1'))
  t.deepEqual(await bob.servers(), turn('2-2'))
  await clock.advance(7 * MINUTE)
  t.equal(asked.length, 2)
  await clock.advance(MINUTE)
  t.deepEqual(asked, ['1', '2', '1', '2'])
  t.deepEqual(await alice.servers(), turn('1-3'))
  t.deepEqual(await bob.servers(), turn('2-4'))
  await bob.close()
  await clock.advance(8 * MINUTE)
  t.deepEqual(asked.slice(4), ['1'], 'who has gone is not asked for')
})

test('turn handout: a function that fails keeps nobody out, is told of, and is asked again', async t => {
  let fails = true
  const wrong = [() => Promise.reject(new Error('no key')), () => 5, () => ({}), () => turn('x'.repeat(5000))]
  for (const give of wrong as unknown as IceServersOf[]) {
    fails = true
    const { clock, server, client } = setUp(t, { iceServers: rpc => (fails ? give(rpc) : turn('later')) })
    const errors = record(server, 'connection-error')
    const alice = client()
    await alice.open()
    t.equal(errors.length, 1, String(errors[0]?.args[0]).slice(0, 60))
    t.deepEqual(await alice.servers(), [{ urls: 'stun:stun.l.google.com:19302' }])
    fails = false
    await clock.advance(12_000)
    t.deepEqual(await alice.servers(), turn('later'))
    await clock.advance(60 * MINUTE)
    t.equal(errors.length, 1)
  }
})

test('turn handout: a function that hangs holds the welcome up for half of helloTimeout', async t => {
  let asked = 0
  const hangs = () => new Promise<never>(() => asked++)
  const { clock, server, client } = setUp(t, { iceServers: hangs, helloTimeout: 8000 })
  const errors = record(server, 'connection-error')
  const alice = client()
  const open = alice.open()
  await until(() => asked === 1)
  await clock.advance(3900)
  t.notOk(alice.connected)
  await clock.advance(100)
  await open
  t.match(String(errors[0]?.args[0]), /nothing within 4000 ms/)
})

test('turn handout: a list that no client would take is a TypeError at once', t => {
  for (const iceServers of [turn('x'.repeat(5000)), {}, 'turn:x'])
    t.throws(() => new SocketSignalMemoryServer({ iceServers: iceServers as [] }), TypeError)
  for (const iceServers of [{}, 'turn:x', 5])
    t.throws(() => new SocketSignalMemoryClient({ dial }, { iceServers: iceServers as [] }), TypeError)
  t.end()
})

test('turn handout: a list that a server with small frames can not send keeps nobody out, nor ends the process', async t => {
  const large = turn('x'.repeat(2000))
  t.throws(() => new SocketSignalMemoryServer({ maxPayload: 2048, iceServers: large }), /at most 1792 bytes/)
  let asked = 0
  const iceServers = () => {
    if (++asked > 1) return large
    return { iceServers: turn('x'), expiresAt: Date.now() + 4000 }
  }
  const { clock, server, client } = setUp(t, { maxPayload: 2048, iceServers })
  const told = record(server, 'connection-error')
  const [one, other] = [client(), client()]
  t.deepEqual(await one.servers(), turn('x'))
  await other.open()
  for (let second = 0; second < 10; second++) await clock.advance(1000)
  await until(() => asked >= 3, 'it is asked again')
  t.deepEqual([one.connected, other.connected], [true, true])
  t.match(told[0]?.args[0].message, /iceServers must be at most 1792 bytes/)
})

test('turn provider: what it throws, or gives that is none, is TURN_AUTH with its words', async t => {
  const { client } = setUp(t)
  const wrong = [
    [() => Promise.reject(new Error('the API is down')), /no iceServers: the API is down/],
    [
      () => {
        throw new Error('at once')
      },
      /at once/
    ],
    [() => undefined, /iceServers/],
    [() => ({ iceServers: {} }), /want a list/],
    [() => ({ iceServers: [], expiresAt: 'soon' }), /want a list/],
    [() => ({ iceServers: [], expiresAt: Number.NaN }), /want a list/]
  ] as const
  for (const [provider, words] of wrong) {
    const alice = client({ iceServers: provider as never })
    await alice.open()
    const error = await rejection(alice.connect(randomBytes(32), randomBytes(32)).ready())
    t.equal(error.code, 'TURN_AUTH')
    t.match(error.message, words)
    t.ok(error.retryable)
  }
})

test('turn provider: one that hangs costs half the time of a connection, and holds up no close', async t => {
  const { clock, client } = setUp(t)
  const options = { iceServers: () => new Promise<never>(() => {}), connectTimeout: 4000 }
  const alice = client(options)
  const open = alice.open()
  await until(() => alice.connected)
  await clock.advance(2000)
  await open
  const failed = rejection(alice.connect(randomBytes(32), randomBytes(32)).ready())
  await clock.advance(2000)
  t.equal((await failed).code, 'TURN_AUTH')
  const bob = client(options)
  const opening = bob.open().catch(() => {})
  await until(() => bob.connected)
  await Promise.all([bob.close(), opening])
  t.equal(bob.status, 'closed', 'without a move of the clock')
})

test('turn provider: connections that begin together ask once; old ones do while they last', async t => {
  const { client } = setUp(t)
  let asked = 0
  let fails = false
  const alice = client({
    iceServers: async () => {
      asked++
      if (fails) throw new Error('down')
      return { iceServers: turn(`n${asked}`), expiresAt: Date.now() + 20_000 }
    }
  })
  await alice.open()
  t.equal(asked, 1)
  await Promise.all([alice.servers(), alice.servers(), alice.servers()])
  t.equal(asked, 2)
  fails = true
  t.deepEqual(await alice.servers(), turn('n2'), 'they last for twenty seconds still')
  t.equal(asked, 3)
})

test('hostile server, turn: a list too long, or none, changes nothing, and no JSON ends the socket', async t => {
  const { server, client } = setUp(t, { iceServers: turn('first') })
  let socket: ReturnType<typeof evil> | undefined
  const via = {
    dial: () => {
      socket = evil(server.dial(), {})
      return socket
    }
  }
  const alice = client({}, via)
  await alice.open()
  const update = (body: string) =>
    socket?.inject(encodeFrame({ kind: 'update', requestId: 0, body: encodeText(body) }))
  for (const iceServers of [5, 'turn:x', {}, null, Array(500).fill({ urls: 'stun:victim.example' })]) {
    update(JSON.stringify({ iceServers }))
    t.deepEqual(await alice.servers(), turn('first'))
  }
  update('{}')
  update('[]')
  update(JSON.stringify({ iceServers: turn('second') }))
  t.deepEqual(await alice.servers(), turn('second'))
  const down = next(alice, 'disconnected')
  update('{')
  t.equal((await down)[1].code, 4500)
})

function dial(): never {
  throw new Error('not in this test')
}
