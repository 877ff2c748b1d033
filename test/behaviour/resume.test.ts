import { randomBytes } from 'node:crypto'
import { MemoryBackplane, MemoryCluster } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { deterministicCrypto, fakeWrtc, ManualClock } from 'socket-signal-testing'
import type { Test } from 'tape'
import { RawClient } from '../tools/raw.ts'
import { clientOptions } from '../tools/story.ts'
import { test as run } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

const WINDOW = 30_000

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
  'recovery: what finds no room is told as lost, what was kept has no gap',
  { awayQueue: 1000 },
  async (t, { alice, bob, topic, cut, back }) => {
    const seen = record(bob, 'connected', 'message')
    await cut(1)
    for (let at = 0; at < 10; at++) await alice.publish(topic, at)
    await back()
    const [how] = seen
    const kept = seen.slice(1).map(({ args }) => args[0].data)
    t.ok(kept.length > 0 && kept.length < 10)
    t.same(
      kept,
      kept.map((_, at) => at)
    )
    t.same(how?.args, [true, { resumed: true, lost: 10 - kept.length }])
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

test('recovery: a window of 0 turns it off', { resumeWindow: 0 }, async (t, { alice, bob, cut, back }) => {
  const seen = record(alice, 'peer-away', 'peer-left', 'peer-joined')
  const heard = record(bob, 'connected')
  await cut(1)
  await until(() => seen.length === 1)
  t.equal(seen[0]?.event, 'peer-left')
  await back()
  t.same(heard[0]?.args, [true, { resumed: false, lost: 0 }])
})

test(
  'recovery: topics that are not granted any more are left, and told',
  {
    authorize: ({ action, token }: { action: string; token: string }) => action !== 'join' || token !== 'no'
  },
  async (t, { alice, bob, topic, road, clock, cut, back, add }) => {
    let token = 'yes'
    const carol = await add({ token: () => token })
    await carol.join(topic)
    const told = record(carol, 'connected', 'message', 'leave', 'dropped')
    const seen = record(alice, 'peer-away', 'peer-left', 'peer-back')
    token = 'no'
    await cut(2)
    road.blocked = false
    await alice.publish(topic, 'secret').catch(() => {})
    await back()
    await until(() => told.length === 3)
    t.same(
      told.map(({ event }) => event),
      ['connected', 'dropped', 'leave'],
      'and what was said there is not for it'
    )
    t.equal(told[0]?.args[1].resumed, true)
    await clock.advance(100)
    t.same(await alice.lookup(topic), [bob.id])
    t.same(
      seen.map(({ event }) => event),
      ['peer-away', 'peer-left']
    )
  }
)

test(
  'recovery: who is away can be kicked, and has left',
  {},
  async (t, { server, clock, alice, bob, cut, back }) => {
    const seen = record(alice, 'peer-away', 'peer-left')
    const heard = record(bob, 'connected')
    await cut(1)
    t.equal(server.disconnect({ id: bob.id }), 1)
    await clock.advance(100)
    await until(() => seen.length === 2)
    await back()
    t.equal(heard[0]?.args[1].resumed, false)
  }
)

test('recovery: no more are away at once than the limit says', { maxAway: 1 }, async (t, world) => {
  const { server, alice, bob, topic, cut, back, add } = world
  const carol = await add()
  await carol.join(topic)
  await cut(1, 2)
  t.equal(server.stats().away, 1)
  const heard = [record(bob, 'connected'), record(carol, 'connected')]
  await back()
  t.same(
    heard.map(([event]) => event?.args[1].resumed),
    [true, false]
  )
  t.same(new Set(await alice.lookup(topic)), new Set([bob.id, carol.id]))
})

test(
  'recovery: memory for those who are away is bounded for all of them',
  { maxAwayBytes: 3000 },
  async (t, world) => {
    const { alice, bob, topic, cut, back, add } = world
    const carol = await add()
    await carol.join(topic)
    await cut(1, 2)
    for (let at = 0; at < 20; at++) await alice.publish(topic, at)
    const heard = [record(bob, 'connected', 'message'), record(carol, 'connected', 'message')]
    await back()
    const kept = heard.map(events => events.length - 1)
    const lost = heard.map(([event]) => event?.args[1].lost)
    t.ok((kept[0] as number) + (kept[1] as number) < 20)
    t.same(
      kept.map((count, at) => count + lost[at]),
      [20, 20],
      'and each is told how much it lost'
    )
  }
)

test('recovery: an id without a key is kept for who has the resume key', {}, async (t, world) => {
  const { server, alice, topic, cut, back, add } = world
  const id = randomBytes(32)
  const bare = await add({ id })
  await bare.join(topic)
  const heard = record(bare, 'connected')
  await cut(2)
  const raw = await claim(server, id, {})
  await until(() => raw.closed !== undefined)
  t.equal(raw.closed?.code, 4009, 'a bare claim is refused')
  const guess = await claim(server, id, { resume: true, resumeKey: randomBytes(32) })
  await until(() => guess.closed !== undefined)
  t.equal(guess.closed?.code, 4009, 'one with a wrong key as well')
  await back()
  t.equal(heard[0]?.args[1].resumed, true)
  t.ok((await alice.lookup(topic)).some(other => Buffer.from(id).equals(other)))
})

test(
  'recovery: a proven id takes its place anew, and the one before has left first',
  { conflict: 'reject' },
  async (t, world) => {
    const { clock, server, alice, topic, road, cut, add } = world
    const keyPair = { publicKey: new Uint8Array(), secretKey: new Uint8Array() }
    Object.assign(keyPair, await deterministicCrypto(77).generateKeyPair())
    const first = await add({ keyPair })
    await first.join(topic)
    const seen = record(alice, 'peer-joined', 'peer-left', 'peer-away')
    await cut(2)
    await clock.advance(100)
    await until(() => seen.length === 1)
    road.blocked = false
    const second = await add({ keyPair, reconnect: false })
    t.equal(server.stats().away, 0)
    await second.join(topic)
    await clock.advance(100)
    await until(() => seen.length === 3)
    t.same(
      seen.map(({ event }) => event),
      ['peer-away', 'peer-left', 'peer-joined']
    )
    await first.close()
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
  'recovery: suspended, nothing of a client runs; resumed, it goes on where it was',
  {},
  async (t, world) => {
    const { clock, server, alice, bob, topic } = world
    await alice.leave(topic)
    const seen = record(alice, 'disconnected', 'connected', 'message')
    const before = clock.pending
    alice.suspend()
    await until(() => seen.length === 1)
    t.same([seen[0]?.args[0], seen[0]?.args[1].code], [true, 4011])
    await alice.join(topic, { signal: AbortSignal.abort() }).catch(() => {})
    await clock.advance(20_000)
    t.equal(server.pairs.length, 2, 'nothing was dialed')
    t.ok(clock.pending <= before)
    alice.resume()
    await until(() => seen.length === 2)
    t.same(seen[1]?.args, [true, { resumed: true, lost: 0 }])
    alice.suspend({ leave: true })
    await until(() => server.stats().connections === 1)
    t.equal(server.stats().away, 0)
    await clock.advance(5_000)
    alice.resume()
    await until(() => seen.length === 4)
    t.equal(seen[3]?.args[1].resumed, false)
    t.ok(bob.connected)
  }
)

test('recovery: resume() ends the wait for the next try, and finds a dead socket', {}, async (t, world) => {
  const { clock, server, bob, road, cut } = world
  const seen = record(bob, 'connected', 'disconnected')
  await cut(1)
  for (let at = 0; at < 60; at++) await clock.advance(1000)
  road.blocked = false
  bob.resume()
  await until(() => seen.length === 2)
  server.pairs.at(-1)?.partition(true)
  bob.resume()
  await clock.advance(4_900)
  t.ok(bob.connected)
  await clock.advance(200)
  await until(() => seen.length >= 3)
  t.equal(seen[2]?.args[1].code, 4002)
})

test('recovery: closed while suspended, it is closed', {}, async (t, { alice }) => {
  alice.suspend()
  await until(() => !alice.connected)
  await alice.close()
  t.equal(alice.status, 'closed')
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

/** A hello of no client of ours, with an id that nobody proves. */
async function claim(server: SocketSignalMemoryServer, id: Uint8Array, fields: object) {
  const raw = new RawClient(server.dial(), id)
  await raw.hello(fields)
  return raw
}

type World = Awaited<ReturnType<typeof make>>

/** Alice, who watches, and bob, who does not, at a server whose clock stands still; nothing of them is left at the end. */
function test(name: string, options: object, body: (t: Test, world: World) => Promise<void>): void {
  run(name, async t => {
    const world = await make(options)
    const { clock, server, clients } = world
    try {
      await body(t, world)
    } finally {
      await Promise.all(clients.map(client => client.close()))
      await server.close()
    }
    t.equal(clock.pending, 0, 'no timer is left')
    const { routed, ...held } = server.stats()
    t.same(new Set(Object.values(held)), new Set([0]), 'nor anything else')
  })
}

async function make(options: object) {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock, crypto: deterministicCrypto(9), ...options })
  const rtc = fakeWrtc()
  const clients: SocketSignalMemoryClient[] = []
  const road = { blocked: false }
  const dial = () => {
    if (road.blocked) throw new Error('no way')
    return server.dial()
  }
  const add = async (own = {}) => {
    const crypto = deterministicCrypto(clients.length + 1)
    const base = { ...clientOptions(rtc), clock, crypto, random: () => 0.1 }
    const client = new SocketSignalMemoryClient({ dial }, { ...base, ...own })
    clients.push(client)
    await client.open()
    return client
  }
  const topic = randomBytes(32)
  const [alice, bob] = [await add(), await add()]
  await alice.join(topic, { watch: true })
  await bob.join(topic)
  await clock.advance(100)
  const cutOff = () => clients.filter(client => !client.connected).length
  /** Breaks pipes; their clients find no way back before `back`. */
  const cut = async (...pipes: number[]) => {
    road.blocked = true
    const before = cutOff()
    for (const at of pipes) server.pairs[at]?.break()
    await until(() => cutOff() === before + pipes.length)
    await clock.advance(10)
  }
  const back = async () => {
    road.blocked = false
    for (let at = 0; at < 300 && cutOff() > 0; at++) await clock.advance(10)
    await clock.advance(100)
  }
  return { clock, server, clients, alice, bob, topic, road, cut, back, add }
}
