import { randomBytes } from 'node:crypto'
import { type Authorize, type SignalError, toKey } from 'socket-signal'
import { equals } from 'socket-signal/wire'
import { type ConnectionInfo, custom, degree, full, type Policy, Swarm } from 'socket-signal-swarm'
import { type SimulatedPeer, simulate, type World } from 'socket-signal-testing'
import { MAX } from '../../packages/swarm/src/bounds.ts'
import { MeshWorld } from '../tools/mesh-world.ts'
import { story } from '../tools/story.ts'
import { Swarms } from '../tools/swarms.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

test('swarm: everybody with everybody, each pair once, and flush says when', { timeout: 60_000 }, async t => {
  await simulate({ seed: 1, peers: 8 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.until(() => swarms.complete(), 'it is complete')
    await Promise.all(swarms.all.map(swarm => swarm.flush()))
    t.pass(`complete after ${world.clock.now()} ms`)
    await swarms.end()
    t.ok(
      world.peers.every(({ connections }) => connections === 0),
      'nothing is left of it'
    )
  })
})

test('swarm: one connection for each pair, however many topics', { timeout: 60_000 }, async t => {
  await simulate({ seed: 2, peers: 6 }, async world => {
    const swarms = new Swarms(world, ['a', 'b', 'c'])
    const shared = () =>
      swarms.all.every(swarm => swarm.connections.every(({ info }) => info.topics.length === 3)) || 'topics'
    await world.until(() => swarms.complete(), 'it is complete')
    await world.until(shared, 'each connection is of all topics')
    const [first] = swarms.all
    for (const name of ['a', 'b']) await first?.leave(world.topic(name))
    await world.sleep(1000)
    t.ok(
      first?.connections.every(({ info }) => info.topics.length === 1),
      'what was left is told'
    )
    t.equal(first?.connections.length, 5, 'the connections stay for the third')
    await first?.leave(world.topic('c'))
    await world.sleep(1000)
    t.equal(first?.connections.length, 0)
    t.ok(swarms.all.slice(1).every(swarm => swarm.connections.length === 4))
    await swarms.end()
  })
})

test('swarm: who is on its way in one topic is not dialed in another, but asked on that connection', {
  timeout: 60_000
}, async t => {
  for (const topology of [full(), degree(3)]) {
    await simulate({ seed: 18, peers: 4 }, async world => {
      const swarms = new Swarms(world, () => [], { topology })
      let dials = 0
      for (const { client } of world.peers)
        client.on('peer-queue', ({ peer }) => void (dials += Number(peer.initiator)))
      await Promise.all(world.peers.map(({ client }) => client.open()))
      const began = world.clock.now()
      for (const swarm of swarms.all) for (const name of ['a', 'b', 'c']) void swarm.join(world.topic(name))
      const shared = () =>
        swarms.all.every(({ connections }) => connections.every(({ info }) => info.topics.length === 3))
      await world.until(() => swarms.complete() === true && shared(), 'all topics are shared')
      t.ok(dials <= 8, `${dials} dials for six pairs, ${world.clock.now() - began} ms`)
      await swarms.end()
    })
  }
})

test('swarm: who was waited for in several topics and can’t be reached has failed in all of them', {
  timeout: 60_000
}, async t => {
  await simulate({ seed: 21, peers: 2, apart: [[0, 1]] }, async world => {
    const { one, client, passive } = await withPassive(world)
    const topics = ['a', 'b', 'c'].map(name => world.topic(name))
    await Promise.all(topics.map(topic => passive.join(topic)))
    for (const topic of topics) void one.join(topic)
    await world.until(() => one.stats.dialing === 3, 'it is dialed once, and waited for twice')
    t.equal(client.peers.length, 1)
    await one.flush()
    t.equal(one.stats.dialing, 0)
    await Promise.all([one.destroy(), passive.destroy()])
  })
})

test('swarm: who has left one topic is dialed in the other that waited', { timeout: 60_000 }, async t => {
  await simulate({ seed: 22, peers: 2 }, async world => {
    const { one, client, passive } = await withPassive(world)
    const [a, b] = ['a', 'b'].map(name => world.topic(name)) as [Uint8Array, Uint8Array]
    await Promise.all([a, b].map(topic => passive.join(topic)))
    const errors: string[] = []
    client.on('peer-error', ({ error }) => void errors.push((error as SignalError).code))
    for (const topic of [a, b]) void one.join(topic)
    await world.sleep(40)
    void passive.leave(a)
    await world.until(() => passive.connections.length === 1, 'they are connected', 10)
    t.deepEqual(errors, ['PEER_NOT_FOUND'])
    t.deepEqual(
      passive.connections[0]?.info.topics.map(topic => world.nameOf(topic)),
      ['b']
    )
    await Promise.all([one.destroy(), passive.destroy()])
  })
})

test('swarm: with the server down who was named in a topic is let in there on its connection', {
  timeout: 60_000
}, async t => {
  await simulate({ seed: 24, peers: 2 }, async world => {
    let dials = true
    const { one, passive } = await withPassive(world, ({ known }) => ({
      dial: dials ? known : [],
      hangUp: []
    }))
    const [a, b] = ['a', 'b'].map(name => world.topic(name)) as [Uint8Array, Uint8Array]
    await passive.join(a)
    await one.join(a)
    await world.until(() => one.connections.length === 1 && passive.connections.length === 1)
    dials = false
    await passive.join(b)
    await one.join(b)
    await world.sleep(1000)
    world.servers[0]?.kill()
    await world.sleep(1000)
    dials = true
    await world.until(() => passive.connections[0]?.info.topics.length === 2, 'both are shared', 20)
    t.equal(one.connections[0]?.info.topics.length, 2)
    world.servers[0]?.start()
    await world.until(() => world.peers.every(({ client }) => client.connected))
    await Promise.all([one.destroy(), passive.destroy()])
  })
})

test('swarm: who is back is dialed soon, however often it was in vain', { timeout: 60_000 }, async t => {
  await simulate({ seed: 25, peers: 2 }, async world => {
    const { reachable } = world.media
    world.media.reachable = () => false
    const { one, client, passive } = await withPassive(world)
    for (const swarm of [passive, one]) await swarm.join(world.topic('room'))
    await world.sleep(120_000)
    const there = world.peers.find(peer => peer.client !== client) as SimulatedPeer
    there.client.suspend()
    await world.sleep(1000)
    world.media.reachable = reachable
    there.client.resume()
    await world.until(() => one.connections.length === 1, 'it is dialed', 5)
    t.equal(passive.connections.length, 1)
    await Promise.all([one.destroy(), passive.destroy()])
  })
})

test('swarm: more topics are shared than single peers may be watched', { timeout: 60_000 }, async t => {
  await simulate({ seed: 20, peers: 4 }, async world => {
    const names = Array.from({ length: 50 }, (_, at) => `topic ${at}`)
    const swarms = new Swarms(world, names, { topology: degree(3) })
    const shared = () => {
      const counts = swarms.all.flatMap(({ connections }) =>
        connections.map(({ info }) => info.topics.length)
      )
      return (counts.length === 12 && counts.every(count => count === 50)) || counts.join()
    }
    await world.until(shared, 'all are shared', 300)
    t.pass('50 topics with each of three')
    await swarms.end()
  })
})

test('swarm: a topic that is being joined is joined once, and left before it was', {
  timeout: 60_000
}, async t => {
  await simulate({ seed: 6, peers: 2 }, async world => {
    const swarms = new Swarms(world, () => [])
    const [one, other] = swarms.all as [Swarm, Swarm]
    const topic = world.topic('room')
    let joined = 0
    for (let call = 0; call < 3; call++) void one.join(topic).then(() => joined++)
    await world.sleep(0)
    t.equal(joined, 0, 'nobody is told before the server has answered')
    await one.join(topic)
    await world.sleep(0)
    t.equal(joined, 3)
    const left = other.join(topic).catch(error => error.code)
    await other.leave(topic)
    await other.join(topic)
    t.equal(await left, 'CLOSED')
    await world.until(() => swarms.complete(), 'the second time counts')
    await swarms.end()
  })
})

test('swarm: who never answers is tried ever later, however often the server names it', {
  timeout: 60_000
}, async t => {
  const apart = [0, 1, 2, 3, 4].map(at => [at, 5] as const)
  await simulate({ seed: 8, peers: 6, apart }, async world => {
    const swarms = new Swarms(world, ['room'], { topology: degree(5) })
    await world.sleep(30_000)
    const [dialer, away] = [world.peers[0], world.peers[5]] as [SimulatedPeer, SimulatedPeer]
    let dials = 0
    dialer.client.on('peer-queue', ({ peer }) => {
      const { bridge } = peer.metadata.swarm as { bridge?: boolean }
      if (peer.initiator && !bridge && toKey(peer.id) === toKey(away.id)) dials++
    })
    await world.sleep(420_000)
    t.ok(dials > 0 && dials <= 4, `${dials} dials in seven minutes`)
    await swarms.end()
  })
})

test('swarm: who opts out of carrying neither sends nor carries nor is waited for', {
  timeout: 60_000
}, async t => {
  await simulate({ seed: 9, peers: 6 }, async world => {
    const silent = (peer: SimulatedPeer) => peer.name >= 'peer3'
    const swarms = new Swarms(world, () => [])
    for (const peer of world.peers.filter(silent)) {
      await swarms.of(peer).destroy()
      swarms.add(peer, { carry: false })
    }
    const topic = world.topic('room')
    await Promise.all(swarms.all.map(swarm => swarm.join(topic)))
    await world.until(() => swarms.complete(), 'it is complete')
    await world.sleep(10_000)
    for (const peer of world.peers.filter(silent)) {
      const { sent, received, carried, dropped } = swarms.of(peer).stats.carried
      t.deepEqual([sent, received, carried, dropped], [0, 0, 0, 0], peer.name)
    }
    world.servers[0]?.kill()
    await world.sleep(10_000)
    // Three have gone the ways of their own: those that carry find each other again, over the third of them alone.
    const [one, other] = world.peers as [SimulatedPeer, SimulatedPeer]
    const link = swarms.of(one).connections.find(({ info }) => toKey(info.id) === toKey(other.id))
    link?.stream.destroy()
    await world.until(() => swarms.complete() !== true, 'a link is gone')
    await world.until(() => swarms.complete(), 'it is complete without a server', 20)
    t.ok(swarms.of(world.peers[2]).stats.carried.carried > 0, 'over who carries')
    world.servers[0]?.start()
    await world.until(() => world.peers.every(({ client }) => client.connected))
    await swarms.end()
  })
})

test('swarm: what was shared is told when a connection ends, however it does', {
  timeout: 60_000
}, async t => {
  await simulate({ seed: 10, peers: 2 }, async world => {
    const swarms = new Swarms(world, ['a', 'b'])
    const [one, other] = swarms.all as [Swarm, Swarm]
    const shared = () => swarms.all.every(({ connections: [each] }) => each?.info.topics.length === 2)
    await world.until(shared, 'they share two topics')
    const told: string[][] = []
    for (const swarm of swarms.all)
      swarm.on('disconnection', ({ topics }) => void told.push(topics.map(topic => world.nameOf(topic))))
    await one.leave(world.topic('a'))
    await world.sleep(1000)
    t.deepEqual(told, [])
    await one.leave(world.topic('b'))
    t.equal(one.connections.length, 0, 'it is gone at once')
    await world.sleep(1000)
    t.deepEqual(told, [['b'], ['b']])
    await other.leave(world.topic('a'))
    await swarms.end()
  })
})

test('swarm: a connection is the same object whenever it is told of', { timeout: 60_000 }, async t => {
  await simulate({ seed: 13, peers: 3 }, async world => {
    const swarms = new Swarms(world, () => [])
    const [one] = swarms.all as [Swarm]
    const open = new Map<ConnectionInfo, unknown>()
    one.on('connection', ({ info, stream }) => void open.set(info, stream))
    one.on('topics', info => void (open.has(info) || open.set(info, 'another')))
    one.on('disconnection', info => void open.delete(info))
    for (const name of ['a', 'b']) for (const swarm of swarms.all) void swarm.join(world.topic(name))
    await world.until(
      () => one.connections.every(({ info }) => info.topics.length === 2) && swarms.complete()
    )
    t.deepEqual(
      one.connections.map(({ info, stream }) => open.get(info) === stream),
      [true, true]
    )
    await swarms.end()
    t.equal(open.size, 0)
  })
})

test('swarm: what is no topic or no id is told at once', { timeout: 60_000 }, async t => {
  await simulate({ seed: 14, peers: 1 }, async world => {
    const swarms = new Swarms(world, () => [])
    const [swarm] = swarms.all as [Swarm]
    const wrong = ['room', new Uint8Array(31)] as Uint8Array[]
    for (const bytes of wrong) {
      for (const call of [swarm.join(bytes), swarm.leave(bytes), swarm.broadcast('x', { topic: bytes })])
        t.ok(/topic must be a Uint8Array/.test((await rejection(call)).message))
      t.throws(() => swarm.ban(bytes), /id must be a Uint8Array/)
      t.throws(() => swarm.unban(bytes), /id must be a Uint8Array/)
    }
    await swarms.end()
  })
})

test('swarm: so many topics, and one more when one is left', { timeout: 60_000 }, async t => {
  await simulate({ seed: 26, peers: 1 }, async world => {
    const swarms = new Swarms(world, () => [])
    const [swarm] = swarms.all as [Swarm]
    const topics = Array.from({ length: MAX.topics + 1 }, (_, at) => world.topic(`${at}`))
    const last = topics.pop() as Uint8Array
    await Promise.all(topics.map(topic => swarm.join(topic)))
    t.equal((await rejection(swarm.join(last))).code, 'LIMIT_TOPICS')
    await swarm.leave(topics[0] as Uint8Array)
    await swarm.join(last)
    t.equal(swarm.topics.length, MAX.topics)
    await swarms.end()
  })
})

test('swarm: it ends with its client', { timeout: 60_000 }, async t => {
  await simulate({ seed: 15, peers: 2 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.until(() => swarms.complete(), 'it is complete')
    const [peer] = world.peers as [SimulatedPeer]
    await peer.client.close()
    t.equal((await rejection(swarms.of(peer).join(world.topic('room')))).code, 'CLOSED')
    t.equal(peer.timers, 0, 'nothing keeps the process alive')
    await swarms.end()
  })
})

test('swarm: without a server it ends at once, and with a client that is closed then', {
  timeout: 60_000
}, async t => {
  await simulate({ seed: 23, peers: 3 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.until(() => swarms.complete(), 'it is complete')
    const [one, other] = world.peers as [SimulatedPeer, SimulatedPeer]
    world.servers[0]?.kill()
    await world.sleep(1000)
    const began = world.clock.now()
    await swarms.of(one).destroy()
    t.ok(world.clock.now() - began < 1000, 'nobody answers whom it could wait for')
    await other.client.close()
    await world.sleep(10_000)
    t.equal((await rejection(swarms.of(other).join(world.topic('room')))).code, 'CLOSED')
    t.equal(other.timers, 0)
    world.servers[0]?.start()
    await world.until(() => one.client.connected)
    await swarms.end()
  })
})

test('swarm: a policy that dials whom nobody has named is told so', { timeout: 60_000 }, async t => {
  await simulate({ seed: 16, peers: 2 }, async world => {
    const policy: Policy = ({ known }) => ({ dial: ['nobody', ...known], hangUp: ['nobody'] })
    const swarms = new Swarms(world, () => [], { topology: custom(policy) })
    const errors: string[] = []
    const [swarm] = swarms.all as [Swarm]
    swarm.on('error', error => void errors.push((error as Error).message))
    for (const each of swarms.all) await each.join(world.topic('room'))
    await world.until(() => swarms.complete(), 'the others are dialed')
    t.equal(errors[0], 'a policy dials whom nobody has named')
    await swarms.end()
  })
})

test('swarm: two parts that reach each other again become one', { timeout: 60_000 }, async t => {
  await simulate({ seed: 17, peers: 12 }, async world => {
    const { reachable } = world.media
    const half = (address: string) => world.peers.findIndex(peer => peer.address === address) % 2
    world.media.reachable = (a, b) => reachable(a, b) && half(a) === half(b)
    const swarms = new Swarms(world, ['room'], { topology: degree(3) })
    const full = () => swarms.all.every(({ connections }) => connections.length >= 3) || 'too few'
    await world.until(full, 'both have all that they want')
    t.notEqual(swarms.whole(), true, 'they are two')
    world.media.reachable = reachable
    await world.until(() => swarms.whole(), 'they are one', 180)
    await world.until(() => swarms.paired(), 'both ends agree')
    t.ok(swarms.all.every(({ connections }) => connections.length <= 4))
    await swarms.end()
  })
})

test('swarm: a topic that a new token does not let in is left, and that is told', async t => {
  const closed = randomBytes(32)
  const authorize: Authorize = ({ action, topic, token }) =>
    !(action === 'join' && token === 'less' && topic && equals(topic, closed))
  const { clients, topic } = await story(t, { server: { authorize }, clients: [{ token: 'all' }, {}] })
  for (const topology of [full(), degree(3)]) {
    const [one, other] = clients.map(client => new Swarm(client, { topology })) as [Swarm, Swarm]
    t.teardown(() => Promise.all([one.destroy(), other.destroy()]))
    const left = record(one, 'left')
    await Promise.all([one, other].flatMap(swarm => [swarm.join(topic), swarm.join(closed)]))
    await until(() => [one, other].every(({ connections: [each] }) => each?.info.topics.length === 2))
    await Promise.all([one.leave(topic), one.join(topic)])
    await until(() => [one, other].every(({ connections: [each] }) => each?.info.topics.length === 2))
    t.equal(left.length, 0, 'what is left by a call is not')
    await clients[0]?.updateToken('less')
    await until(() => one.topics.length === 1 && other.connections[0]?.info.topics.length === 1)
    t.deepEqual(
      left.map(({ args: [{ topic }] }) => toKey(topic)),
      [toKey(closed)]
    )
    await clients[0]?.updateToken('all')
    await one.join(closed)
    await until(() => one.connections[0]?.info.topics.length === 2, 'and joined again')
    await Promise.all([one.destroy(), other.destroy()])
  }
})

test('swarm: destroyed twice, both wait until it is over', { timeout: 60_000 }, async t => {
  await simulate({ seed: 11, peers: 3 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.until(() => swarms.complete(), 'it is complete')
    const [first] = swarms.all as [Swarm]
    const peers = first.connections.map(({ info }) => info.peer)
    void first.destroy()
    let closed = 0
    for (const peer of peers) void peer.waitForClose().then(() => closed++)
    await first.destroy()
    t.equal(closed, 2)
    await swarms.end()
  })
})

test('swarm: at the end of a block that uses it, it is destroyed', { timeout: 60_000 }, async t => {
  await simulate({ seed: 19, peers: 2 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.until(() => swarms.complete(), 'it is complete')
    const [first] = swarms.all as [Swarm]
    {
      await using swarm = first
      t.equal(swarm.connections.length, 1)
    }
    t.deepEqual([first.connections, first.topics], [[], []])
    await swarms.end()
  })
})

test('swarm: with the server down an ICE restart travels over a neighbour', { timeout: 60_000 }, async t => {
  await simulate({ seed: 12, peers: 3 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.until(() => swarms.complete(), 'it is complete')
    await world.sleep(10_000)
    world.servers[0]?.kill()
    await world.sleep(1000)
    const [one, other, third] = world.peers as [SimulatedPeer, SimulatedPeer, SimulatedPeer]
    const link = swarms.of(one).connections.find(({ info }) => toKey(info.id) === toKey(other.id))
    const { reachable } = world.media
    const pair = [one, other].map(({ address }) => address)
    world.media.reachable = (a, b) => reachable(a, b) && !(pair.includes(a) && pair.includes(b))
    world.media.update()
    const before = swarms.of(third).stats.carried.carried
    await world.sleep(12_000)
    t.ok(swarms.of(third).stats.carried.carried > before, 'it went over the third')
    world.media.reachable = reachable
    world.media.update()
    await world.sleep(5000)
    t.ok(link?.info.peer.connected, 'and the connection lives')
    world.servers[0]?.start()
    await world.until(() => world.peers.every(({ client }) => client.connected))
    await swarms.end()
  })
})

test('swarm: who is let in by nobody does not knock for ever', { timeout: 60_000 }, async t => {
  const world = new MeshWorld(1, full, 8)
  for (let at = 0; at < 40; at++) world.join()
  await world.run(300)
  const before = world.dials
  await world.run(60)
  const each = (world.dials - before) / 40
  t.ok(Math.max(...world.degrees()) <= 8, 'nobody has more than it wants')
  t.ok(world.degrees().filter(count => count === 8).length >= 36, 'nearly all have as many')
  t.ok(each < 20, `${each.toFixed(1)} dials of each in a minute`)
  world.close()
})

test('swarm: degree(3) stays within its bounds, and is whole after a storm', {
  timeout: 120_000
}, async t => {
  await simulate({ seed: 3, peers: 16, seconds: 20 }, async world => {
    const swarms = new Swarms(world, ['room'], { topology: degree(3) })
    await world.storm()
    const bounded = () =>
      world.peers.every(peer => swarms.of(peer).connections.length <= 4) || 'a degree above 4'
    await world.until(() => swarms.whole(), 'it is whole')
    await world.until(() => swarms.paired(), 'both ends agree')
    await world.until(bounded, 'no more than four')
    t.pass('whole, agreed, bounded')
    await swarms.end()
  })
})

test('swarm: full is complete after a storm', { timeout: 120_000 }, async t => {
  await simulate({ seed: 4, peers: 8, seconds: 20 }, async world => {
    const swarms = new Swarms(world, ['room'])
    await world.storm()
    await world.until(() => swarms.complete(), 'it is complete')
    t.pass('complete')
    await swarms.end()
  })
})

test('swarm: no pair is doubly connected after a storm, in one topic or two: 40 seeds', {
  timeout: 120_000
}, async t => {
  for (let seed = 101; seed <= 140; seed++) {
    await simulate({ seed, peers: 8, seconds: 10 }, async world => {
      const topology = seed % 2 ? full() : degree(3)
      const swarms = new Swarms(world, seed % 4 < 2 ? ['a'] : ['a', 'b'], { topology })
      await world.storm()
      await world.until(
        () => world.peers.every(({ client }) => client.connected),
        'the server is back for all'
      )
      await world.until(() => (seed % 2 ? swarms.complete() : swarms.whole()), `seed ${seed}: it is whole`)
      await world.until(() => swarms.paired(), `seed ${seed}: both ends agree`)
      await swarms.end()
    })
  }
  t.pass('each pair once, and both ends agree')
})

test('swarm: with the server down dials to the dead, and to whom nobody reaches, hold up no healing', {
  timeout: 120_000
}, async t => {
  for (let seed = 1; seed <= 6; seed++) {
    await simulate({ seed, peers: 20 }, async world => {
      const swarms = new Swarms(world, ['room'], { topology: degree(5) })
      await world.until(() => swarms.whole(), 'it is whole')
      await world.sleep(10_000)
      world.servers[0]?.kill()
      await world.sleep(20_000)
      const dead = world.peers.slice(0, 2)
      for (const peer of dead) world.offline(peer, true)
      const alive = world.peers.slice(2)
      const gone = new Set(dead.map(({ id }) => toKey(id)))
      let vain = 0
      for (const { client } of alive)
        client.on(
          'peer-queue',
          ({ peer }) => void (vain += Number(peer.initiator && gone.has(toKey(peer.id))))
        )
      const healed = () =>
        alive.every(peer => {
          const ids = swarms.of(peer).connections.map(({ info }) => toKey(info.id))
          return ids.length >= 5 && ids.every(id => !gone.has(id))
        }) || alive.map(peer => swarms.of(peer).connections.length).join(' ')
      const began = world.clock.now()
      await world.until(healed, 'the holes are healed', 45)
      t.ok(vain <= 10, `seed ${seed}: ${world.clock.now() - began} ms, ${vain} dials to the dead`)
      for (const peer of dead) world.offline(peer, false)
      world.servers[0]?.start()
      await world.until(() => swarms.whole(), 'with the server back it is whole')
      await swarms.end()
    })
  }
})

test('swarm: a newcomer needs the server for its first connection alone', { timeout: 60_000 }, async t => {
  await simulate({ seed: 7, peers: 12 }, async world => {
    const swarms = new Swarms(world, ({ name }) => (name === 'peer11' ? [] : ['room']), {
      topology: degree(4)
    })
    const old = world.peers.slice(0, 11).map(peer => swarms.of(peer))
    await world.until(
      () => old.every(({ connections }) => connections.length >= 3),
      'the others are connected'
    )
    await world.sleep(10_000)
    const newcomer = swarms.of(world.peers[11])
    void newcomer.join(world.topic('room'))
    await new Promise<void>(resolve => void newcomer.once('connection', () => resolve()))
    world.servers[0]?.kill()
    await world.until(() => newcomer.connections.length >= 4, 'it finds the others', 60)
    t.ok(newcomer.stats.carried.received > 0, `${newcomer.stats.carried.received} signals came over peers`)
    world.servers[0]?.start()
    await world.until(() => swarms.whole(), 'with the server back it is whole')
    await swarms.end()
  })
})

test('swarm: with the server down nobody is lost, and a hole heals over peers', {
  timeout: 120_000
}, async t => {
  await simulate({ seed: 5, peers: 12 }, async world => {
    const swarms = new Swarms(world, ['room'], { topology: degree(4) })
    await world.until(() => swarms.whole(), 'it is whole')
    await world.sleep(10_000)
    const before = swarms.all.map(swarm => swarm.connections.map(({ info }) => info.peer))
    world.servers[0]?.kill()
    await world.sleep(60_000)
    t.ok(
      before.flat().every(peer => peer.connected),
      'every connection lived through a minute without the server'
    )
    const dead = world.peers.slice(0, 2)
    for (const peer of dead) world.offline(peer, true)
    const alive = world.peers.slice(2)
    const healed = () =>
      alive.every(peer => {
        const ids = swarms.of(peer).connections.map(({ info }) => toKey(info.id))
        return ids.length >= 4 && dead.every(({ id }) => !ids.includes(toKey(id)))
      }) || alive.map(peer => swarms.of(peer).connections.length).join(' ')
    await world.until(healed, 'the holes are healed')
    const sent = swarms.all.reduce((sum, swarm) => sum + swarm.stats.carried.received, 0)
    t.ok(sent > 0, `${sent} signals came over peers`)
    for (const peer of dead) world.offline(peer, false)
    world.servers[0]?.start()
    await world.until(() => swarms.whole(), 'with the server back it is whole')
    await swarms.end()
  })
})

/** One that dials, at once as its id is the smaller one, with its client; and one that lets in alone. */
async function withPassive(world: World, policy = full().policy) {
  await Promise.all(world.peers.map(({ client }) => client.open()))
  const sorted = [...world.peers].sort((a, b) => (toKey(a.id) < toKey(b.id) ? -1 : 1))
  const [first, second] = sorted as [SimulatedPeer, SimulatedPeer]
  const passive = new Swarm(second.client, { topology: custom(() => ({ dial: [], hangUp: [] })) })
  return { one: new Swarm(first.client, { topology: custom(policy) }), client: first.client, passive }
}
