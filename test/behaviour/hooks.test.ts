import { randomBytes } from 'node:crypto'
import { type Connection, generateKeyPair, SignalError, SocketSignalServerMap } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer, socketPair } from 'socket-signal-memory'
import { ManualClock } from 'socket-signal-testing'
import { encodeFrame } from '../../packages/core/src/frame.ts'
import { clientOptions, story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'

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

test('hooks: who is replaced while it connects disconnects before its successor connects', async t => {
  const log: string[] = []
  let release: (() => void) | undefined
  const server = new SocketSignalMemoryServer({
    onConnect: async () => {
      log.push('connect')
      if (!release) await new Promise<void>(resolve => (release = resolve))
    },
    onDisconnect: () => {
      log.push('disconnect')
    }
  })
  const keyPair = await generateKeyPair()
  const [first, second] = [0, 1].map(() => new SocketSignalMemoryClient(server, { keyPair })) as [
    SocketSignalMemoryClient,
    SocketSignalMemoryClient
  ]
  t.teardown(async () => {
    await Promise.all([first.close(), second.close()])
    await server.close()
  })
  const replaced = rejection(first.open())
  await until(() => release !== undefined)
  const opening = second.open()
  t.equal((await replaced).code, 'REPLACED')
  t.same(log, ['connect'], 'the one that is there now waits')
  release?.()
  await opening
  t.same(log, ['connect', 'disconnect', 'connect'])
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

test('leave: one that is refused leaves everything as it was', async t => {
  const onLeave = () => {
    throw new Error('stay')
  }
  const { alice, bob, topic } = await story(t, { server: { onLeave } })
  await bob.join(topic)
  t.equal((await rejection(bob.leave(topic))).message, 'stay')
  t.same(await alice.lookup(topic), [bob.id])
  t.ok((await alice.connect(topic, bob.id).ready()).connected)
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
