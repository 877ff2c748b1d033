import { randomBytes } from 'node:crypto'
import v8 from 'node:v8'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { fakeWrtc } from 'socket-signal-testing'
import { Connection } from '../../packages/core/src/connection.ts'
import { Link } from '../../packages/core/src/link.ts'
import { Live } from '../../packages/core/src/live.ts'
import { Offers } from '../../packages/core/src/offers.ts'
import { Peer } from '../../packages/core/src/peer.ts'
import { PresenceFeed } from '../../packages/core/src/presence.ts'
import { Session } from '../../packages/core/src/session.ts'
import { heap } from '../tools/heap.ts'
import { clientOptions } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const CLASSES = { Connection, Link, Live, Offers, Peer, PresenceFeed, Session }
const FREE = { frameRate: 1e9, frameBurst: 1e9, joinRate: 1e9, joinBurst: 1e9 }
const EMPTY = {
  ...{ sockets: 0, connections: 0, ids: 0, offers: 0, kept: 0 },
  ...{ topics: 0, mailboxes: 0, watches: 0, history: 0, away: 0 }
}

/** How many of each class a collection leaves, where there are any. */
async function left(): Promise<{ [name: string]: number }> {
  // What ended just now is held by its last timers; and to count what is collected anyway takes minutes.
  await new Promise(resolve => setTimeout(resolve, 500))
  await heap()
  const { queryObjects } = v8 as unknown as {
    queryObjects(made: unknown, options: { format: 'count' }): number
  }
  const counts = Object.entries(CLASSES).map(
    ([name, made]) => [name, queryObjects(made, { format: 'count' })] as const
  )
  return Object.fromEntries(counts.filter(([, count]) => count > 0))
}

/** In a function of its own, so that nothing of it is held by who counts. */
async function joins(count: number): Promise<object> {
  const server = new SocketSignalMemoryServer(FREE)
  const clients = Array.from({ length: 10 }, () => client(server))
  const each = count / clients.length
  await Promise.all(
    clients.map(async (client, at) => {
      for (let round = 0; round < each; round += 100) {
        const topics = Array.from({ length: 100 }, () => randomBytes(32))
        await Promise.all(topics.map(topic => client.join(topic, { watch: at % 2 === 0 })))
        await Promise.all(topics.map(topic => client.leave(topic)))
      }
    })
  )
  const { routed, connections, ...between } = server.stats()
  for (const client of clients) await client.close()
  await until(() => server.stats().ids === 0)
  const { routed: _, ...after } = server.stats()
  await server.close()
  return { connections, topics: between.topics, watches: between.watches, after }
}

async function comings(sockets: number, peers: number): Promise<object> {
  const rtc = fakeWrtc()
  const server = new SocketSignalMemoryServer(FREE)
  const topic = randomBytes(32)
  const host = new SocketSignalMemoryClient(server, clientOptions(rtc))
  await host.join(topic, { watch: true })
  for (let made = 0; made < sockets; made += 20) {
    const guests = Array.from({ length: 20 }, () => client(server))
    await Promise.all(guests.map(guest => guest.join(topic)))
    await Promise.all(guests.map(guest => guest.close()))
  }
  const guest = new SocketSignalMemoryClient(server, clientOptions(rtc))
  for (let made = 0; made < peers; made += 4) {
    const all = Array.from({ length: 4 }, () => guest.connect(topic, host.id))
    await Promise.all(all.map(peer => peer.ready()))
    await Promise.all(all.map(peer => peer.close()))
  }
  await until(() => host.peers.length === 0 && rtc.open === 0)
  await Promise.all([host.close(), guest.close()])
  await until(() => server.stats().ids === 0)
  const { routed, ...after } = server.stats()
  await server.close()
  return after
}

function client(server: SocketSignalMemoryServer): SocketSignalMemoryClient {
  const rtc = () => {
    throw new Error('no WebRTC here')
  }
  // A thousand of its joins wait for one another.
  return new SocketSignalMemoryClient(server, { rtc, id: randomBytes(32), requestTimeout: 100_000 })
}

test('churn: row 34: 100,000 joins and leaves leave no topic, no watch and no object behind', {
  timeout: 120_000
}, async t => {
  t.same(await joins(100_000), { connections: 10, topics: 0, watches: 0, after: EMPTY })
  t.same(await left(), {})
  const server = new SocketSignalMemoryServer()
  const one = client(server)
  await one.open()
  t.same(await left(), { Connection: 1, Link: 1, Live: 1 }, 'what is there is counted')
  await Promise.all([one.close(), server.close()])
})

test('churn: row 34: of connections that have ended, two clients that live on keep none', async t => {
  const rtc = fakeWrtc()
  const server = new SocketSignalMemoryServer(FREE)
  const topic = randomBytes(32)
  const [alice, bob] = [0, 1].map(() => new SocketSignalMemoryClient(server, clientOptions(rtc))) as [
    SocketSignalMemoryClient,
    SocketSignalMemoryClient
  ]
  t.teardown(() => Promise.all([alice.close(), bob.close(), server.close()]))
  await bob.join(topic)
  const dial = async (count: number) => {
    const peers = Array.from({ length: count }, () => alice.connect(topic, bob.id))
    await Promise.all(peers.map(peer => peer.ready()))
    await Promise.all(peers.map(peer => peer.close()))
    await until(() => bob.peers.length === 0)
  }
  for (let round = 0; round < 10; round++) await dial(4)
  const one = alice.connect(topic, bob.id)
  await one.ready()
  const { Peer: peers = 0, Session: sessions = 0 } = await left()
  t.ok(one.connected)
  t.ok(peers >= 2 && peers <= 4, `${peers} peers: the two of one that is open, and what was there last`)
  t.ok(sessions >= 2 && sessions <= 4, `${sessions} sessions`)
})

test('churn: row 34: 10,000 clients and 1,000 connections come and go, and leave no object behind', {
  timeout: 120_000
}, async t => {
  t.same(await comings(10_000, 1000), EMPTY)
  t.same(await left(), {})
})
