import { MemoryBackplane, MemoryCluster } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { deterministicCrypto } from 'socket-signal-testing'
import { test, WINDOW } from '../tools/resumed.ts'
import { record, rejection, until } from '../tools/wait.ts'

test(
  'recovery: a socket that breaks is away, and comes back with all that was sent to it, once and in order',
  {},
  async (t, { alice, bob, topic, cut, back }) => {
    const seen = record(alice, 'peer-away', 'peer-back', 'peer-left', 'peer-joined')
    const heard = record(bob, 'connected', 'join', 'message')
    await cut(1)
    await until(() => seen.length === 1)
    for (let at = 0; at < 5; at++) await alice.publish(topic, at)
    await alice.publish(topic, 'you', { to: bob.id })
    t.same(await alice.lookup(topic), [bob.id], 'its membership stands')
    await back()
    await until(() => heard.length === 7)
    t.same(heard[0], { event: 'connected', args: [true, { resumed: true, lost: 0 }] })
    t.same(
      heard.slice(1).map(({ event, args }) => [event, args[0].data]),
      [...[0, 1, 2, 3, 4, 'you'].map(data => ['message', data])],
      'and it did not join again'
    )
    await until(() => seen.length === 2)
    t.same(
      seen.map(({ event, args }) => [event, args[0].id]),
      [
        ['peer-away', bob.id],
        ['peer-back', bob.id]
      ]
    )
    await bob.publish(topic, 'here')
  }
)

test(
  'recovery: a topic that was left while the socket was away is left as soon as it is back, unless it was joined again',
  {},
  async (t, { clock, alice, bob, topic, cut, back }) => {
    const seen = record(alice, 'peer-away', 'peer-back', 'peer-left')
    const another = Buffer.alloc(32, 9)
    await alice.join(another, { watch: true })
    await bob.join(another)
    await clock.advance(100)
    await cut(1)
    await clock.advance(100)
    await until(() => seen.length === 2)
    const leaving = Promise.all([topic, another].map(each => rejection(bob.leave(each))))
    await clock.advance(15_000)
    t.same(
      (await leaving).map(({ code }) => code),
      ['TIMEOUT', 'TIMEOUT']
    )
    const joined = bob.join(another)
    await back()
    await joined
    await clock.advance(100)
    await until(() => seen.some(({ event }) => event === 'peer-left'))
    t.same(await alice.lookup(topic), [])
    t.same(await alice.lookup(another), [bob.id])
    t.equal(seen.filter(({ event }) => event === 'peer-left').length, 1)
  }
)

test(
  'recovery: a peer that is watched no more since the socket was away is not watched once it is back',
  {},
  async (t, { clock, server, alice, bob, cut, back }) => {
    const [another, third] = [Buffer.alloc(32, 9), Buffer.alloc(32, 8)]
    for (const topic of [another, third]) await bob.watch(topic, alice.id)
    t.equal(server.stats().watches, 3)
    await cut(1)
    const giving = Promise.all([another, third].map(topic => rejection(bob.unwatch(topic, alice.id))))
    await clock.advance(15_000)
    t.same(
      (await giving).map(({ code }) => code),
      ['TIMEOUT', 'TIMEOUT']
    )
    const watched = bob.watch(third, alice.id)
    await back()
    t.equal(await watched, false)
    t.equal(server.stats().watches, 2, 'but what is watched again')
  }
)

test(
  'recovery: presence that a client missed is told when it is back',
  {},
  async (t, { server, alice, bob, topic, road, cut, back, add }) => {
    await bob.join(topic, { watch: true })
    const seen = record(bob, 'peer-joined', 'peer-left', 'peer-away', 'peer-back')
    await cut(1)
    road.blocked = false
    const carol = await add()
    await carol.join(topic)
    await alice.leave(topic)
    await back()
    await until(() => seen.length === 2)
    t.same(
      seen.map(({ event, args }) => [event, args[0].id]),
      [
        ['peer-left', alice.id],
        ['peer-joined', carol.id]
      ]
    )
    await alice.join(topic)
    await until(() => seen.length === 3, 'and it goes on')
    t.equal(server.stats().away, 0)
  }
)

test(
  'recovery: who comes, looks or watches one peer is told who is away, and so is who heard it and comes anew',
  {},
  async (t, { clock, alice, bob, topic, road, cut, back, add }) => {
    await cut(1)
    road.blocked = false
    const carol = await add()
    const seen = record(carol, 'peer-joined', 'peer-away', 'peer-back')
    const said = () => seen.splice(0).map(({ event, args }) => [event, args[0].id])
    await carol.watch(topic, bob.id)
    t.same(said(), [['peer-away', bob.id]])
    t.same(
      (await carol.lookup(topic, { details: true })).find(({ away }) => away)?.id,
      bob.id,
      'and the others are not'
    )
    await carol.join(topic, { watch: true })
    t.same(said(), [['peer-joined', alice.id]], 'what it knows is not told again')
    // It misses that bob comes back, and hears it all the same.
    await cut(2)
    await clock.advance(WINDOW + 100)
    road.blocked = false
    await back()
    await until(() => bob.connected && carol.connected)
    await clock.advance(100)
    t.same(
      said().filter(([, id]) => bob.id.every((byte, at) => byte === (id as Uint8Array)[at])),
      [['peer-back', bob.id]]
    )
  }
)

test(
  'recovery: what was gathered to be told when a session goes on is told there',
  {},
  async (t, { clock, server, bob, topic, road, cut, back, add }) => {
    await bob.join(topic, { watch: true })
    const others = [await add(), await add()]
    await clock.advance(100)
    await cut(1)
    const seen = record(bob, 'peer-joined')
    road.blocked = false
    await others[0]?.join(topic)
    // The first is told at once, the next one 50 ms later; before that bob is back.
    await others[1]?.join(topic)
    bob.resume()
    await until(() => bob.connected)
    await clock.advance(100)
    t.same(
      seen.map(({ args }) => args[0].id),
      others.map(({ id }) => id)
    )
    await back()
    t.equal(server.stats().away, 0)
  }
)

test(
  'recovery: after the window it has left, and joins anew',
  {},
  async (t, { clock, server, alice, bob, topic, cut, back }) => {
    const seen = record(alice, 'peer-away', 'peer-back', 'peer-left', 'peer-joined')
    const heard = record(bob, 'connected', 'join', 'message')
    await cut(1)
    await alice.publish(topic, 'too late')
    await clock.advance(WINDOW - 100)
    t.equal(server.stats().away, 1)
    await clock.advance(200)
    t.same(
      seen.map(({ event }) => event),
      ['peer-away', 'peer-left']
    )
    t.equal(server.stats().away, 0)
    t.same(await alice.lookup(topic), [])
    await back()
    await until(() => heard.length === 2)
    t.same(heard[0]?.args, [true, { resumed: false, lost: 0 }])
    t.equal(heard[1]?.event, 'join')
    await until(() => seen.at(-1)?.event === 'peer-joined')
  }
)

test(
  'recovery: a pending offer fails at once, and one to somebody who is away does as well',
  {},
  async (t, { clock, alice, bob, topic, cut, back }) => {
    let [asked, release] = [0, () => {}]
    bob.onOffer(() => {
      asked++
      return new Promise<void>(resolve => (release = resolve))
    })
    const pending = rejection(alice.connect(topic, bob.id).ready())
    await until(() => asked === 1)
    await cut(1)
    const error = await pending
    t.same([error.code, error.retryable], ['PEER_AWAY', true])
    t.equal((await rejection(alice.connect(topic, bob.id).ready())).code, 'PEER_AWAY')
    release()
    await back()
    bob.onOffer(() => {})
    const peer = alice.connect(topic, bob.id)
    await until(() => peer.connected || peer.destroyed)
    t.ok(peer.connected, 'and after that it can be dialed')
    await clock.advance(0)
  }
)

test(
  'recovery: frames that were on their way are counted, and presence is made right',
  {},
  async (t, { server, alice, bob, topic, cut, back, add }) => {
    await bob.join(topic, { watch: true })
    const seen = record(bob, 'connected', 'peer-joined', 'message')
    server.pairs[1]?.partition(true)
    const carol = await add()
    await carol.join(topic)
    for (let at = 0; at < 3; at++) await alice.publish(topic, at)
    await cut(1)
    await back()
    await until(() => seen.length === 2)
    t.same(seen[0]?.args, [true, { resumed: true, lost: 4 }], 'three messages and the presence')
    t.same([seen[1]?.event, seen[1]?.args[0].id], ['peer-joined', carol.id])
  }
)

test(
  'recovery: what a client sent in vain is counted as well',
  {},
  async (t, { server, bob, topic, cut, back }) => {
    const seen = record(bob, 'connected')
    server.pairs[1]?.partition(true)
    const vain = rejection(bob.publish(topic, 'anybody?'))
    await new Promise(resolve => setImmediate(resolve))
    await cut(1)
    t.equal((await vain).code, 'CLOSED')
    await back()
    t.same(seen[0]?.args, [true, { resumed: true, lost: 1 }])
  }
)

test(
  'recovery: half-open, the client comes back before the server has noticed',
  {},
  async (t, { server, alice, bob, topic, clock }) => {
    const seen = record(alice, 'peer-away', 'peer-back', 'peer-left', 'peer-joined')
    const back = record(bob, 'connected', 'message')
    server.pairs[1]?.partition(true)
    server.pairs[1]?.left.close(4002, 'this side knows first')
    await until(() => !bob.connected)
    await alice.publish(topic, 'into the void')
    await clock.advance(60)
    await until(() => back.length === 1)
    t.same(back[0]?.args, [true, { resumed: true, lost: 1 }])
    await clock.advance(100)
    t.same(
      seen.map(({ event }) => event),
      ['peer-away', 'peer-back']
    )
    await alice.publish(topic, 'again')
    await until(() => back.length === 2)
    t.equal(server.stats().connections, 2)
  }
)

test('recovery: a session goes on at another node', {}, async (t, { clock, topic }) => {
  const cluster = new MemoryCluster()
  const nodes = [3, 4].map(seed => {
    const backplane = new MemoryBackplane({ cluster })
    return new SocketSignalMemoryServer({ clock, crypto: deterministicCrypto(seed), backplane })
  }) as [SocketSignalMemoryServer, SocketSignalMemoryServer]
  let dials = 0
  const options = (seed: number) => ({ clock, crypto: deterministicCrypto(seed), random: () => 0.1 })
  const roamer = new SocketSignalMemoryClient(
    { dial: () => (nodes[dials++ % 2] ?? nodes[0]).dial() },
    options(5)
  )
  const witness = new SocketSignalMemoryClient(nodes[0], options(6))
  await roamer.join(topic, { watch: true })
  await witness.join(topic, { watch: true })
  await clock.advance(100)
  const seen = record(witness, 'peer-away', 'peer-back', 'peer-left', 'peer-joined')
  const heard = record(roamer, 'connected', 'message', 'join', 'peer-left')
  nodes[0].pairs[0]?.break()
  await until(() => !roamer.connected)
  await clock.advance(0)
  await witness.publish(topic, 'on your way')
  await clock.advance(200)
  await until(() => heard.length === 2)
  t.same(heard[0]?.args, [true, { resumed: true, lost: 0 }])
  t.equal(heard[1]?.args[0].data, 'on your way')
  t.same([nodes[0].stats().connections, nodes[1].stats().connections], [1, 1])
  await clock.advance(100)
  t.same(
    seen.map(({ event }) => event),
    ['peer-away', 'peer-back']
  )
  await witness.leave(topic)
  await until(() => heard.length === 3)
  t.equal(heard[2]?.event, 'peer-left', 'and presence goes on there')
  await Promise.all([roamer.close(), witness.close()])
  for (const node of nodes) await node.close()
})

test(
  'recovery: row 16: a server that closes answers what was asked, and spreads when clients come back',
  {
    returnRate: 10,
    onLookup: () => new Promise<void>(resolve => setTimeout(resolve, 50))
  },
  async (t, { server, clients, alice, topic, add }) => {
    for (let at = 0; at < 3; at++) await add()
    const goodbyes = clients.map(client => record(client, 'disconnected'))
    const asked = alice.lookup(topic)
    await until(() => [...server.connections].some(({ running }) => running !== undefined))
    const closing = server.close()
    t.throws(() => server.dial(), /closed/, 'newcomers are refused')
    t.equal((await asked).length, 1)
    await closing
    await until(() => goodbyes.every(({ length }) => length === 1))
    t.ok(goodbyes.every(([event]) => event?.args[1].code === 4000 && event.args[0] === true))
    t.equal(server.stats().away, 0, 'and nobody is away')
  }
)
