import { randomBytes } from 'node:crypto'
import { type Attachment, MemoryBackplane } from 'socket-signal'
import { doorId, whoseOf } from 'socket-signal-gateway'
import { deferred } from '../../packages/core/src/deferred.ts'
import { ChatRoom } from '../../packages/gateway/src/chat-room.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const MAILBOX = { deliver: () => true, lost: () => {} }

/** A room with so many seats, and what the first of them was told. */
function roomOf(seats: number) {
  const backplane = new MemoryBackplane()
  const topic = randomBytes(32)
  const room = new ChatRoom('room', topic, backplane)
  const told: { event: string; userId: string }[] = []
  let copies = 0
  for (let at = 0; at < seats; at++) {
    const tell = (packet: string) => {
      copies++
      if (at === 0) told.push(JSON.parse(packet).data)
    }
    room.seats.add({ id: doorId(whoseOf('chat', `seat ${at}`)), tell })
  }
  const enter = (user: string) =>
    backplane.attach(doorId(whoseOf('chat', user)), { proven: false, conflict: 'replace' }, MAILBOX)
  const join = (place: Attachment, info: unknown) => place.join(topic, Buffer.from(JSON.stringify(info)))
  return { room, topic, backplane, told, enter, join, copies: () => copies }
}

test('chat room: who comes and goes without an end is told of within a bound, and the last of it is true', async t => {
  const { room, topic, told, enter, join, copies } = roomOf(500)
  t.teardown(() => room.end())
  const eve = enter('eve')
  for (let at = 0; at < 2_000; at++) {
    join(eve, { chat: { id: 'eve' } })
    await new Promise(setImmediate)
    eve.leave(topic)
    await new Promise(setImmediate)
  }
  join(enter('ada'), { chat: { id: 'ada' } })
  await until(() => told.some(({ userId }) => userId === 'ada'), 'others are told of all the same', 10)
  t.ok(copies() < 400_000, `${copies()} copies in place of 2,000,000`)
  await until(() => told.findLast(({ userId }) => userId === 'eve')?.event === 'left', 'the last of it', 10)
})

test('chat room: one that has ended keeps nothing for later', async t => {
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  for (const isLate of [false, true]) {
    const { room, told, enter, join, backplane } = roomOf(60_000) // So many that a second one has to wait.
    join(enter('ada'), { chat: { id: 'ada' } })
    await until(() => told.length === 1)
    const looked = deferred<[]>()
    if (isLate) Object.assign(backplane, { lookup: () => looked.promise })
    join(enter('bob'), { chat: { id: 'bob' } })
    if (!isLate) await until(() => timers() > before, 'it waits')
    room.seats.clear()
    room.end()
    looked.resolve([])
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    t.equal(timers(), before, isLate ? 'who came in the same moment' : 'who was to be told of')
  }
})

test('chat room: of what members say of themselves only an id and names are passed on', async t => {
  const { room, told, enter, join } = roomOf(1)
  t.teardown(() => room.end())
  const deep = JSON.parse('['.repeat(200) + ']'.repeat(200))
  for (const chat of [null, 7, [], {}, { id: '' }, { id: 'x'.repeat(257) }, { id: { toString: 1 } }])
    join(enter(`nobody ${JSON.stringify(chat)}`), { chat })
  join(enter('ada'), { chat: { id: 'ada', name: deep, nick: 'A', profile: { deep }, admin: true } })
  await until(() => told.length > 0)
  t.deepEqual(
    told.map(({ userId, ...data }) => [userId, (data as { participant?: unknown }).participant]),
    [['ada', { id: 'ada', nick: 'A' }]]
  )
  t.deepEqual(await room.participants(randomBytes(32)), [{ id: 'ada', nick: 'A' }])
})
