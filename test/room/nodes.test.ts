import { randomBytes } from 'node:crypto'
import { Redis } from 'ioredis'
import { type Backplane, MemoryBackplane, MemoryCluster } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { RedisBackplane } from 'socket-signal-redis'
import { createRoom, type Room } from 'socket-signal-room'
import { createModeration, type Moderation } from 'socket-signal-room/server'
import { fakeWrtc } from 'socket-signal-testing'
import type { Test } from 'tape'
import { startRedis } from '../tools/redis.ts'
import { idOf, sees, tracks } from '../tools/rooms.ts'
import { clientOptions } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const BOTH = { audio: true, video: true }
const none = { rooms: 0, censored: 0 }

interface Node {
  moderation: Moderation
  enter(): Promise<Room>
}

test('room nodes: what one node decides holds on all of them, also on one that starts later', async t => {
  const cluster = new MemoryCluster()
  await story(t, () => new MemoryBackplane({ cluster }))
})

test('room nodes: the same over Redis', { needs: ['redis-server'], timeout: 60_000 }, async t => {
  const { port } = await startRedis(t)
  await story(t, () => {
    const client = new Redis(port, '127.0.0.1')
    const backplane = new RedisBackplane({ client, prefix: 'rooms:' })
    t.teardown(async () => {
      await backplane.close()
      client.disconnect()
    })
    return backplane
  })
})

test('room nodes: what other nodes say may be anything, and harms nobody', async t => {
  const cluster = new MemoryCluster()
  const create = () => new MemoryBackplane({ cluster })
  const rtc = fakeWrtc()
  const topic = randomBytes(32)
  const { moderation, enter } = node(t, rtc, topic, create())
  const alice = await enter()
  const evil = create()
  const hex = topic.toString('hex')
  const self = [idOf(alice), 'self', 'video']
  const notes: unknown[] = [
    ...[null, 7, 'x', [], {}, { ask: 1 }, { topic: hex }, { topic: 7, censored: [] }],
    ...[[hex], { length: 64 }, `${hex}0`, '__proto__'].map(topic => ({ topic, on: true, censored: [self] })),
    ...[null, [null], [[]], [[[idOf(alice)], 'self', 'video']], [['__proto__', 'self', 'video']]].map(
      censored => ({
        ...{ topic: hex, on: true, standing: true, censored }
      })
    )
  ]
  for (const note of notes) evil.tell(Buffer.from(JSON.stringify({ moderation: note })))
  for (const note of ['', '{', '[[[[', '\u0000']) evil.tell(Buffer.from(note))
  evil.tell(Buffer.alloc(64, 0xff))
  await new Promise(resolve => setImmediate(resolve))
  t.deepEqual(moderation.stats(), none, 'nothing of it stands')
  await alice.addStream('self', tracks(rtc))
  t.equal(
    await moderation.censor(topic, Buffer.from(idOf(alice), 'hex'), 'self', 'video'),
    true,
    'and it goes on'
  )
})

async function story(t: Test, create: () => Backplane): Promise<void> {
  const rtc = fakeWrtc()
  const topic = randomBytes(32)
  const start = () => node(t, rtc, topic, create())
  const [one, other] = [start(), start()]
  const alice = await one.enter()
  const bob = await other.enter()
  await Promise.all([sees(alice, 2), sees(bob, 2)])
  const id = Buffer.from(idOf(alice), 'hex')
  const of = (room: Room) => room.getParticipantStream(idOf(alice), 'self')
  await alice.addStream('self', tracks(rtc))
  await until(() => of(bob) !== undefined, 'who says something else of itself is seen on the other node')
  await alice.updateStream('self', { audio: null })
  await until(() => of(bob)?.isAudioEnabled === false, 'a track that is off as well')

  t.equal(await other.moderation.censor(topic, id, 'self', 'video'), true, 'asked of a node where it is not')
  await until(() => of(bob)?.isVideoCensored === true && of(alice)?.isVideoCensored === true)
  await until(() => one.moderation.stats().censored === 1, 'all nodes know it')
  const third = start()
  for (const each of [one, third]) {
    const late = await each.enter()
    await until(() => of(late)?.isVideoCensored === true, 'also one that is new, as soon as it is there')
    await late.addSubscription(idOf(alice), 'self', BOTH)
    t.same(
      [of(late)?.isVideoCensored, of(late)?.videoTrack],
      [true, undefined],
      'who comes later does not see it'
    )
    await late.disconnect()
  }
  t.equal(await third.moderation.uncensor(topic, id, 'self', 'video'), true, 'another node may give it back')
  await until(() => of(bob)?.isVideoCensored === false && of(alice)?.isVideoCensored === false)
  await until(() => [one, other, third].every(({ moderation }) => moderation.stats().censored === 0))

  t.equal(await one.moderation.censor(topic, id, 'self', 'video'), true)
  await until(() => other.moderation.stats().censored === 1)
  const left: unknown[] = []
  bob.on('participant_leaving', (...args) => left.push(args.slice(0, 2)))
  t.equal(await other.moderation.kick(topic, id), true)
  await until(() => alice.getState().status === 'disconnected', 'its sockets end wherever they are')
  t.equal(alice.getState().disconnectReason, 'kicked')
  await sees(bob, 1)
  t.same(left, [[idOf(alice), 'kicked']])
  for (const { moderation } of [one, other, third])
    await until(() => moderation.stats().censored === 0, 'who has gone is forgotten everywhere')
  t.same(other.moderation.stats(), none)
}

function node(t: Test, rtc: ReturnType<typeof fakeWrtc>, topic: Buffer, backplane: Backplane): Node {
  const moderation = createModeration({ allow: () => true })
  const server = moderation.attach(new SocketSignalMemoryServer({ ...moderation.hooks, backplane }))
  const made: Room[] = []
  t.teardown(async () => {
    await Promise.all(made.map(room => room.disconnect()))
    moderation.close()
    await server.close()
  })
  const enter = async () => {
    const client = (options: object) =>
      new SocketSignalMemoryClient(server, { ...clientOptions(rtc), ...options })
    const room = createRoom({ client, room: topic })
    made.push(room)
    await room.connect()
    return room
  }
  return { moderation, enter }
}
