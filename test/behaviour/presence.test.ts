import { randomBytes } from 'node:crypto'
import { MemoryBackplane, MemoryCluster, SocketSignalServerMap, toKey } from 'socket-signal'
import { SocketSignalMemoryClient, socketPair } from 'socket-signal-memory'
import { story } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { record, rejection, until } from '../tools/wait.ts'

const events = ['peer-joined', 'peer-left'] as const

test('presence: a watcher gets everybody, then who comes and goes, with what they say of themselves', async t => {
  const { alice, bob, carol, topic } = await story(t, { clients: [{}, {}, {}] })
  const seen = record(alice, ...events)
  await bob.join(topic, { info: { name: 'Bob' } })
  t.same(await alice.join(topic, { watch: true }), [bob.id])
  t.same(
    seen.shift()?.args,
    [{ topic, id: bob.id, info: { name: 'Bob' } }],
    'who was there before is told once'
  )
  await carol.join(topic)
  await until(() => seen.length === 1)
  await bob.leave(topic)
  await carol.close()
  await until(() => seen.length === 3)
  t.same(
    seen.map(({ event, args }) => [event, args[0].id]),
    [
      ['peer-joined', carol.id],
      ['peer-left', bob.id],
      ['peer-left', carol.id]
    ]
  )
})

test('presence: what somebody says of itself anew is told, also to who was away or leaves at once', async t => {
  const { alice, bob, server, topic } = await story(t)
  const seen = record(alice, 'peer-joined', 'peer-updated', 'peer-left')
  await alice.join(topic, { watch: true })
  const say = (info: unknown) => bob.join(topic, { info })
  for (const info of [1, 1, 2]) await say(info)
  await until(() => seen.length === 2)
  server.pairs[0]?.break()
  await say(3)
  await until(() => seen.length === 3)
  await say(4)
  await bob.leave(topic)
  await until(() => seen.some(({ event }) => event === 'peer-left'))
  t.same(
    seen.slice(0, 3).map(({ event, args }) => [event, args[0].info]),
    [
      ['peer-joined', 1],
      ['peer-updated', 2],
      ['peer-updated', 3]
    ]
  )
  t.equal(seen.at(-1)?.event, 'peer-left')
})

test('moderate: the server tells everybody in a topic, and nobody else, what was decided', async t => {
  const onModerate = (_rpc: unknown, { data }: { data: unknown }) => ({ done: data })
  const { alice, bob, carol, server, topic } = await story(t, {
    server: { onModerate },
    clients: [{}, {}, {}]
  })
  const seen = [alice, bob, carol].map(client => record(client, 'moderated'))
  for (const client of [alice, bob]) await client.join(topic)
  t.same(await alice.moderate(topic, bob.id, { quiet: true }), { done: { quiet: true } })
  await server.tell(topic, bob.id, { quiet: true })
  await until(() => seen.slice(0, 2).every(({ length }) => length === 1))
  for (const [event] of seen.slice(0, 2)) t.same(event?.args, [{ topic, id: bob.id, data: { quiet: true } }])
  t.same(seen[2], [])
})

test('presence: who does not watch is told nothing', async t => {
  const { alice, bob, topic } = await story(t)
  const seen = record(alice, ...events)
  await alice.join(topic)
  await bob.join(topic)
  await bob.leave(topic)
  await alice.lookup(topic)
  t.same(seen, [])
})

test("presence: one peer can be watched by id, without its topic's traffic", async t => {
  const { alice, bob, carol, topic } = await story(t, { clients: [{}, {}, {}] })
  const seen = record(alice, ...events)
  t.equal(await alice.watch(topic, bob.id), false)
  await carol.join(topic)
  await bob.join(topic, { info: 'bob' })
  await until(() => seen.length === 1)
  await bob.leave(topic)
  await until(() => seen.length === 2)
  t.same(
    seen.map(({ event, args }) => [event, args[0].id]),
    [
      ['peer-joined', bob.id],
      ['peer-left', bob.id]
    ],
    'nothing of carol'
  )
  await alice.unwatch(topic, bob.id)
  await bob.join(topic)
  t.equal(await alice.watch(topic, bob.id), true)
  t.equal(seen.length, 2)
})

test('presence: watching a topic and leaving it keeps the watch on a single peer', async t => {
  const { alice, bob, topic } = await story(t)
  const seen = record(alice, ...events)
  await alice.watch(topic, bob.id)
  await alice.join(topic, { watch: true })
  await alice.leave(topic)
  await bob.join(topic)
  await until(() => seen.length === 1)
  t.same(seen[0]?.args[0].id, bob.id)
})

test('presence: a crowd that comes at once is told in few frames and completely', async t => {
  const { server, alice, topic } = await story(t, { clients: [{}] })
  await alice.join(topic, { watch: true })
  const seen = record(alice, 'peer-joined')
  const crowd = Array.from({ length: 50 }, () => new SocketSignalMemoryClient(server))
  t.teardown(() => Promise.all(crowd.map(client => client.close())))
  await Promise.all(crowd.map(client => client.join(topic)))
  await until(() => seen.length === 50)
  t.equal(new Set(seen.map(({ args }) => Buffer.from(args[0].id).toString('hex'))).size, 50)
})

test('lookup: a sample of up to limit, a walk by after, members with details', async t => {
  const { server, alice, topic } = await story(t, { clients: [{}] })
  const crowd = Array.from({ length: 12 }, () => new SocketSignalMemoryClient(server))
  t.teardown(() => Promise.all(crowd.map(client => client.close())))
  await Promise.all(crowd.map((client, at) => client.join(topic, { info: { at } })))
  t.equal((await alice.lookup(topic)).length, 12)
  const sample = await alice.lookup(topic, { limit: 5 })
  t.equal(new Set(sample.map(id => Buffer.from(id).toString('hex'))).size, 5, 'five different ones')
  const walked: Uint8Array[] = []
  for (
    let after = new Uint8Array(32) as Uint8Array | undefined;
    after;
    after = walked.length < 12 ? walked.at(-1) : undefined
  ) {
    walked.push(...(await alice.lookup(topic, { after, limit: 5 })))
  }
  t.same(walked, crowd.map(({ id }) => id).sort(Buffer.compare), 'in byte order, each once')
  const members = await alice.lookup(topic, { details: true })
  const first = members.find(({ id }) => Buffer.compare(id, (crowd[3] as SocketSignalMemoryClient).id) === 0)
  t.same(first?.info, { at: 3 })
  t.same(await alice.lookup(randomBytes(32)), [], 'an unknown topic is an empty one')
})

test('info: at most 1 KiB of JSON', async t => {
  const { alice, topic } = await story(t)
  await alice.join(topic, { info: 'x'.repeat(1022) })
  t.ok((await rejection(alice.join(topic, { info: 'x'.repeat(1023) }))) instanceof TypeError)
  t.ok(
    (await rejection(alice.join(topic, { info: randomBytes(3) }))) instanceof TypeError,
    'bytes are no JSON'
  )
})

test('messages: to everybody in the topic but the sender, or to one of them', async t => {
  const { alice, bob, carol, topic } = await story(t, { clients: [{}, {}, {}] })
  const heard = [alice, bob, carol].map(client => record(client, 'message'))
  t.equal((await rejection(alice.publish(topic, 'early'))).code, 'NOT_JOINED')
  await Promise.all([alice.join(topic), bob.join(topic), carol.join(topic)])
  await alice.publish(topic, { text: 'to all' })
  await alice.publish(topic, new Uint8Array([1, 2, 3]), { to: carol.id })
  await until(() => heard[2]?.length === 2)
  t.same(
    heard.map(messages => messages.map(({ args }) => args[0])),
    [
      [],
      [{ topic, id: alice.id, data: { text: 'to all' }, direct: false }],
      [
        { topic, id: alice.id, data: { text: 'to all' }, direct: false },
        { topic, id: alice.id, data: Buffer.from([1, 2, 3]), direct: true }
      ]
    ]
  )
  t.equal((await rejection(alice.publish(topic, 1, { to: randomBytes(32) }))).code, 'PEER_NOT_FOUND')
})

test('messages: arrive in the order they were sent', async t => {
  const { alice, bob, topic } = await story(t)
  const heard = record(bob, 'message')
  await Promise.all([alice.join(topic), bob.join(topic)])
  await Promise.all(Array.from({ length: 40 }, (_, at) => alice.publish(topic, at)))
  await until(() => heard.length === 40)
  t.same(
    heard.map(({ args }) => args[0].data),
    Array.from({ length: 40 }, (_, at) => at)
  )
})

test('nodes: three servers over one cluster act as one', async t => {
  const cluster = new MemoryCluster()
  const servers = Array.from(
    { length: 3 },
    () => new SocketSignalServerMap({ backplane: new MemoryBackplane({ cluster }) })
  )
  const { rtc, topic } = await story(t, { clients: [] })
  const clients = servers.map(server => {
    const dial = () => {
      const { left, right } = socketPair()
      void server.addSocket(right)
      return left
    }
    return new SocketSignalMemoryClient({ dial }, { simplePeer: { wrtc: rtc }, iceServers: [] })
  })
  t.teardown(async () => {
    await Promise.all(clients.map(client => client.close()))
    await Promise.all(servers.map(server => server.close()))
  })
  const [alice, bob, carol] = clients as [
    SocketSignalMemoryClient,
    SocketSignalMemoryClient,
    SocketSignalMemoryClient
  ]
  const seen = record(carol, 'peer-joined', 'peer-left', 'message')
  await carol.join(topic, { watch: true })
  await Promise.all([alice.join(topic), bob.join(topic)])
  t.ok((await alice.connect(topic, bob.id).ready()).connected)
  await alice.publish(topic, 'across')
  await until(() => seen.length === 3)
  await bob.close()
  await until(() => seen.length === 4)
  t.same(seen.map(({ event }) => event).sort(), ['message', 'peer-joined', 'peer-joined', 'peer-left'])
})

test('messages: what is changed after the call is not what was published', async t => {
  const { alice, bob, topic } = await story(t)
  const heard = record(bob, 'message')
  await Promise.all([alice.join(topic), bob.join(topic)])
  const [bytes, object] = [new Uint8Array([1]), { text: 'as it was' }]
  const published = [alice.publish(topic, bytes), alice.publish(topic, object)]
  bytes[0] = 2
  object.text = 'changed'
  await Promise.all(published)
  await until(() => heard.length === 2)
  t.same(
    heard.map(({ args }) => args[0].data),
    [Buffer.from([1]), { text: 'as it was' }]
  )
})

test('presence: nothing is told of a topic that nobody here watches', async t => {
  const { server, alice, bob, topic } = await story(t)
  const seen = record(alice, ...events)
  const [connection] = [...server.connections].filter(({ id }) => Buffer.compare(id, alice.id) === 0)
  const joined = [{ id: bob.id, info: new Uint8Array(0) }]
  connection?.send({
    kind: 'presence',
    requestId: 0,
    topic,
    resync: false,
    joined,
    left: [],
    away: [],
    back: []
  })
  await bob.join(topic)
  const joining = alice.join(topic, { watch: true })
  await alice.leave(topic)
  await joining
  t.same(seen, [])
})

test('presence: a watch that is given up leaves a later one of the same peer alone', async t => {
  const { alice, bob, topic } = await story(t)
  const seen = record(alice, ...events)
  const controller = new AbortController()
  const first = rejection(alice.watch(topic, bob.id, { signal: controller.signal }))
  const second = alice.watch(topic, bob.id)
  controller.abort(new Error('enough'))
  await first
  t.equal(await second, false)
  await bob.join(topic)
  await until(() => seen.length === 1)
  await bob.leave(topic)
  await until(() => seen.length === 2)
  t.pass('both were told')
})

test('presence: what comes right behind the answer to a join is newer than the answer', async t => {
  const pipes: { stall(on: boolean): void }[] = []
  const { server, alice, bob, carol, topic } = await story(t, {
    clients: [{}, {}, {}],
    server: { onJoin: rpc => void (toKey(rpc.id) === toKey(alice.id) && pipes[0]?.stall(true)) }
  })
  pipes.push(...server.pairs)
  await bob.join(topic)
  const seen = record(alice, ...events)
  const joined = alice.join(topic, { watch: true })
  await until(() => server.stats().watches === 1)
  await bob.leave(topic)
  await carol.join(topic)
  // Both presence frames lie behind the answer, and all of it is read at once.
  await new Promise(resolve => setTimeout(resolve, 200))
  pipes[0]?.stall(false)
  t.same(await joined, [bob.id])
  await until(() => seen.length === 3)
  t.same(
    seen.map(({ event, args }) => [event, args[0].id]),
    [
      ['peer-joined', bob.id],
      ['peer-left', bob.id],
      ['peer-joined', carol.id]
    ]
  )
})

test('presence: what is joined again while it is being left is not told as left', async t => {
  const { server, alice, topic } = await story(t, { clients: [{}] })
  await alice.join(topic)
  const seen = record(alice, 'join', 'leave')
  await Promise.all([alice.leave(topic), alice.join(topic)])
  t.same(
    seen.map(({ event }) => event),
    ['join']
  )
  t.equal(server.stats().topics, 1)
  await alice.leave(topic)
  t.equal(seen[1]?.event, 'leave')
})

test('presence: an unwatch that is refused changes nothing', async t => {
  let refuse = false
  const { alice, bob, topic } = await story(t, {
    server: { authorize: ({ action }) => !(refuse && action === 'watch') }
  })
  t.equal(await alice.watch(topic, bob.id), false)
  const seen = record(alice, ...events)
  refuse = true
  t.equal((await rejection(alice.unwatch(topic, bob.id))).code, 'FORBIDDEN')
  await bob.join(topic)
  await until(() => seen.length === 1)
  refuse = false
  await alice.unwatch(topic, bob.id)
  await bob.leave(topic)
  await alice.lookup(topic)
  t.same(
    seen.map(({ event }) => event),
    ['peer-joined'],
    'until it is granted'
  )
})
