import { SocketSignalClient, SocketSignalServerMap } from 'socket-signal'
import { serveByHand } from '../tools/served.ts'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

test('options: one that is none is a TypeError at once, which names it', async t => {
  class Client extends SocketSignalClient {}
  const named = (options: object): RegExp => {
    const [[name, value] = []] = Object.entries(options)
    const [own = name] = name === 'heartbeat' || name === 'recovery' ? Object.keys(Object(value)) : []
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
    { random: 0.5 },
    { simplePeer: 'x' },
    { simplePeer: 5 },
    { simplePeer: null },
    { simplePeer: () => ({}) },
    { reconnect: 5 },
    { reconnect: true },
    { reconnect: null },
    { recovery: 5 },
    { recovery: null },
    { heartbeat: 5 },
    { heartbeat: null },
    { concurrency: '3' },
    { concurrency: null },
    { concurrency: { incoming: 1.5 } },
    { metadata: new Map([['name', 'one']]) },
    { iceServers: ['stun:x'] },
    { iceServers: 'stun:x' }
  ]
  for (const options of wrongOfClient) {
    t.throws(() => new Client(null, options as never), named(options))
  }
  const notAtAll = [null, 5, 'x', []]
  for (const options of notAtAll) {
    t.throws(() => new Client(null, options as never), /^TypeError: options must be an object, got /)
    t.throws(() => new SocketSignalServerMap(options as never), /^TypeError: options must be an object, got /)
  }
  t.throws(
    () => new Client(null, { simplePeer: (() => {}) as never }),
    /simplePeer must be an object of options, got a function/
  )
  t.throws(() => new Client(null, { metadata: { at: 5n } }), TypeError, 'JSON has no BigInt')
  for (const options of [
    { reconnect: false },
    { heartbeat: true },
    { heartbeat: false },
    { iceServers: [] }
  ] as const)
    t.doesNotThrow(() => new Client(null, options as object), JSON.stringify(options))
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
    { backplane: {} },
    { history: 5 },
    { history: false },
    { clock: Date },
    { crypto: globalThis.crypto },
    { iceServers: ['stun:x'] },
    { pingInterval: 0 }
  ]
  for (const options of wrongOfServer) {
    t.throws(() => new SocketSignalServerMap(options as never), named(options))
  }
})

test('arguments: an id or a limit that is none is a TypeError at once, and does nothing', async t => {
  const { alice, bob, topic } = await story(t, { server: { history: {} } })
  for (const client of [alice, bob]) await client.join(topic)
  const heard = record(bob, 'message')
  for (const id of ['', 0, null, false, 'x', new Uint8Array(31)] as never[]) {
    const errors = [
      await rejection(alice.lookup(topic, { after: id })),
      await rejection(alice.publish(topic, 'secret', { to: id }))
    ]
    for (const [at, error] of errors.entries()) {
      t.equal(error.name, 'TypeError')
      t.match(error.message, new RegExp(`^${['after', 'to'][at]} must be .* of 32 bytes, got `))
    }
  }
  for (const limit of ['x', '3', -1, 0, 1.5, Number.NaN, null] as never[]) {
    for (const name of ['join', 'lookup', 'history'] as const) {
      const error = await rejection(alice[name](topic, { limit }))
      t.equal(error.name, 'TypeError')
      t.match(error.message, /^limit must be a whole number above 0, got /, `${name} ${limit}`)
    }
  }
  t.same(await alice.lookup(topic, { after: undefined, limit: Number.POSITIVE_INFINITY }), [bob.id])
  t.throws(() => alice.connect(topic, bob.id, { metadata: { at: 5n } }), TypeError)
  await alice.publish(topic, 'to all', { to: undefined })
  await until(() => heard.length > 0)
  t.same(
    heard.map(({ args }) => args[0].data),
    ['to all'],
    'nobody heard the secret'
  )
  t.ok(alice.connected)
})

test('client: options in the place of the socket are a TypeError', t => {
  class Client extends SocketSignalClient {}
  t.throws(() => new Client({ metadata: {} } as never), /options come second/)
  t.end()
})

test('options: maxLookup bounds answers, whatever is asked for, but not those to who watches', async t => {
  const { clients, alice, topic } = await story(t, {
    server: { lookup: 4, maxLookup: 3 },
    clients: Array(6).fill({})
  })
  for (const client of clients.slice(1)) await client.join(topic)
  const sizes = [
    await alice.lookup(topic),
    await alice.lookup(topic, { limit: 2 }),
    await alice.lookup(topic, { limit: 5, details: true }),
    await alice.lookup(topic, { limit: 5, after: new Uint8Array(32) }),
    await alice.join(topic),
    await alice.join(topic, { limit: 5 }),
    await alice.join(topic, { watch: true })
  ].map(({ length }) => length)
  t.same(sizes, [3, 2, 3, 3, 3, 3, 5])
})

test('options: presenceInterval gathers what changes behind a change', async t => {
  const { clock, raw, topic } = serveByHand(t, { presenceInterval: 400 })
  const [watcher, ...others] = [raw(), raw(), raw(), raw()]
  for (const client of [watcher, ...others]) await client.hello()
  await watcher.join(topic, { watch: true })
  const told = () =>
    watcher.received.flatMap(frame => (frame.kind === 'presence' ? [frame.joined.length] : []))
  for (const client of others) await client.join(topic)
  await clock.advance(399)
  t.same(told(), [1], 'the first one at once')
  await clock.advance(1)
  t.same(told(), [1, 2])
})

test('options: closeTimeout is how long hooks may hold up a server that closes', async t => {
  let asked = false
  const { server, clock, raw, topic } = serveByHand(t, {
    closeTimeout: 700,
    onJoin: () => new Promise(() => (asked = true))
  })
  const client = raw()
  await client.hello()
  void client.join(topic).catch(() => {})
  await until(() => asked)
  const closing = server.close()
  await clock.advance(699)
  t.notOk(client.closed, 'what was asked may be answered')
  await clock.advance(1)
  await client.settled()
  t.equal(client.closed?.code, 4000)
  await clock.advance(699)
  t.equal(server.status, 'closing', 'its disconnect hook may be done')
  await clock.advance(1)
  await closing
  t.equal(server.status, 'closed')
})
