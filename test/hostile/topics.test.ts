import { randomBytes } from 'node:crypto'
import { MemoryBackplane, MemoryCluster } from 'socket-signal'
import { SocketSignalMemoryServer } from 'socket-signal-memory'
import { toKey } from '../../packages/core/src/bytes.ts'
import { encodeFrame } from '../../packages/core/src/frame.ts'
import { KIND } from '../../packages/core/src/protocol.ts'
import { Control } from '../tools/control.ts'
import { heap } from '../tools/heap.ts'
import { RawClient, rawJoin, rawLookup } from '../tools/raw.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { admitted, startServer } from '../tools/websocket.ts'

const none = new Uint8Array(0)
/** A million takes a quarter of a minute: JOINS=1000000. */
const JOINS = Number(process.env.JOINS ?? 200_000)
const FAST = { frameRate: 1e6, frameBurst: 1e6 }

test('hostile topics: an offer to a peer elsewhere is answered like one to nobody, byte by byte and in turn', async t => {
  for (const offers of ['anyone', 'members'] as const) {
    const server = await startServer(t, { offers })
    const [target, outsider] = [await admitted(t, server.url), await admitted(t, server.url)]
    const topic = randomBytes(32)
    await target.raw.join(topic)
    const answers: string[] = []
    outsider.wire.onmessage = message => answers.push(Buffer.from(message).toString('hex'))
    // One after the other without a pause: an answer that took a longer way would come out of its turn.
    const nobody = { address: randomBytes(32), topic: offers === 'anyone' ? topic : randomBytes(32) }
    const elsewhere = { address: target.raw.id, topic: offers === 'anyone' ? randomBytes(32) : topic }
    const tries = Array.from({ length: 20 }, (_, round) => (round % 2 ? nobody : elsewhere))
    for (const [at, { address, topic: where }] of tries.entries()) {
      outsider.raw.addressed(at % 4 < 2 ? 'offer' : 'remoteConnect', { address, topic: where }, 100 + at)
    }
    await until(() => answers.length === tries.length)
    const [first = ''] = answers
    const expected = tries.map(
      (_, at) => first.slice(0, 4) + (100 + at).toString(16).padStart(8, '0') + first.slice(12)
    )
    t.same(answers, expected, `${offers}: one answer for all of them, in the order in which they were asked`)
    t.notOk(target.raw.received.some(({ kind }) => kind === 'offer' || kind === 'remoteConnect'))
  }
})

test('hostile topics: 10,000 look-ups find nobody and are soon refused', async t => {
  const server = await startServer(t, FAST)
  const control = await Control.start(t, server.url)
  const member = await admitted(t, server.url)
  await member.raw.join(randomBytes(32))
  const { raw } = await admitted(t, server.url)
  await control.watches(t, async () => {
    for (let sent = 0; sent < 10_000; ) {
      for (let part = 0; part < 100; part++) raw.send(rawLookup(randomBytes(32), { requestId: 10 + sent++ }))
      await until(() => raw.received.length >= sent, undefined, 20)
    }
  })
  const results = raw.received.filter(frame => frame.kind === 'result')
  const refused = raw.received.filter(frame => frame.kind === 'error')
  t.ok(
    results.every(({ body }) => body.length === 2 && body[0] === 0 && body[1] === 0),
    'nobody was found'
  )
  t.ok(refused.every(({ code, retryAfterMs }) => code === 'RATE_LIMITED' && retryAfterMs > 0))
  t.ok(
    results.length < 1_000 && refused.length > 9_000,
    `${results.length} answered, ${refused.length} refused`
  )
})

test('hostile topics: within its frame rate a crawler gets no further either', async t => {
  const server = await startServer(t, { rateGrace: 1_000 })
  const control = await Control.start(t, server.url)
  const { wire, raw } = await admitted(t, server.url)
  await control.watches(t, async () => {
    const flood = setInterval(() => {
      for (let at = 0; at < 200; at++)
        wire.send(encodeFrame(rawLookup(randomBytes(32), { requestId: 10 + at })))
    }, 20)
    t.teardown(() => clearInterval(flood))
    await raw.settled()
    clearInterval(flood)
  })
  t.equal(raw.closed?.code, 4004)
  const answered = raw.received.filter(({ kind }) => kind === 'result').length
  t.ok(answered < 600, `${answered} answers until it was closed`)
})

test('hostile topics: where only members may look, a topic that is there looks like one that is not', async t => {
  const server = await startServer(t, { lookups: 'members' })
  const [member, outsider] = [await admitted(t, server.url), await admitted(t, server.url)]
  const topic = randomBytes(32)
  await member.raw.join(topic)
  const answers: string[] = []
  outsider.wire.onmessage = message => answers.push(Buffer.from(message).toString('hex').slice(12))
  for (const where of [topic, randomBytes(32)]) {
    const from = answers.length
    for (const details of [false, true]) {
      for (const after of [undefined, Buffer.alloc(32)])
        outsider.raw.send({ kind: 'lookup', requestId: 9, topic: where, limit: 9, after, details })
    }
    outsider.raw.send({ kind: 'watch', requestId: 9, topic: where, id: member.raw.id, watch: true })
    await until(() => answers.length === from + 5)
  }
  t.same(answers.slice(0, 5), answers.slice(5))
  member.raw.send({ kind: 'leave', requestId: 3, topic })
  await member.raw.next('result', ({ requestId }) => requestId === 3)
  outsider.raw.send({ kind: 'ping', requestId: 4, received: 0 })
  await until(() => answers.length === 11)
  t.equal(server.stats().watches, 0, 'and is not watched')
})

test('hostile topics: joins without end take no memory beyond the 128 topics of their client', {
  timeout: 120_000
}, async t => {
  const server = new SocketSignalMemoryServer({ ...FAST, joinRate: 1e9, joinBurst: 1e9 })
  t.teardown(() => server.close())
  const socket = server.dial()
  const client = new RawClient(socket)
  await client.hello()
  await client.next('welcome')
  let [sent, joined, refused] = [0, 0, 0]
  socket.onmessage = ([kind]) => {
    if (kind === KIND.result) joined++
    if (kind === KIND.error) refused++
  }
  const frame = encodeFrame(rawJoin(randomBytes(32), { requestId: 9 }))
  const flood = async (count: number) => {
    for (const end = sent + count; sent < end; ) {
      for (let part = 0; part < 4_000; part++) {
        const bytes = Buffer.from(frame)
        bytes.writeUInt32BE(++sent, 6) // Another topic each time.
        socket.send(bytes)
      }
      await until(() => joined + refused === sent, 'all are answered', 20)
    }
  }
  await flood(1_000)
  const before = await heap()
  await flood(JOINS)
  const grown = (await heap()) - before
  t.ok(grown < 64_000_000, `${grown} bytes`)
  t.equal(server.stats().topics, 128)
  t.equal(joined, 128, `${refused} were refused`)
  client.close()
  await until(() => server.stats().topics === 0)
})

test('hostile topics: a client that leaves costs its own 128 topics, however many others there are', async t => {
  const cluster = new MemoryCluster()
  const server = new SocketSignalMemoryServer({
    backplane: new MemoryBackplane({ cluster }),
    ...FAST,
    joinRate: 1e9,
    joinBurst: 1e9
  })
  t.teardown(() => server.close())
  const leave = async () => {
    const client = new RawClient(server.dial())
    await client.hello()
    for (let at = 0; at < 128; at++) client.send(rawJoin(randomBytes(32), { requestId: 10 + at }))
    await until(() => client.received.filter(({ kind }) => kind === 'result').length === 128)
    const mailboxes = server.stats().mailboxes
    const began = process.cpuUsage()
    client.close()
    while (server.stats().mailboxes === mailboxes) await new Promise(setImmediate)
    const { user, system } = process.cpuUsage(began)
    return user + system
  }
  const median = async () => {
    const costs: number[] = []
    for (let round = 0; round < 15; round++) costs.push(await leave())
    return costs.sort((a, b) => a - b)[7] as number
  }
  await median()
  const few = await median()
  for (let at = 0; at < 100_000; at++) {
    const id = randomBytes(32)
    cluster.topics.set(toKey(randomBytes(32)), { id, key: toKey(id), info: none })
  }
  const many = await median()
  t.equal(server.stats().topics, 100_000)
  // A scan of all topics would cost about 800 times as much.
  t.ok(many < 20 * Math.max(few, 200), `${many} µs of CPU among 100,000 topics, ${few} among none`)
})
