import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { deterministicCrypto, fakeWrtc, ManualClock } from 'socket-signal-testing'
import type { Test } from 'tape'
import { clientOptions } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

const WINDOW = 30_000

recovery(
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

recovery(
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

recovery(
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

recovery(
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

recovery(
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

recovery(
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

recovery(
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

recovery(
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

recovery(
  'recovery: a window of 0 turns it off',
  { resumeWindow: 0 },
  async (t, { alice, bob, cut, back }) => {
    const seen = record(alice, 'peer-away', 'peer-left', 'peer-joined')
    const heard = record(bob, 'connected')
    await cut(1)
    await until(() => seen.length === 1)
    t.equal(seen[0]?.event, 'peer-left')
    await back()
    t.same(heard[0]?.args, [true, { resumed: false, lost: 0 }])
  }
)

type World = Awaited<ReturnType<typeof make>>

/** Alice, who watches, and bob, who does not, at a server whose clock stands still; nothing of them is left at the end. */
function recovery(name: string, options: object, body: (t: Test, world: World) => Promise<void>): void {
  test(name, async t => {
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
  /** Breaks a pipe; its client finds no way back before `back`. */
  const cut = async (at: number) => {
    road.blocked = true
    server.pairs[at]?.break()
    await until(() => clients.some(client => !client.connected))
    await clock.advance(10)
  }
  const back = async () => {
    road.blocked = false
    for (let at = 0; at < 300 && clients.some(client => !client.connected); at++) await clock.advance(10)
    await clock.advance(100)
  }
  return { clock, server, clients, alice, bob, topic, road, cut, back, add }
}
