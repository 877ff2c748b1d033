import type { Company, RtcSignal, SocketSignalClient } from 'socket-signal'
import { Detour } from 'socket-signal/detour'
import { Addressed, decodeBody, decodeFrame } from 'socket-signal/wire'
import { type SimulatedPeer, simulate, type World } from 'socket-signal-testing'
import { test } from '../tools/test.ts'

/** How long the way takes. Unit: ms. */
type Takes = (frame: Addressed, from: SimulatedPeer) => number

const SLOW = 200
const LOST = Number.POSITIVE_INFINITY

interface Two {
  world: World
  topic: Uint8Array
  alice: SimulatedPeer
  bob: SimulatedPeer
  /** What came to a peer over the server: kind, and what it says. */
  served: Seen[]
  dropped: string[]
  companies: Company[]
}

interface Seen {
  to: string
  kind: string
  signals: RtcSignal[]
}

/** Two clients and a way between them beside the server's, slower than that, which may lose what it is given. */
async function two(seed: number, takes: Takes, run: (two: Two) => Promise<void>): Promise<void> {
  const served: Seen[] = []
  const wire = (bytes: Uint8Array, { peer, to }: { peer: SimulatedPeer; to: string }) => {
    const frame = decodeFrame(bytes)
    if (to === 'client' && frame instanceof Addressed) served.push({ to: peer.name, ...read(frame) })
    return [bytes]
  }
  await simulate({ seed, peers: 2, wire }, async world => {
    const [alice, bob] = world.peers as [SimulatedPeer, SimulatedPeer]
    const dropped: string[] = []
    const companies: Company[] = world.peers.map((peer, at) => {
      peer.client.on('dropped', ({ error }) => void dropped.push(`${peer.name} ${error.code}`))
      const carry = (frame: Addressed) => {
        const bytes = frame.bytes.slice()
        const come = () => companies[1 - at]?.receive(bytes, peer.id)
        const ms = takes(frame, peer)
        if (ms < LOST) void world.sleep(ms).then(come)
        return true
      }
      return peer.client.accompany({ carry, reaches: () => true }, Detour)
    })
    await Promise.all(world.peers.map(({ client }) => client.join(world.topic('room'))))
    await run({ world, topic: world.topic('room'), alice, bob, served, dropped, companies })
  })
}

function read(frame: Addressed): Omit<Seen, 'to'> {
  const { kind } = frame
  const body = kind === 'signal' || kind === 'offer' ? (decodeBody(frame) as object) : {}
  return { kind, signals: Array.isArray(body) ? body : 'offer' in body ? [body.offer as RtcSignal] : [] }
}

function candidates(seen: Seen[], to: SimulatedPeer): string[] {
  return seen.flatMap(each =>
    each.to === to.name
      ? each.signals.flatMap(signal =>
          signal.type === 'candidate' ? (signal.candidate.candidate ?? '') : []
        )
      : []
  )
}

async function connected(client: SocketSignalClient, topic: Uint8Array, id: Uint8Array) {
  const peer = client.connect(topic, id)
  await peer.ready()
  return peer
}

test('detour: candidates go the way of their offer, so that they don’t overtake it', async t => {
  await two(
    1,
    () => SLOW,
    async ({ world, topic, alice, bob, served, dropped }) => {
      await connected(alice.client, topic, bob.id)
      await world.sleep(5000)
      t.deepEqual(dropped, [])
      t.deepEqual(served, [], 'the server carried nothing')
    }
  )
})

test('detour: candidates behind an offer that was lost come again over the server, those in the offer do not', async t => {
  await two(
    2,
    () => LOST,
    async ({ world, topic, alice, bob, served, dropped }) => {
      await connected(alice.client, topic, bob.id)
      await world.sleep(1000)
      const [offer] = served.flatMap(({ kind, signals }) => (kind === 'offer' ? signals : []))
      const { sdp = '' } = offer as { sdp?: string }
      const behind = candidates(served, bob)
      t.equal(behind.length, 1)
      t.notOk(
        behind.some(line => sdp.includes(line.replace(/ ufrag \S+/, ''))),
        'the offer has others'
      )
      t.deepEqual(dropped, [])
    }
  )
})

test('detour: candidates behind an answer that was lost come again over the server', async t => {
  await two(
    3,
    (_, { name }) => (name === 'peer0' ? SLOW : LOST),
    async ({ world, topic, alice, bob, served }) => {
      await connected(alice.client, topic, bob.id)
      await world.sleep(1000)
      t.equal(candidates(served, alice).length, 1)
    }
  )
})

test('detour: an ICE restart goes over the server where there is one', async t => {
  let swallows = false
  await two(
    4,
    () => (swallows ? LOST : SLOW),
    async ({ world, topic, alice, bob, served }) => {
      const peer = await connected(alice.client, topic, bob.id)
      swallows = true
      world.media.reachable = () => false
      world.media.update()
      await world.sleep(20_000)
      const restarts = served.filter(({ to, signals }) => to === bob.name && signals.some(isOffer))
      t.ok(restarts.length > 0, `an ICE restart went over the server ${restarts.length} times`)
      peer.destroy()
    }
  )
})

test('detour: an offer that comes late, and once more, brings nobody back to a way that may be gone', async t => {
  let swallows = false
  await two(
    6,
    ({ kind }) => (swallows ? LOST : kind === 'offer' ? 6000 : SLOW),
    async ({ world, topic, alice, bob, served }) => {
      const peer = await connected(alice.client, topic, bob.id)
      await world.sleep(6000)
      swallows = true
      world.media.reachable = () => false
      world.media.update()
      await world.sleep(20_000)
      const wishes = served.filter(
        ({ to, signals }) => to === alice.name && signals.some(({ type }) => type === 'renegotiate')
      )
      t.ok(wishes.length > 0, `the wish for an ICE restart went over the server ${wishes.length} times`)
      peer.destroy()
    }
  )
})

test('detour: whom the app refuses the companion is not asked about', async t => {
  await two(
    5,
    () => SLOW,
    async ({ topic, alice, bob }) => {
      let asked = 0
      bob.client.accompany({ _onOffer: () => void asked++ }, Detour)
      bob.client.onOffer(() => {
        throw new Error('not you')
      })
      const why = await connected(alice.client, topic, bob.id).catch(error => error.message)
      t.equal(why, 'not you')
      t.equal(asked, 0)
    }
  )
})

function isOffer({ type }: RtcSignal): boolean {
  return type === 'offer'
}
