import { randomBytes } from 'node:crypto'
import { type Company, type Crypto, createCrypto, type Peer, toHex, toKey } from 'socket-signal'
import { Detour } from 'socket-signal/detour'
import { createAddressed } from 'socket-signal/wire'
import { type Broadcast, degree, Swarm } from 'socket-signal-swarm'
import { ManualClock, type SimulatedPeer, simulate } from 'socket-signal-testing'
import { MS } from '../../packages/swarm/src/bounds.ts'
import { Broadcaster } from '../../packages/swarm/src/broadcast.ts'
import type { Channel } from '../../packages/swarm/src/channel.ts'
import { Neighbour } from '../../packages/swarm/src/neighbour.ts'
import type { Word } from '../../packages/swarm/src/wire.ts'
import { EvilNeighbour } from '../tools/evil-swarm.ts'
import { story } from '../tools/story.ts'
import { Swarms } from '../tools/swarms.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

const long = { timeout: 60_000 }

test('broadcast: reaches everybody once, over several steps, and says who sent it', long, async t => {
  await simulate({ seed: 11, peers: 20 }, async world => {
    const swarms = new Swarms(world, ['room'], { topology: degree(3) })
    await world.until(() => swarms.whole(), 'it is whole')
    const got = listen(swarms.all)
    const [first] = swarms.all as [Swarm]
    for (let number = 0; number < 50; number++) {
      const neighbours = await first.broadcast({ number })
      if (neighbours !== first.connections.length) t.fail(`${neighbours} neighbours`)
    }
    await first.broadcast(Uint8Array.of(1, 2, 3))
    await world.until(() => got.slice(1).every(({ length }) => length === 51), 'all have all')
    t.equal(got[0]?.length, 0, 'but for who sent it')
    const sender = toHex(world.peers[0]?.id as Uint8Array)
    t.ok(got.flat().every(({ id }) => toHex(id) === sender))
    t.ok(
      got.flat().some(({ hops }) => hops > 1),
      'some came over two peers and more'
    )
    for (const messages of got.slice(1)) {
      const numbers = messages.map(({ data }) => (data as { number?: number }).number)
      if (new Set(numbers).size !== 51) t.fail('something came twice')
    }
    t.ok(got[1]?.at(-1)?.data instanceof Uint8Array, 'bytes as bytes')
    const sum = (name: 'received' | 'repeated') =>
      swarms.all.reduce((total, { stats }) => total + stats.broadcasts[name], 0)
    t.equal(sum('received'), 51 * 19, 'delivery is counted')
    t.ok(sum('repeated') > 0, `${sum('repeated')} copies came in vain`)
    await swarms.end()
  })
})

test('broadcast: only to who is in the topic; without a topic it must be clear which', long, async t => {
  await simulate({ seed: 12, peers: 4 }, async world => {
    const swarms = new Swarms(world, ({ name }) => (name < 'peer2' ? ['a', 'b'] : ['a']))
    const shared = () => swarms.of(world.peers[0]).connections.filter(({ info }) => info.topics.length === 2)
    await world.until(() => swarms.complete() && shared().length === 1, 'it is complete')
    const got = listen(swarms.all)
    const [first] = swarms.all as [Swarm]
    t.equal((await rejection(first.broadcast('which?'))).code, 'NOT_JOINED')
    t.equal((await rejection(first.broadcast('none', { topic: world.topic('c') }))).code, 'NOT_JOINED')
    t.equal(
      (await rejection(first.broadcast('x'.repeat(17_000), { topic: world.topic('a') }))).code,
      'TOO_LARGE'
    )
    t.equal(await first.broadcast('few', { topic: world.topic('b') }), 1)
    t.equal(await first.broadcast('all', { topic: world.topic('a') }), 3)
    await world.sleep(1000)
    t.deepEqual(
      got.map(messages => messages.map(({ data }) => data)),
      [[], ['few', 'all'], ['all'], ['all']]
    )
    await swarms.end()
  })
})

test('broadcast: who sends too much is cut at the first step', long, async t => {
  await simulate({ seed: 13, peers: 5 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.until(() => swarms.complete(), 'it is complete')
    const got = listen(swarms.all)
    const [first] = swarms.all as [Swarm]
    await Promise.all(Array.from({ length: 1500 }, (_, number) => first.broadcast(number)))
    await world.sleep(5000)
    const most = Math.max(...got.map(({ length }) => length))
    t.ok(most >= 500 && most <= 1000, `${most} of 1500 were taken`)
    t.ok(swarms.all.slice(1).every(({ stats }) => stats.broadcasts.dropped + stats.broadcasts.crowded > 0))
    t.equal(swarms.complete(), true, 'and nobody is banned for it')
    await swarms.end()
  })
})

test(
  'broadcast: of the copies that come while one is checked none is, unless that one was forged',
  long,
  async t => {
    await simulate({ seed: 14, peers: 2 }, async world => {
      const [sender, receiver] = world.peers as [SimulatedPeer, SimulatedPeer]
      const topic = world.topic('room')
      const said: Word[] = []
      const neighbour = {
        key: 'somebody',
        shared: new Map([[toKey(topic), topic]]),
        drained: async () => {},
        channel: { full: false },
        say: (word: Word) => said.push(word) > 0
      } as unknown as Neighbour
      const on = ({ client }: SimulatedPeer, company: Partial<Company> = {}) => {
        const { clock, random, seal, check } = client.accompany({}, Detour)
        return new Broadcaster({
          company: { clock, random, seal, check, ...company } as Company,
          self: () => client.id,
          neighbours: () => [neighbour],
          onmessage: () => {}
        })
      }
      await Promise.all(world.peers.map(({ client }) => client.open()))
      await on(sender).send(topic, 'hello')
      const { frame } = said[0] as Extract<Word, { kind: 'broadcast' }>
      const forged = frame.slice()
      forged[forged.length - 1] = (forged.at(-1) as number) ^ 1
      let checks = 0
      const { check } = receiver.client.accompany({}, Detour)
      const broadcaster = on(receiver, {
        check: message => {
          checks++
          return check(message)
        }
      })
      const copies = [forged, frame, frame, frame, frame, frame]
      const results = await Promise.allSettled(copies.map(copy => broadcaster.receive(neighbour, 0, copy)))
      t.deepEqual(
        results.map(({ status }) => status),
        ['rejected', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled', 'fulfilled']
      )
      t.equal(checks, 2)
      t.equal(broadcaster.counts.received, 1)
      t.equal(broadcaster.counts.repeated, 4)
    })
  }
)

test('broadcast: a channel that takes nothing is waited for once, and again when it has taken something', async t => {
  const clock = new ManualClock()
  let drain = () => {}
  const channel = {
    full: true,
    drained: () => new Promise<void>(resolve => void (drain = resolve))
  }
  const id = new Uint8Array(32)
  const neighbour = new Neighbour({ id } as Peer, channel as unknown as Channel, clock)
  const waits = async (ms: number) => {
    let waited = true
    void neighbour.drained().then(() => {
      waited = false
    })
    await clock.advance(ms)
    return waited
  }
  t.equal(await waits(MS.drain - 1), true)
  t.equal(await waits(1), true)
  t.equal(await waits(0), false, 'its time is over')
  drain()
  await clock.advance(MS.drain)
  t.equal(await waits(0), true, 'it took something')
  drain()
  await clock.advance(0)
  t.equal(clock.pending, 0)
})

test('broadcast: what one neighbour hands on is dealt with one by one, also behind what failed', async t => {
  const neighbour = new Neighbour({ id: new Uint8Array(32) } as Peer, {} as Channel, new ManualClock())
  const begun: number[] = []
  let fail = (_: Error) => {}
  const first = neighbour.inTurn(() => {
    begun.push(1)
    return new Promise((_, reject) => void (fail = reject))
  })
  const second = neighbour.inTurn(async () => void begun.push(2))
  await new Promise(resolve => setTimeout(resolve, 0))
  t.deepEqual(begun, [1])
  fail(new Error('forged'))
  t.equal((await rejection(first)).message, 'forged')
  await second
  t.deepEqual(begun, [1, 2])
})

test('broadcast: who starts anew with a clock that was set back is heard', long, async t => {
  await simulate({ seed: 15, peers: 12 }, async world => {
    const swarms = new Swarms(world, ['room'], { topology: degree(3) })
    await world.until(() => swarms.whole(), 'it is whole')
    const [sender, ...others] = world.peers as [SimulatedPeer]
    await swarms.of(sender).broadcast('before')
    await world.sleep(1000)
    await swarms.of(sender).destroy()
    const { now } = Date
    Date.now = () => now() - 20 * 365 * 86_400_000
    const again = swarms.add(sender)
    await again.join(world.topic('room'))
    await world.until(() => swarms.whole(), 'it is whole again')
    const got = listen(others.map(peer => swarms.of(peer)))
    for (const word of ['one', 'two', 'three']) {
      await again.broadcast(word)
      await world.sleep(1000)
    }
    Date.now = now
    const last = got.map(messages => messages.at(-1)?.data)
    t.ok(
      last.every(word => word === 'three'),
      `heard: ${last}`
    )
    await swarms.end()
  })
})

test('broadcast: of who is banned nothing is told, also over others, who hear it', long, async t => {
  await simulate({ seed: 16, peers: 3 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.until(() => swarms.complete(), 'it is complete')
    const [one, other, banned] = swarms.all as [Swarm, Swarm, Swarm]
    const got = listen([one, other])
    const id = world.peers[2]?.id as Uint8Array
    let dials = 0
    world.peers[0]?.client.on('peer-queue', ({ peer }) => {
      if (peer.initiator && toKey(peer.id) === toKey(id)) dials++
    })
    one.ban(id, 30_000)
    await world.until(() => banned.connections.length === 1, 'it is parted from')
    await banned.broadcast('spam')
    await world.sleep(1000)
    t.deepEqual(
      got.map(messages => messages.map(({ data }) => data)),
      [[], ['spam']]
    )
    await world.sleep(25_000)
    t.equal(dials, 0, 'nor is it dialed')
    await world.until(() => swarms.complete(), 'the ban is over', 120)
    await banned.broadcast('sorry')
    await world.sleep(1000)
    t.equal(got[0]?.[0]?.data, 'sorry')
    await swarms.end()
  })
})

test('broadcast: who has no key is told so, and blamed by nobody', async t => {
  const { clients, topic } = await story(t, {
    clients: [{ verify: 'optional' }, { verify: 'optional', id: randomBytes(32) }]
  })
  const [one, other] = clients.map(client => new Swarm(client)) as [Swarm, Swarm]
  t.teardown(() => Promise.all([one.destroy(), other.destroy()]))
  const banned: string[] = []
  for (const swarm of [one, other]) swarm.on('banned', ({ error }) => void banned.push(error.message))
  await Promise.all([one.join(topic), other.join(topic)])
  await until(() => one.connections.length === 1 && other.connections.length === 1)
  t.equal((await rejection(other.broadcast('hello'))).code, 'UNPROVEN_ID')
  t.equal(await one.broadcast('hello'), 1)
  // What is said behind it on the same channel is heard as well.
  const another = randomBytes(32)
  await Promise.all([one.join(another), other.join(another)])
  await until(() => [one, other].every(({ connections: [each] }) => each?.info.topics.length === 2))
  t.deepEqual(banned, [])
  t.equal(other.stats.broadcasts.sent, 0)
})

test('broadcast: of what somebody hands on the first that is forged is the last that is checked', async t => {
  const crypto = createCrypto()
  let checks = 0
  const verify: Crypto['verify'] = (...given) => {
    checks++
    return crypto.verify(...given)
  }
  const { alice, bob, topic } = await story(t, { clients: [{ crypto: { ...crypto, verify } }, {}] })
  const swarm = new Swarm(alice)
  t.teardown(() => swarm.destroy())
  const banned = record(swarm, 'banned')
  await swarm.join(topic)
  const evil = await EvilNeighbour.of({ client: bob }, topic, alice.id)
  await until(() => swarm.connections.length === 1)
  const before = checks
  for (let seq = 1; seq <= 50; seq++) {
    const fields = {
      flags: 0,
      address: bob.id,
      topic,
      session: new Uint8Array(32),
      seq,
      body: randomBytes(9)
    }
    const frame = createAddressed('message', fields)
    frame.signature = randomBytes(64)
    evil.say({ kind: 'broadcast', hops: 0, frame: frame.bytes })
  }
  await until(() => swarm.connections.length === 0 && banned.length > 0)
  await evil.peer.waitForClose()
  t.equal(checks - before, 1)
  t.equal(banned.length, 1, 'and it is told once')
})

test('broadcast: an app’s own function that throws is told, and blamed on no neighbour', async t => {
  let throws = false
  const verify = () => {
    if (throws) throw new TypeError('a bug of the app')
    return 'required' as const
  }
  const { clients, topic } = await story(t, { clients: [{ verify }, {}] })
  const [one, other] = clients.map(client => new Swarm(client)) as [Swarm, Swarm]
  t.teardown(() => Promise.all([one.destroy(), other.destroy()]))
  const errors: unknown[] = []
  one.on('error', error => void errors.push(error))
  await Promise.all([one.join(topic), other.join(topic)])
  await until(() => one.connections.length === 1 && other.connections.length === 1)
  throws = true
  await other.broadcast('hello')
  await until(() => errors.length === 1)
  throws = false
  t.equal((errors[0] as Error).message, 'a bug of the app')
  t.equal(one.connections.length, 1)
})

function listen(swarms: Swarm[]): Broadcast[][] {
  return swarms.map(swarm => {
    const got: Broadcast[] = []
    swarm.on('message', message => void got.push(message))
    return got
  })
}
