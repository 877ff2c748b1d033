import { type SignalError, toKey } from 'socket-signal'
import { type Broadcast, full, type Swarm } from 'socket-signal-swarm'
import { type SimulatedPeer, simulate, type World } from 'socket-signal-testing'
import type { Word } from '../../packages/swarm/src/wire.ts'
import { EvilNeighbour } from '../tools/evil-swarm.ts'
import { Swarms } from '../tools/swarms.ts'
import { test } from '../tools/test.ts'

const long = { timeout: 60_000 }

interface Attack {
  world: World
  topic: Uint8Array
  evil: EvilNeighbour
  attacker: SimulatedPeer
  victim: SimulatedPeer
  swarm: Swarm
  swarms: Swarms
  banned: SignalError[]
  got: Broadcast[]
}

/** Four honest peers, and a fifth that is connected with the first of them alone. */
async function attack(seed: number, run: (attack: Attack) => Promise<void>): Promise<void> {
  await simulate({ seed, peers: 5 }, async world => {
    const swarms = new Swarms(world, ({ name }) => (name === 'peer4' ? [] : ['room']), { topology: full() })
    const [victim, attacker] = [world.peers[0], world.peers[4]] as [SimulatedPeer, SimulatedPeer]
    const honest = () => world.peers.slice(0, 4).map(peer => swarms.of(peer))
    const whole = () => honest().every(each => each?.connections.length === 3) || 'not complete'
    await world.until(whole, 'it is complete')
    const topic = world.topic('room')
    const evil = await EvilNeighbour.of(attacker, topic, victim.id)
    const swarm = swarms.of(victim)
    const banned: SignalError[] = []
    const got: Broadcast[] = []
    swarm.on('banned', ({ error }) => void banned.push(error))
    swarm.on('message', message => void got.push(message))
    await world.sleep(1000)
    await run({ world, topic, evil, attacker, victim, swarm, swarms, banned, got })
    const without = () =>
      honest().every(
        each => each.connections.filter(({ info }) => toKey(info.id) !== toKey(attacker.id)).length === 3
      )
    if (!without()) throw new Error('honest peers lost each other')
    await swarms.end()
  })
}

const NONSENSE: { [name: string]: Uint8Array } = {
  'no bytes': new Uint8Array(0),
  'an unknown word': Uint8Array.of(99),
  'a beat cut short': new Uint8Array(20),
  'too many neighbours': Uint8Array.of(0, 0, 0, 0, 0, 255),
  'bytes left over': Uint8Array.of(1, 0),
  'no broadcast': Uint8Array.of(5, 0, 1, 2, 3),
  'a path of one': Uint8Array.of(6, 0, 1, ...new Uint8Array(32)),
  'a path that is too long': Uint8Array.of(6, 1, 200, ...new Uint8Array(320)),
  'much too large': new Uint8Array(100_000)
}

for (const [name, bytes] of Object.entries(NONSENSE)) {
  test(`hostile swarm: ${name} ends in a ban`, long, async t => {
    await attack(21, async ({ world, evil, attacker, topic, victim, swarm, banned }) => {
      t.equal(swarm.connections.length, 4)
      evil.bytes(bytes)
      await world.until(() => swarm.connections.length === 3, 'it is thrown out')
      t.equal(banned[0]?.code, 'BAD_FRAME')
      const again = await EvilNeighbour.of(attacker, topic, victim.id).catch(error => error.code)
      t.equal(again, 'FORBIDDEN', 'and comes in no more')
      swarm.unban(attacker.id)
      await EvilNeighbour.of(attacker, topic, victim.id)
      t.equal(swarm.connections.length, 4, 'but for who is forgiven')
    })
  })
}

test('hostile swarm: a path that names somebody else as the last step is forged', long, async t => {
  await attack(22, async ({ world, evil, victim, swarm, banned }) => {
    const path = [world.peers[1], world.peers[2], victim].map(peer => toKey((peer as SimulatedPeer).id))
    evil.say({ kind: 'carry', at: 2, path, frame: new Uint8Array(200) })
    await world.until(() => swarm.connections.length === 3, 'it is thrown out')
    t.equal(banned[0]?.message, 'a path that is forged')
  })
})

test('hostile swarm: carried nonsense hurts nobody, and is limited', long, async t => {
  await attack(23, async ({ world, evil, attacker, victim, swarm }) => {
    const target = world.peers[1] as SimulatedPeer
    const path = [attacker, victim, target].map(({ id }) => toKey(id))
    const head = new Uint8Array(200)
    head.set(world.topic('room'), 38)
    for (let number = 0; number < 1000; number++) evil.say({ kind: 'carry', at: 1, path, frame: head })
    await world.sleep(1000)
    t.ok(swarm.stats.carried.carried <= 250, `${swarm.stats.carried.carried} of 1000 were carried`)
    t.ok(swarm.stats.carried.dropped >= 700)
    head.fill(9, 38, 70)
    await world.sleep(5000)
    const before = swarm.stats.carried
    evil.say({ kind: 'carry', at: 1, path, frame: head })
    await world.sleep(1000)
    t.equal(swarm.stats.carried.dropped, before.dropped + 1, 'nothing of another topic is carried')
    t.equal(target.client.peers.length, 3)
  })
})

test(
  'hostile swarm: a broadcast that was changed or forged is refused, and its bearer banned',
  long,
  async t => {
    for (const change of [180, 104, 10]) {
      await attack(24, async ({ world, evil, swarms, swarm, banned, got }) => {
        const { frame } = await overheard(world, evil, swarms)
        t.equal(got.length, 1, 'as it was, it came')
        frame[change] = (frame[change] as number) ^ 1
        if (change === 180) frame[105] = (frame[105] as number) + 1 // Else it counts as seen.
        evil.say({ kind: 'broadcast', hops: 0, frame })
        await world.until(() => swarm.connections.length === 3, 'it is thrown out')
        t.equal(banned[0]?.code, 'BAD_SIGNATURE', `byte ${change}`)
        t.equal(got.length, 1)
      })
    }
  }
)

test(
  'hostile swarm: a broadcast that is played back counts as seen, under any number of hops',
  long,
  async t => {
    await attack(25, async ({ world, evil, swarms, swarm, got }) => {
      const { frame } = await overheard(world, evil, swarms)
      for (let hops = 0; hops < 256; hops++) evil.say({ kind: 'broadcast', hops, frame })
      await world.sleep(1000)
      t.equal(got.length, 1)
      t.equal(swarm.connections.length, 4)
      t.ok(swarm.stats.broadcasts.repeated + swarm.stats.broadcasts.dropped >= 256)
    })
  }
)

test(
  'hostile swarm: what a sender said before it started anew, played back, leaves it its say',
  long,
  async t => {
    await attack(28, async ({ world, evil, swarms, got }) => {
      const { frame } = await overheard(world, evil, swarms)
      const sender = world.peers[1] as SimulatedPeer
      await swarms.of(sender).destroy()
      const again = swarms.add(sender)
      await again.join(world.topic('room'))
      await world.until(() => again.connections.length === 3, 'it is back')
      await again.broadcast('anew')
      await world.sleep(1000)
      for (let number = 0; number < 600; number++) evil.say({ kind: 'broadcast', hops: 0, frame })
      for (let round = 0; round < 600; round++) {
        for (let number = 0; number < 2; number++) evil.say({ kind: 'broadcast', hops: 0, frame })
        if (round % 20 === 0) await again.broadcast(round)
        await world.sleep(5)
      }
      await world.sleep(1000)
      t.equal(got.length, 32, 'all that it says is heard')
    })
  }
)

test('hostile swarm: a flood is left out, and others are heard', long, async t => {
  await attack(26, async ({ world, evil, swarm, swarms, got }) => {
    for (let number = 0; number < 20_000; number++) evil.say({ kind: 'ping' })
    await swarms.of(world.peers[1]).broadcast('heard?')
    await world.sleep(1000)
    t.ok(evil.heard.filter(({ kind }) => kind === 'pong').length < 3000)
    t.deepEqual(
      got.map(({ data }) => data),
      ['heard?']
    )
    t.equal(swarm.connections.length, 4)
  })
})

test('hostile swarm: who names peers that are not there is not believed for long', long, async t => {
  await attack(27, async ({ world, evil, topic, swarm, victim }) => {
    world.servers[0]?.kill()
    await world.sleep(1000)
    const dialed = new Set<string>()
    victim.client.on('peer-queue', ({ peer }) => void dialed.add(toKey(peer.id)))
    const root = { id: toKey(new Uint8Array(32)), beat: 2 ** 32 - 1 }
    for (let number = 0; number < 200; number++) {
      const near = Array.from({ length: 16 }, () =>
        toKey(Uint8Array.from({ length: 32 }, () => world.random() * 256))
      )
      evil.say({ kind: 'beat', topic: toKey(topic), degree: 0, root, near })
      await world.sleep(1000)
    }
    t.ok(dialed.size > 0 && dialed.size < 100, `${dialed.size} of 3200 were dialed`)
    t.ok(swarm.stats.dialing <= 8)
    world.servers[0]?.start()
    await world.sleep(30_000)
  })
})

/** What an honest peer has broadcast, as it came to the attacker. */
async function overheard(world: World, evil: EvilNeighbour, swarms: Swarms) {
  await swarms.of(world.peers[1]).broadcast('hello')
  const heard = () => evil.heard.find(({ kind }) => kind === 'broadcast')
  await world.until(() => heard() !== undefined, 'it came over the victim')
  return heard() as Extract<Word, { kind: 'broadcast' }>
}
