import { type SignalError, toKey } from 'socket-signal'
import { Addressed, createAddressed, decodeFrame } from 'socket-signal/wire'
import { type Broadcast, custom, degree, full, Swarm, type Topology } from 'socket-signal-swarm'
import { type SimulatedPeer, type SimulateOptions, simulate, type World } from 'socket-signal-testing'
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
async function attack(
  seed: number,
  run: (attack: Attack) => Promise<void>,
  options: SimulateOptions = {}
): Promise<void> {
  await simulate({ seed, peers: 5, ...options }, async world => {
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

interface Duel {
  world: World
  attacker: SimulatedPeer
  victim: SimulatedPeer
  swarm: Swarm
}

/** One honest peer in these topics, and another one that is connected with nobody. */
async function duel(
  seed: number,
  { topics, topology = full(), ...options }: SimulateOptions & { topics: string[]; topology?: Topology },
  run: (duel: Duel) => Promise<void>
): Promise<void> {
  await simulate({ seed, peers: 2, ...options }, async world => {
    const [victim, attacker] = world.peers as [SimulatedPeer, SimulatedPeer]
    const swarms = new Swarms(world, peer => (peer === victim ? topics : []), { topology })
    const swarm = swarms.of(victim)
    await world.until(() => swarm.topics.length === topics.length, 'it has joined')
    await run({ world, attacker, victim, swarm })
    await swarms.end()
  })
}

const NONSENSE: { [name: string]: Uint8Array } = {
  'no bytes': new Uint8Array(0),
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

test('hostile swarm: a word of a later version is left alone', long, async t => {
  await attack(20, async ({ world, evil, swarm, banned }) => {
    evil.bytes(Uint8Array.of(99, 1, 2, 3))
    await world.sleep(1000)
    t.equal(swarm.connections.length, 4)
    t.equal(banned.length, 0)
  })
})

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
    const nonsense = (topic: Uint8Array) => {
      const [address, session, body] = [target.id, new Uint8Array(32), new Uint8Array(30)]
      return createAddressed('signal', { flags: 0, address, topic, session, seq: 1, body }).bytes
    }
    const frame = nonsense(world.topic('room'))
    for (let number = 0; number < 1000; number++) evil.say({ kind: 'carry', at: 1, path, frame })
    await world.sleep(1000)
    t.ok(swarm.stats.carried.carried <= 250, `${swarm.stats.carried.carried} of 1000 were carried`)
    t.ok(swarm.stats.carried.dropped >= 700)
    await world.sleep(5000)
    const before = swarm.stats.carried
    evil.say({ kind: 'carry', at: 1, path, frame: nonsense(world.topic('another')) })
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

test('hostile swarm: what is forged in the name of somebody uses up nothing of its say', long, async t => {
  await attack(29, async ({ world, evil, swarms, banned, got }) => {
    const { frame } = await overheard(world, evil, swarms)
    for (let number = 0; number < 1500; number++) {
      const forged = new Addressed(frame.slice(), 'message')
      new DataView(forged.bytes.buffer).setUint32(102, 100 + number)
      evil.say({ kind: 'broadcast', hops: 0, frame: forged.bytes })
    }
    await Promise.all(Array.from({ length: 100 }, () => swarms.of(world.peers[1]).broadcast('mine')))
    await world.sleep(2000)
    t.equal(banned[0]?.code, 'BAD_SIGNATURE')
    t.equal(got.length, 101)
  })
})

test('hostile swarm: what somebody published over the server is no broadcast of it', long, async t => {
  const published: Uint8Array[] = []
  const wire: SimulateOptions['wire'] = (frame, { peer, to }) => {
    const read = decodeFrame(frame)
    const is = read instanceof Addressed && read.kind === 'message'
    if (is && to === 'client' && peer.name === 'peer4') published.push(frame.slice())
    return [frame]
  }
  const run = async ({ world, evil, topic, attacker, swarms, banned, got }: Attack) => {
    await attacker.client.join(topic)
    const sender = world.peers[1] as SimulatedPeer
    await sender.client.publish(topic, 'over the server')
    await world.until(() => published.length > 0, 'it came to the attacker')
    evil.say({ kind: 'broadcast', hops: 0, frame: published[0] as Uint8Array })
    await world.until(() => banned.length > 0, 'it is refused')
    t.equal(banned[0]?.code, 'BAD_SIGNATURE')
    await swarms.of(sender).broadcast('over the mesh')
    await world.sleep(1000)
    t.deepEqual(
      got.map(({ data }) => data),
      ['over the mesh'],
      'and what it says is heard'
    )
  }
  await attack(30, run, { wire })
})

test('hostile swarm: who never says whether it shares a topic more holds up nobody', long, async t => {
  await attack(31, async ({ world, evil, attacker, swarm }) => {
    const topic = world.topic('another')
    await attacker.client.join(topic)
    await swarm.join(topic)
    await world.until(() => evil.heard.some(({ kind }) => kind === 'add'), 'it is asked')
    let flushed = false
    void swarm.flush().then(() => {
      flushed = true
    })
    for (let second = 0; second < 25; second++) {
      evil.say({ kind: 'ping' })
      await world.sleep(1000)
    }
    t.ok(flushed, 'it was tried')
    t.equal(swarm.connections.length, 4, 'in the other topic it stays')
  })
})

test('hostile swarm: who fills a stream that nobody reads loses it, and nobody else does', long, async t => {
  await attack(32, async ({ world, evil, attacker, swarm, topic, victim }) => {
    const { peer } = swarm.connections.find(({ info }) => toKey(info.id) === toKey(attacker.id))?.info ?? {}
    for (let number = 0; number < 300; number++) {
      if (evil.peer.connected) evil.peer.stream.write(new Uint8Array(64 * 1024))
      await world.sleep(20)
    }
    await world.until(() => swarm.connections.length === 3, 'it is ended')
    t.equal((peer?.error as SignalError | undefined)?.code, 'SLOW_CONSUMER')
    await EvilNeighbour.of(attacker, topic, victim.id)
    t.equal(swarm.connections.length, 4, 'but banned it is not')
  })
})

test('hostile swarm: a neighbour that swallows what it should carry is gone around', long, async t => {
  let asked = 0
  // Which neighbour is asked is drawn.
  for (const seed of [33, 34, 35, 36, 37, 38]) {
    await attack(seed, async ({ world, evil, topic, swarm, swarms }) => {
      const last = world.peers[3] as SimulatedPeer
      await swarms.of(last).destroy()
      await world.until(() => swarm.connections.length === 3, 'it has left')
      const root = { id: toKey(new Uint8Array(32)), beat: 1 }
      evil.say({ kind: 'beat', topic: toKey(topic), degree: 1, root, near: [toKey(last.id)] })
      // It waits to be dialed.
      const passive = new Swarm(last.client, { topology: custom(() => ({ dial: [], hangUp: [] })) })
      await passive.join(topic)
      await world.until(() => passive.connections.length === 3, 'all have dialed it', 10)
      asked += evil.heard.filter(({ kind }) => kind === 'carry').length
      await passive.destroy()
      await swarms.add(last).join(topic)
      await world.until(() => swarms.of(last).connections.length === 3, 'it is back')
    })
  }
  t.ok(asked > 0, `the attacker was asked ${asked} times`)
})

test(
  'hostile swarm: of who opts out of carrying nobody is told, whoever of the two has dialed',
  long,
  async t => {
    const passive = custom(() => ({ dial: [], hangUp: [] }))
    for (const carry of [true, false])
      for (const dials of [true, false])
        await simulate({ seed: 46, peers: 3 }, async world => {
          const [victim, third, attacker] = world.peers as [SimulatedPeer, SimulatedPeer, SimulatedPeer]
          await Promise.all(world.peers.map(({ client }) => client.open()))
          const swarm = new Swarm(victim.client, { topology: dials ? full() : passive })
          const other = new Swarm(third.client, { topology: dials ? passive : full(), carry })
          const topic = world.topic('room')
          await Promise.all([swarm.join(topic), other.join(topic)])
          await world.until(() => swarm.connections.length === 1, 'they are connected')
          const evil = await EvilNeighbour.of(attacker, topic, victim.id)
          await world.sleep(10_000)
          const told = evil.heard.flatMap(word => (word.kind === 'beat' ? word.near : []))
          t.equal(told.includes(toKey(third.id)), carry)
          await Promise.all([swarm.destroy(), other.destroy()])
        })
  }
)

test('hostile swarm: who says that it is of a swarm in no proper way comes past no policy', long, async t => {
  const topology = custom(({ links }) => ({ dial: [], hangUp: links.map(({ id }) => id) }))
  for (const said of [1, 'swarm', true, [], null]) {
    await duel(39, { topics: ['room'], topology }, async ({ world, attacker, victim, swarm }) => {
      let connections = 0
      swarm.on('connection', () => void connections++)
      const { peer } = await EvilNeighbour.of(attacker, world.topic('room'), victim.id, said)
      await world.sleep(1000)
      t.equal(connections, 0, `${JSON.stringify(said)} is the app’s own`)
      peer.destroy()
    })
  }
})

test(
  'hostile swarm: who shares a topic and leaves it again and again has us ask the server for little',
  long,
  async t => {
    let asked = 0
    const wire: SimulateOptions['wire'] = (frame, { peer, to }) => {
      if (to === 'server' && peer.name === 'peer0') asked++
      return [frame]
    }
    const topology = degree(3)
    await duel(40, { topics: ['a', 'b'], topology, wire }, async ({ world, attacker, victim, swarm }) => {
      const evil = await EvilNeighbour.of(attacker, world.topic('a'), victim.id)
      await attacker.client.join(world.topic('b'))
      await world.sleep(1000)
      const before = asked
      let lost = 0
      victim.client.on('disconnected', () => void lost++)
      const topic = toKey(world.topic('b'))
      for (let round = 0; round < 500; round++) {
        evil.say({ kind: 'add', topic, needy: false })
        evil.say({ kind: 'drop', topic })
        await world.sleep(20)
      }
      t.ok(asked - before < 400, `${asked - before} frames in ten seconds`)
      t.equal(lost, 0)
      t.equal(swarm.connections.length, 1)
    })
  }
)

test(
  'hostile swarm: who is not in a topic is let in there by no connection of another one',
  long,
  async t => {
    for (const topology of [full(), degree(3)]) {
      await duel(42, { topics: ['a', 'b'], topology }, async ({ world, attacker, victim, swarm }) => {
        const [a, b] = ['a', 'b'].map(name => world.topic(name)) as [Uint8Array, Uint8Array]
        const evil = await EvilNeighbour.of(attacker, a, victim.id)
        await world.sleep(1000)
        const add = () => evil.say({ kind: 'add', topic: toKey(b), needy: true })
        const topics = () => swarm.connections[0]?.info.topics.map(topic => world.nameOf(topic)).join()
        const watches = () => world.servers[0]?.server?.stats().watches
        const before = watches()
        add()
        await world.sleep(1000)
        t.equal(topics(), 'a')
        t.equal(watches(), before, 'and is watched there no longer')
        world.servers[0]?.kill()
        await world.sleep(1000)
        add()
        await world.sleep(1000)
        t.equal(topics(), 'a', 'nor while there is no server')
        t.equal(evil.heard.filter(({ kind }) => kind === 'drop').length, 2, 'and it is told so')
        world.servers[0]?.start()
        await world.until(() => world.peers.every(({ client }) => client.connected))
        await attacker.client.join(b)
        add()
        await world.sleep(1000)
        t.equal(topics(), 'a,b', 'once it has joined it is')
        t.equal(watches(), topology.everybody ? before : 2, 'and watched')
      })
    }
  }
)

test('hostile swarm: two that differ about a topic agree again', long, async t => {
  await attack(43, async ({ world, evil, attacker, swarm }) => {
    const [b, c] = ['b', 'c'].map(name => world.topic(name)) as [Uint8Array, Uint8Array]
    const shared = () =>
      swarm.connections.find(({ info }) => toKey(info.id) === toKey(attacker.id))?.info.topics.length
    const root = { id: toKey(new Uint8Array(32).fill(255)), beat: 1 }
    const beat = (topic: Uint8Array) =>
      evil.say({ kind: 'beat', topic: toKey(topic), degree: 1, root, near: [] })
    await attacker.client.join(b)
    await swarm.join(b)
    await world.until(() => evil.heard.some(({ kind }) => kind === 'add'), 'it is asked')
    beat(b)
    await world.until(() => shared() === 2, 'who speaks of a topic as of a shared one has said yes')
    await swarm.join(c)
    beat(c)
    const dropped = () => evil.heard.some(word => word.kind === 'drop' && word.topic === toKey(c))
    await world.until(dropped, 'or has not heard no')
    t.equal(shared(), 2)
  })
})

test('hostile swarm: who comes anew while the app wants it no more has no connection', long, async t => {
  const ends = {
    leave: (swarm: Swarm, topic: Uint8Array) => swarm.leave(topic),
    destroy: (swarm: Swarm) => swarm.destroy(),
    ban: (swarm: Swarm, _topic: Uint8Array, id: Uint8Array) => swarm.ban(id)
  }
  for (const [name, end] of Object.entries(ends)) {
    await duel(44, { topics: ['room'] }, async ({ world, attacker, victim, swarm }) => {
      const topic = world.topic('room')
      await EvilNeighbour.of(attacker, topic, victim.id)
      await world.until(() => swarm.connections.length === 1)
      let connections = 0
      swarm.on('connection', () => void connections++)
      swarm.on('disconnection', () => void end(swarm, topic, attacker.id))
      await EvilNeighbour.of(attacker, topic, victim.id).catch(() => {})
      await world.sleep(1000)
      t.deepEqual([swarm.connections, connections], [[], 0], name)
    })
  }
})

test(
  'hostile swarm: who comes anew while the server is asked about it is watched all the same',
  long,
  async t => {
    const topology = custom(() => ({ dial: [], hangUp: [] }), { everybody: false })
    for (let delay = 0; delay < 300; delay += 20) {
      await duel(45, { topics: ['a', 'b'], topology }, async ({ world, attacker, victim }) => {
        const [a, b] = ['a', 'b'].map(name => world.topic(name)) as [Uint8Array, Uint8Array]
        const evil = await EvilNeighbour.of(attacker, a, victim.id)
        await attacker.client.join(b)
        await world.sleep(11_000)
        const again = EvilNeighbour.of(attacker, b, victim.id)
        await world.sleep(delay)
        evil.say({ kind: 'add', topic: toKey(b), needy: false })
        await again
        await world.sleep(1000)
        t.equal(world.servers[0]?.server?.stats().watches, 1, `${delay} ms later`)
      })
    }
  }
)

test('hostile swarm: who is asked for a topic and goes without a word has failed there', long, async t => {
  await attack(47, async ({ world, evil, attacker, swarm }) => {
    const b = world.topic('b')
    await attacker.client.join(b)
    await swarm.join(b)
    await world.until(() => evil.heard.some(({ kind }) => kind === 'add'), 'it is asked')
    t.equal(swarm.stats.dialing, 1)
    evil.peer.destroy()
    await world.until(() => swarm.stats.dialing === 0, 'it is waited for no longer', 10)
  })
})

test('hostile swarm: whom the app refuses takes no place', long, async t => {
  await attack(41, async ({ world, evil, topic, attacker, victim, swarm }) => {
    evil.peer.destroy()
    await world.until(() => swarm.connections.length === 3, 'it has gone')
    const asked: string[] = []
    let refused = 0
    const small = new Swarm(attacker.client, {
      topology: custom(({ links }) => {
        asked.push(...links.flatMap(({ comer, id }) => (comer ? id : [])))
        return { dial: [], hangUp: [] }
      })
    })
    attacker.client.onOffer(({ id }) => {
      if (toKey(id) !== toKey(victim.id)) return
      refused++
      throw new Error('not you')
    })
    await small.join(topic)
    await world.until(() => refused > 0 && small.connections.length === 3, 'the others come in')
    t.notOk(asked.includes(toKey(victim.id)), 'the policy is not asked about who was refused')
    await small.destroy()
  })
})

test('hostile swarm: a flood is left out, and others are heard', long, async t => {
  await attack(26, async ({ world, evil, swarm, swarms, got }) => {
    for (let number = 0; number < 20_000; number++) evil.say({ kind: 'ping' })
    await swarms.of(world.peers[1]).broadcast('heard?')
    await world.sleep(1000)
    t.ok(evil.heard.filter(({ kind }) => kind === 'pong').length < 3000)
    t.ok(swarm.stats.unheard > 10_000, `${swarm.stats.unheard} were left out`)
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
