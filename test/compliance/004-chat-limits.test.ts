import fc from 'fast-check'
import { type Backplane, MemoryBackplane, MemoryCluster } from 'socket-signal'
import { bearer, chatServer, empty, Guide, type Packet, statusOf, tokenOf } from '../tools/chat.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

test('004.34 chat: whatever is malformed is told so, and the connection stays', async t => {
  const { url } = await chatServer(t)
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  const bad = [
    ...[
      '',
      '{',
      'null',
      '[]',
      '"x"',
      '7',
      '{}',
      '{"type":"offer"}',
      '['.repeat(5000),
      '{"type":"note","data":[]}'
    ],
    ...['{"type":"note","to":7}', `{"type":"note","to":"${'x'.repeat(300)}"}`, '{"type":"webrtc.signal"}'],
    ...['{"type":"ice-candidate"}', '{"type":"ice-candidate","candidate":{"candidate":7}}'],
    `{"type":"ice-candidate","candidate":{"candidate":"${'x'.repeat(2000)}"}}`,
    `{"type":"note","x":{${Array.from({ length: 2000 }, (_, n) => `"k${n}":1`)}}}`
  ]
  for (const message of bad) ada.send(message)
  ada.send('{"type":"note","__proto__":{"admin":true},"data":{"__proto__":{"admin":true},"a":1}}')
  await until(() => bob.signals.length === 1 && ada.errors.length >= bad.length)
  t.equal(ada.errors.length, bad.length)
  t.deepEqual(new Set(ada.errors), new Set(['INVALID_ARGUMENT']))
  t.deepEqual(bob.signals[0].data, { a: 1 })
  t.equal(({} as { admin?: boolean }).admin, undefined)
  ada.send({ type: 'note', text: 'x'.repeat(20_000) })
  await until(() => ada.errors.at(-1) === 'TOO_LARGE')
  ada.send({ type: 'note', text: 'x'.repeat(70_000) })
  await until(() => ada.closed === 1009, 'what is larger than any frame ends the socket')
  t.equal(bob.closed, undefined)
})

test('004.36 chat: signals are limited in rate; nothing is lost until the socket is ended', async t => {
  const { server, url } = await chatServer(t, {}, { frameRate: 100, frameBurst: 100, rateGrace: 1_500 })
  const [ada, bob, carol] = await Promise.all(['ada', 'bob', 'carol'].map(who => Guide.join(t, url, who)))
  for (let n = 0; n < 150; n++) ada?.send({ type: 'note', n })
  await until(() => bob?.signals.length === 150, 'a burst takes its time')
  t.deepEqual(
    bob?.signals.map(({ data }) => data.n),
    Array.from({ length: 150 }, (_, n) => n)
  )
  for (let n = 0; n < 5000; n++) carol?.send(n % 2 ? 'garbage' : { type: 'note', n })
  await until(() => carol?.closed === 4004, 'a flood of good and bad ones ends', 15)
  t.ok((bob?.signals.length ?? 0) < 1500, 'most of it was never read')
  ada?.send({ type: 'note', to: 'bob', last: true })
  await until(() => bob?.signals.at(-1).data.last)
  t.equal(server.stats().connections, 2)
})

test('chat: who does not read is cut off, and nobody else waits for it', async t => {
  const { url } = await chatServer(t, {}, { sendQueueHard: 100_000, frameRate: 1000, frameBurst: 1000 })
  const [ada, bob, carol] = await Promise.all(['ada', 'bob', 'carol'].map(who => Guide.join(t, url, who)))
  bob?.socket.pause()
  const text = 'x'.repeat(15_000)
  // Carol reads in this very process: what is sent in one go would wait for her as well.
  for (let n = 0; n < 800; n++) {
    ada?.send({ type: 'note', n, text })
    if (n % 4 === 3) await until(() => carol?.signals.length === n + 1, 'carol keeps up')
  }
  await until(
    () => carol?.packets.some(({ data }) => data.event === 'left' && data.userId === 'bob') ?? false,
    'bob is out',
    20
  )
  t.equal(carol?.signals.length, 800, 'carol has all of it')
  t.equal(ada?.errors.length, 0)
})

test('004.37 chat: nobody is anywhere before it was let in, and nothing is left of who has gone', async t => {
  const { server, url } = await chatServer(t, { maxSockets: 3 })
  const ada = await Guide.join(t, url, 'ada')
  for (let n = 0; n < 30; n++)
    t.notEqual(await statusOf(url, bearer(n % 2 ? 'x' : await tokenOf('eve', []))), 101)
  t.deepEqual([server.stats().connections, server.stats().mailboxes], [1, 1])
  t.deepEqual(ada.packets.length, 1, 'and nobody heard of them')
  const crowd = [
    await Guide.join(t, url, 'bob'),
    await Guide.join(t, url, 'bob'),
    await Guide.join(t, url, 'bob')
  ]
  t.equal(await statusOf(url, bearer(await tokenOf('bob'))), 503, 'so many sockets, and no more')
  for (const { socket } of [ada, ...crowd]) socket.terminate()
  await empty(server)
  t.deepEqual([...server.connections], [])
})

test('chat: sockets of one account that come at once are counted as well', async t => {
  // As far away as a Redis: what it says is old.
  const backplane = new MemoryBackplane()
  const lookup = backplane.lookup.bind(backplane)
  backplane.lookup = ((...args) =>
    new Promise(resolve => setTimeout(resolve, 200, lookup(...args)))) as typeof lookup & Backplane['lookup']
  const { server, url } = await chatServer(t, { maxSockets: 3 }, { backplane })
  const token = await tokenOf('ada')
  const all = Array.from({ length: 20 }, () => new Guide(t, url, token))
  await until(() => all.every(({ closed, packets }) => closed !== undefined || packets.length > 0))
  t.equal(all.filter(({ packets }) => packets.length > 0).length, 3)
  await until(() => server.stats().connections === 3)
})

test('chat: a visitor who goes in the middle of it leaves nothing', async t => {
  const { server, url } = await chatServer(t, {
    isMember: () => new Promise(resolve => setTimeout(resolve, 50, true))
  })
  for (let n = 0; n < 10; n++) {
    const visitor = new Guide(t, url, await tokenOf(`v${n}`))
    await until(() => server.stats().connections > 0)
    visitor.socket.terminate()
  }
  await empty(server)
  t.pass('nothing is left')
})

test('chat: a room reaches over nodes', async t => {
  const cluster = new MemoryCluster()
  const node = () => chatServer(t, {}, { backplane: new MemoryBackplane({ cluster }) })
  const [one, two] = [await node(), await node()]
  const ada = await Guide.join(t, one.url, 'ada')
  const [bob, tab] = [await Guide.join(t, two.url, 'bob'), await Guide.join(t, one.url, 'bob')]
  const [{ data }] = bob.packets as [Packet]
  t.deepEqual(
    data.participants.map(({ id }: { id: string }) => id),
    ['ada']
  )
  await ada.until(({ data }) => data.event === 'joined' && data.userId === 'bob')
  for (let n = 0; n < 20; n++) ada.send({ type: 'note', n, ...(n % 2 && { to: 'bob' }) })
  for (const socket of [bob, tab]) {
    await until(() => socket.signals.length === 20)
    t.deepEqual(
      socket.signals.map(({ data }) => data.n),
      Array.from({ length: 20 }, (_, n) => n)
    )
  }
  bob.send({ type: 'note', to: 'bob' })
  await until(() => tab.signals.length === 21)
  tab.socket.close()
  await two.server.close()
  await ada.until(({ data }) => data.event === 'left' && data.userId === 'bob')
  t.equal(bob.closed, 4000)
})

test('chat: whatever is sent, nobody but its sender has anything of it', async t => {
  const { server, url } = await chatServer(t, {}, { frameRate: 10_000, frameBurst: 10_000 })
  const [ada, bob] = [await Guide.join(t, url, 'ada'), await Guide.join(t, url, 'bob')]
  const words = fc.constantFrom(
    'type',
    'data',
    'to',
    'offer',
    'candidate',
    'webrtc.signal',
    'note',
    'bob',
    '__proto__'
  )
  const leaf = fc.oneof(words, fc.string(), fc.double(), fc.boolean(), fc.constant(null))
  const { any } = fc.letrec(tie => ({
    any: fc.oneof({ maxDepth: 4 }, leaf, fc.array(tie('any')), fc.dictionary(words, tie('any')))
  }))
  const typed = fc.dictionary(words, any).map(fields => ({ ...fields, type: 'note' }))
  const messages = fc.sample(fc.oneof(any, typed), { numRuns: 1_000, seed: 4 })
  for (const message of messages) ada.send(JSON.stringify(message))
  for (const text of fc.sample(fc.string({ unit: 'binary' }), { numRuns: 300, seed: 4 }))
    ada.socket.send(text)
  ada.send({ type: 'last' })
  await until(() => bob.signals.at(-1)?.type === 'last', 'the last one', 20)
  await until(() => ada.errors.length + bob.signals.length === 1_301, 'each was passed on or refused')
  for (const { senderAccountId, senderInfo, type, data } of bob.signals) {
    if (
      senderAccountId !== 'ada' ||
      senderInfo.id !== 'ada' ||
      typeof type !== 'string' ||
      Object(data) !== data
    )
      t.fail(JSON.stringify({ senderAccountId, type, data }))
  }
  t.ok(
    ada.errors.length > 500 && bob.signals.length > 50,
    `${ada.errors.length} were refused, ${bob.signals.length} not`
  )
  t.equal(Object.getPrototypeOf({}), Object.prototype)
  t.deepEqual([ada.closed, bob.closed, server.stats().connections], [undefined, undefined, 2])
})
