import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient } from 'socket-signal-memory'
import { systemClock } from '../../packages/core/src/clock.ts'
import type { Addressed } from '../../packages/core/src/frame.ts'
import { RawClient, rawJoin } from '../tools/raw.ts'
import { serveByHand } from '../tools/served.ts'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

test('limits: an answer holds 100 peers, on wish up to 1,000', async t => {
  const { server } = serveByHand(t)
  const topic = randomBytes(32)
  const crowd = Array.from({ length: 1100 }, () => new RawClient(server.dial()))
  t.teardown(() => {
    for (const client of crowd) client.close()
  })
  await Promise.all(
    crowd.map(async client => {
      await client.hello()
      await client.join(topic)
    })
  )
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  const sizes = [
    await client.join(topic),
    await client.lookup(topic),
    await client.lookup(topic, { limit: 5000 })
  ]
  t.same(
    sizes.map(({ length }) => length),
    [100, 100, 1000]
  )
  t.equal((await client.join(topic, { watch: true })).length, 1100, 'a watcher gets all of them')
})

test('limits: a slow reader loses presence, is told to ask again, and is closed when its queue is full', async t => {
  const { server, raw, clock, topic } = serveByHand(t, {
    sendQueueSoft: 2000,
    sendQueueHard: 40_000,
    frameBurst: 1e6,
    messageBurst: 1e6
  })
  const [slow, busy] = [raw(), raw()]
  await slow.hello()
  await busy.hello()
  await slow.join(topic, { watch: true })
  await busy.join(topic)
  const end = server.pairs[0]?.left as { pause(): void; resume(): void }
  end.pause()
  for (let id = 10; id < 13; id++) busy.addressed('message', { topic, body: randomBytes(1000) }, id)
  busy.send({ kind: 'leave', requestId: 20, topic })
  await busy.next('result', frame => frame.requestId === 20)
  await clock.advance(100)
  end.resume()
  await clock.advance(1000)
  const presence = slow.received.filter(({ kind }) => kind === 'presence')
  const told = presence.at(-1) as { resync: boolean; left: Uint8Array[] }
  t.same([told.resync, told.left], [true, []], 'the leave was left out, the resync said so')
  end.pause()
  await busy.join(topic, { requestId: 21 })
  for (let id = 30; id < 80; id++) busy.addressed('message', { topic, body: randomBytes(1000) }, id)
  await busy.next('result', frame => frame.requestId === 79)
  end.resume()
  await slow.settled()
  t.equal(slow.closed?.code, 4001)
  t.notOk(busy.closed)
})

test('limits: strangers can not fill the queue of a peer that they never met', async t => {
  const { server, raw, topic } = serveByHand(t, {
    sendQueueSoft: 4000,
    sendQueueHard: 20_000,
    frameBurst: 1e6
  })
  const [victim, friend, stranger] = [raw(), raw(), raw()]
  for (const client of [victim, friend, stranger]) await client.hello()
  await victim.join(topic)
  const session = randomBytes(32)
  friend.addressed('offer', { address: victim.id, topic, session }, 5)
  await victim.next('offer')
  const end = server.pairs[0]?.left as { pause(): void; resume(): void }
  end.pause()
  for (let at = 0; at < 40; at++)
    stranger.addressed('signal', { address: victim.id, body: randomBytes(1000) })
  stranger.send({ kind: 'ping', requestId: 9, received: 0 })
  await stranger.next('pong')
  friend.addressed('signal', { address: victim.id, topic, session })
  friend.send({ kind: 'ping', requestId: 9, received: 0 })
  await friend.next('pong')
  end.resume()
  await victim.next('signal', frame => Buffer.compare((frame as Addressed).address, friend.id) === 0)
  t.notOk(victim.closed, 'it is still there, and heard its friend')
})

test('limits: resync makes a client ask again, and tells what it missed', async t => {
  const { alice, bob, topic, server } = await story(t)
  await bob.join(topic)
  await alice.join(topic, { watch: true })
  const seen = record(alice, 'peer-left')
  const connection = [...server.connections].find(({ id }) => Buffer.compare(id, alice.id) === 0)
  const rpc = connection as NonNullable<typeof connection>
  // As if alice had been slow: the leave is kept from her, then she is told that something was.
  const presence = connection?.presence
  Object.assign(connection as object, { presence: () => {} })
  await bob.leave(topic)
  Object.assign(connection as object, { presence })
  rpc.send({ kind: 'presence', requestId: 0, topic, resync: true, joined: [], left: [], away: [], back: [] })
  await until(() => seen.length === 1)
  t.same(seen[0]?.args[0].id, bob.id)
})

test('limits: single peers that one connection watches, and nothing of them is left', async t => {
  const { server, clock, topic } = serveByHand(t, { maxWatches: 2, joinBurst: 1e6, frameBurst: 1e6 })
  const client = new SocketSignalMemoryClient(server, { clock })
  t.teardown(() => client.close())
  const ids = [randomBytes(32), randomBytes(32), randomBytes(32)]
  await client.watch(topic, ids[0] as Buffer)
  await client.watch(randomBytes(32), ids[1] as Buffer)
  t.equal((await rejection(client.watch(topic, ids[2] as Buffer))).code, 'LIMIT_TOPICS')
  await client.unwatch(topic, ids[0] as Buffer)
  t.equal(await client.watch(topic, ids[2] as Buffer), false)
  for (let round = 0; round < 500; round++) {
    const other = randomBytes(32)
    await client.join(other, { watch: true })
    await client.leave(other)
  }
  t.equal(server.stats().watches, 2)
  await client.close()
  await until(() => server.stats().watches === 0)
})

test('limits: a socket that ends while a gate is asked leaves no watch behind', async t => {
  const { server, raw, topic } = serveByHand(t, {
    clock: systemClock,
    authorize: async ({ action }) => {
      if (action !== 'hello') await new Promise(resolve => setTimeout(resolve, 30))
      return true
    }
  })
  for (let round = 0; round < 5; round++) {
    const client = raw()
    await client.hello()
    client.send(rawJoin(topic, { watch: true }))
    client.send({ kind: 'watch', requestId: 3, topic, id: randomBytes(32), watch: true })
    await new Promise(resolve => setTimeout(resolve, 10))
    client.close()
  }
  await new Promise(resolve => setTimeout(resolve, 100))
  const { watches, topics, mailboxes } = server.stats()
  t.same({ watches, topics, mailboxes }, { watches: 0, topics: 0, mailboxes: 0 })
})

test('limits: watching a peer that is watched already takes no further place', async t => {
  const { server } = serveByHand(t, { maxWatches: 1 })
  const client = new SocketSignalMemoryClient(server)
  t.teardown(() => client.close())
  const [topic, id] = [randomBytes(32), randomBytes(32)]
  t.equal(await client.watch(topic, id), false)
  t.equal(await client.watch(topic, id), false)
  t.equal((await rejection(client.watch(topic, randomBytes(32)))).code, 'LIMIT_TOPICS')
})

test('limits: what a reader was too slow for waits until it is back, or is counted as lost', async t => {
  const { server, raw, topic } = serveByHand(t, {
    sendQueueHard: 8000,
    awayQueue: 5000,
    frameBurst: 1e6,
    messageBurst: 1e6
  })
  const [slow, busy] = [raw(), raw()]
  await slow.hello()
  await busy.hello()
  await slow.join(topic)
  await busy.join(topic)
  const end = server.pairs[0]?.left as { pause(): void; resume(): void }
  end.pause()
  const sent = 20
  for (let id = 10; id < 10 + sent; id++)
    busy.addressed('message', { topic, body: Uint8Array.of(id, ...randomBytes(1000)) }, id)
  await busy.next('result', frame => frame.requestId === 9 + sent)
  end.resume()
  await slow.settled()
  t.equal(slow.closed?.code, 4001)
  const read = bodies(slow)
  const { resumeKey } = await slow.next('welcome')
  const again = raw()
  // The answer to its join came, too.
  await again.hello({ id: slow.id, resume: true, resumeKey, received: read.length + 1 })
  const { resumed, lost } = await again.next('welcome')
  t.ok(resumed)
  const all = [...read, ...bodies(again)]
  t.ok(all.length > read.length, `${read.length} were read, and ${all.length - read.length} waited`)
  t.same(
    all,
    all.map((_, at) => 10 + at),
    'in order, without a gap'
  )
  t.equal(all.length + lost, sent, `${lost} were lost`)
})

test('limits: of what a slow reader missed it is told when it is back, also where a ping has found it too slow', async t => {
  const { server, raw, clock, topic } = serveByHand(t, { sendQueueSoft: 2000, sendQueueHard: 8000 })
  const [slow, busy, gone] = [raw(), raw(), raw()]
  for (const client of [slow, busy, gone]) {
    await client.hello()
    await client.join(topic, { watch: client === slow })
  }
  await clock.advance(100)
  const end = server.pairs[0]?.left as { pause(): void; resume(): void }
  end.pause()
  busy.addressed('message', { topic, body: randomBytes(3000) }, 10)
  await busy.next('result', frame => frame.requestId === 10)
  gone.send({ kind: 'leave', requestId: 11, topic })
  await gone.next('result', frame => frame.requestId === 11)
  await clock.advance(100)
  busy.addressed('message', { topic, body: randomBytes(10_000) }, 12)
  await busy.next('result', frame => frame.requestId === 12)
  for (let second = 0; second < 16; second++) await clock.advance(1000)
  end.resume()
  await slow.settled()
  t.equal(slow.closed?.code, 4001)
  const { resumeKey } = await slow.next('welcome')
  const again = raw()
  await again.hello({ id: slow.id, resume: true, resumeKey, received: 4 })
  t.ok((await again.next('welcome')).resumed)
  const told = () => again.received.some(frame => frame.kind === 'presence' && frame.resync)
  await until(told, 'it is told to ask again')
})

function bodies(client: RawClient): number[] {
  const messages = client.received.filter(({ kind }) => kind === 'message') as Addressed[]
  return messages.map(({ body }) => body[0] as number)
}
