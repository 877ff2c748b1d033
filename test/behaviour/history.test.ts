import { MemoryBackplane, MemoryCluster } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { encodePast } from '../../packages/core/src/frame.ts'
import { History } from '../../packages/core/src/history.ts'
import { playedOpen } from '../tools/played.ts'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

const keep = true
const BOUNDS = { length: 100, age: 60_000, bytes: 1_000_000 }
const EVER = Number.MAX_SAFE_INTEGER

test('history: who comes later is given what was meant to be kept, signed as it was said', async t => {
  const { alice, bob, topic } = await story(t, { server: { history: {} } })
  await alice.join(topic)
  const started = Date.now()
  await alice.publish(topic, { text: 'one' }, { keep })
  await alice.publish(topic, 'for now alone')
  await alice.publish(topic, new Uint8Array([2, 0]), { keep })
  await bob.join(topic)
  await alice.publish(topic, 'for you alone', { to: bob.id, keep })
  await bob.publish(topic, 3, { keep })
  for (const client of [alice, bob]) {
    const past = await client.history(topic)
    t.same(
      past.map(({ id, data }) => [id, data]),
      [
        [alice.id, { text: 'one' }],
        [alice.id, Buffer.from([2, 0])],
        [bob.id, 3]
      ]
    )
    t.ok(
      past.every(
        message => message.topic.length === 32 && message.at >= started && message.at <= Date.now() + 1
      )
    )
  }
  const [latest] = await bob.history(topic, { limit: 1 })
  t.equal(latest?.data, 3)
  const [before, ...more] = await bob.history(topic, { limit: 1, before: latest?.at as number })
  t.same([before?.data, more], [Buffer.from([2, 0]), []])
  t.same(await bob.history(topic, { before: 1 }), [], 'there are none before')
})

test('history: it is off unless a server is told otherwise, and says so', async t => {
  const { alice, topic } = await story(t)
  await alice.join(topic)
  await alice.publish(topic, 'kept by nobody', { keep })
  const error = await rejection(alice.history(topic))
  t.equal(error.code, 'UNSUPPORTED')
  t.match(error.message, /keeps no history/)
  t.notOk(error.retryable)
})

test('history: a server that does not know it refuses it in the same way', async t => {
  const { client, server } = await playedOpen(t)
  const asking = rejection(client.history(new Uint8Array(32).fill(5), { limit: 7, before: 12.345 }))
  const { requestId, limit, before } = await server.next('history')
  t.same([limit, before], [7, 12_345])
  const refusal = { code: 'UNSUPPORTED', message: 'no such request', retryable: false, retryAfterMs: 0 }
  server.send({ kind: 'error', requestId, ...refusal })
  t.equal((await asking).code, 'UNSUPPORTED')
})

test('history: only who has joined, and whom the gate lets, is told', async t => {
  const asked: string[] = []
  const authorize = ({ action }: { action: string }) => {
    asked.push(action)
    return action !== 'history'
  }
  const { alice, topic } = await story(t, { server: { history: {} } })
  t.equal((await rejection(alice.history(topic))).code, 'NOT_JOINED')
  const closed = await story(t, { server: { history: {}, authorize } })
  await closed.alice.join(topic)
  t.equal((await rejection(closed.alice.history(topic))).code, 'FORBIDDEN')
  t.ok(asked.includes('history'))
  await alice.join(topic)
  await alice.leave(topic)
  t.equal((await rejection(alice.history(topic))).code, 'NOT_JOINED', 'who has left is told no more')
})

test('history: what a server made up, moved or broke is passed over', async t => {
  const { alice, server: honest, topic } = await story(t, { server: { history: {} } })
  const frames: Uint8Array[] = []
  for (const place of [topic, new Uint8Array(32).fill(8)]) {
    await alice.join(place)
    await alice.publish(place, 'true', { keep })
    const [kept] = (await honest.backplane.recall?.(place, { ...BOUNDS, before: EVER })) ?? []
    if (kept) frames.push(kept.frame)
  }
  const [own, moved] = frames as [Uint8Array, Uint8Array]
  const changed = Uint8Array.from(own)
  changed[changed.length - 3] = (changed.at(-3) as number) ^ 1
  const unsigned = Uint8Array.from(own).fill(0, 106, 170)
  const nobody = Uint8Array.from(own).fill(0, 6, 38)
  const offer = Uint8Array.from(own).fill(0x20, 0, 1)
  const lies = [own, moved, changed, unsigned, nobody, offer, new Uint8Array(9), new Uint8Array(200)]
  const { client, server } = await playedOpen(t)
  const dropped = record(client, 'dropped')
  const answer = async (asked: number, body: Uint8Array) => {
    const { requestId } = await server.next('history', ({ requestId }) => requestId !== asked)
    server.send({ kind: 'result', requestId, flags: 0, body })
    return requestId
  }
  const asking = client.history(topic)
  const first = await answer(0, encodePast(lies.map((frame, at) => ({ at, frame }))))
  t.same(
    (await asking).map(({ id, data }) => [id, data]),
    [[alice.id, 'true']]
  )
  t.equal(dropped.length, 3, 'whose signature does not fit is told')
  const broken = rejection(client.history(topic))
  await answer(first, Uint8Array.of(0, 9, 1))
  t.equal((await broken).code, 'BAD_FRAME')
  t.ok(client.connected, 'and nothing else ends')
})

test('history: nodes share it, and it outlives who said it', async t => {
  const cluster = new MemoryCluster()
  const make = () =>
    new SocketSignalMemoryServer({ backplane: new MemoryBackplane({ cluster }), history: { length: 3 } })
  const servers = [make(), make()] as const
  t.teardown(async () => void (await Promise.all(servers.map(server => server.close()))))
  const topic = new Uint8Array(32).fill(3)
  const [ada, bob] = servers.map(server => new SocketSignalMemoryClient(server)) as [
    SocketSignalMemoryClient,
    SocketSignalMemoryClient
  ]
  await ada.join(topic)
  for (let i = 0; i < 5; i++) await ada.publish(topic, i, { keep })
  await ada.close()
  await bob.join(topic)
  t.same(
    (await bob.history(topic)).map(({ data }) => data),
    [2, 3, 4]
  )
  await bob.close()
})

test('history: what can not be kept is said all the same, and told', async t => {
  const backplane = new MemoryBackplane()
  backplane.keep = async () => {
    throw new Error('full')
  }
  const { alice, bob, server, topic } = await story(t, { server: { backplane, history: {} } })
  const heard = record(bob, 'message')
  const errors = record(server, 'connection-error')
  await bob.join(topic)
  await alice.join(topic)
  await alice.publish(topic, 'said', { keep })
  await until(() => heard.length === 1)
  t.equal((errors[0]?.args[0] as Error | undefined)?.message, 'full')
})

test('history: a large message is said and not kept, and a long answer comes in pages that fit', async t => {
  const server = { history: { length: 1000, bytes: 2_000_000 }, maxMessage: 70_000, maxPayload: 70_000 }
  const { alice, bob, topic } = await story(t, { server })
  await alice.join(topic)
  await bob.join(topic)
  const heard = record(bob, 'message')
  await alice.publish(topic, 'x'.repeat(69_000), { keep })
  await until(() => heard.length === 1)
  for (let i = 0; i < 5; i++) await alice.publish(topic, `${i}${'x'.repeat(60_000)}`, { keep })
  const past = await bob.history(topic)
  t.same(
    past.map(({ data }) => String(data)[0]),
    ['1', '2', '3', '4'],
    '256 KiB in one answer'
  )
  const { at } = past[0] as { at: number }
  t.same(
    (await bob.history(topic, { before: at })).map(({ data }) => String(data)[0]),
    ['0'],
    'and the rest in the next'
  )
})

test('history: who asks for much has asked often', async t => {
  const server = { history: {}, joinRate: 0.001, joinBurst: 20, messageBurst: 100 }
  const { alice, topic } = await story(t, { server })
  await alice.join(topic)
  t.equal((await alice.history(topic)).length, 0)
  for (let i = 0; i < 16; i++) await alice.publish(topic, 'x'.repeat(16_000), { keep })
  t.equal((await alice.history(topic)).length, 16)
  const error = await rejection(alice.history(topic).then(() => alice.history(topic)))
  t.equal(error.code, 'RATE_LIMITED')
})

test('history: memory is bounded over all topics, and what is old is forgotten with the next', t => {
  let now = 1_795_363_200_000
  const history = new History(() => now)
  const frame = new Uint8Array(16_000)
  const topicOf = (number: number) =>
    Uint8Array.from(new Uint8Array(32), (_, i) => (i === 0 ? number >> 8 : i === 1 ? number & 255 : 1))
  const has = (number: number) => history.recall(topicOf(number), { ...BOUNDS, before: EVER }).length
  for (let topic = 0; topic < 500; topic++)
    for (let i = 0; i < 16; i++) history.keep(topicOf(topic), frame, { ...BOUNDS, length: 16 })
  t.equal(has(0), 0, 'the topic in which nothing was said for the longest is gone')
  t.equal(has(499), 16)
  const all = () =>
    Array.from({ length: 500 }, (_, topic) => has(topic)).reduce((sum, count) => sum + count, 0)
  t.ok(all() * frame.length <= 64 * 1024 * 1024, `${all()} messages`)
  t.ok(all() * frame.length > 60 * 1024 * 1024)
  now += BOUNDS.age + 1
  t.equal(all(), 0, 'told to nobody')
  history.keep(topicOf(7), frame, BOUNDS)
  now -= BOUNDS.age
  t.equal(all(), 1, 'and held no more')
  t.end()
})

test('history: bounds that are none, and a backplane that keeps nothing, are told at once', t => {
  const wrong: [object, RegExp][] = [
    [{ length: 0 }, /history\.length must be a whole number of 1 to 1000, got 0/],
    [{ length: 1001 }, /history\.length/],
    [{ age: 1.5 }, /history\.age/],
    [{ bytes: '9' }, /history\.bytes/]
  ]
  for (const [history, words] of wrong) t.throws(() => new SocketSignalMemoryServer({ history }), words)
  const backplane = new MemoryBackplane()
  Object.assign(backplane, { keep: undefined })
  t.throws(() => new SocketSignalMemoryServer({ backplane, history: {} }), /one that keeps history/)
  t.ok(new SocketSignalMemoryServer({ backplane }))
  t.end()
})

test('history: what is kept in memory holds no more than itself', t => {
  const history = new History(Date.now)
  const topic = new Uint8Array(32).fill(9)
  const pooled = Buffer.from('a small one, out of the pool of Buffers')
  history.keep(topic, pooled, BOUNDS)
  const [kept] = history.recall(topic, { ...BOUNDS, before: EVER })
  t.same(Buffer.from(kept?.frame ?? []), pooled)
  t.equal(kept?.frame.buffer.byteLength, pooled.length)
  t.end()
})

test('history: a time that no frame can hold is said at once', async t => {
  const { alice, topic } = await story(t, { server: { history: {} } })
  await alice.join(topic)
  for (const before of [-1, Number.NaN, 9e12, Number.POSITIVE_INFINITY]) {
    const error = await rejection(alice.history(topic, { before }))
    t.equal(error.name, 'TypeError', String(before))
  }
  t.same(await alice.history(topic, { before: 9e12 - 1 }), [])
})
