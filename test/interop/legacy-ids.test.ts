import { randomBytes } from 'node:crypto'
import { generateKeyPair } from 'socket-signal'
import { type Answer, toText } from '../../packages/gateway/src/published/nanomessage.ts'
import { servePublished } from '../tools/published.ts'
import { RawPublished } from '../tools/published-raw.ts'
import { test } from '../tools/test.ts'
import { next, rejection, until } from '../tools/wait.ts'
import { makeClient } from '../tools/websocket.ts'

for (const generation of [9, 10] as const) {
  test(`legacy ids: ${generation} can't take the id of another old client`, async t => {
    const { server, topic, make } = await servePublished(t)
    const holder = make(10)
    await holder.join(topic)
    const thief = make(generation, { id: holder.id })
    const error = await rejection(thief.join(topic))
    t.equal(error.code, 'ID_IN_USE', error.message)
    t.match(error.message, /connected already/, 'with the words of the server')
    t.deepEqual(await holder.lookup(topic), [holder.id], 'the holder is where it was')
    t.equal(server.signal.stats().connections, 1, 'and alone')
    const other = make(9)
    await other.join(topic)
    await other.connect(topic, holder.id).ready()
    t.pass('it is the one who is dialed')
  })

  test(`legacy ids: ${generation} can't take an id that our client has proven`, async t => {
    const { url, topic, make } = await servePublished(t)
    const ours = makeClient(t, url)
    await ours.join(topic)
    const thief = make(generation, { id: Buffer.from(ours.id) })
    t.equal((await rejection(thief.join(topic))).code, 'ID_IN_USE')
    t.ok(ours.connected, 'it keeps its socket')
    t.deepEqual(await ours.lookup(topic), [], 'nobody else is there')
    await ours.close()
  })

  test(`legacy ids: who proves a key takes its id from ${generation}`, async t => {
    const { url, topic, make } = await servePublished(t)
    const keyPair = await generateKeyPair()
    const first = makeClient(t, url, { keyPair })
    await first.open()
    const id = Buffer.from(first.id)
    await first.close()
    const old = make(generation, { id })
    await old.join(topic)
    const ours = makeClient(t, url, { keyPair })
    await ours.open()
    t.deepEqual(Buffer.from(ours.id), id, 'the key’s owner has it')
    t.deepEqual(await ours.lookup(topic), [], 'who had it has left its topics')
    await ours.close()
  })
}

test('legacy ids: the first id is the connection’s; another one ends it, and reaches nobody', async t => {
  const { url, topic } = await servePublished(t)
  const victim = await RawPublished.dial(t, url)
  await victim.call('socket-signal-join', { topic })
  for (const [name, fields] of [
    ['socket-signal-join', { topic }],
    ['socket-signal-leave', { topic }],
    ['socket-signal-offer', { topic, remoteId: victim.id, sessionId: randomBytes(32), data: [OFFER] }],
    ['socket-signal-onsignal', { topic, remoteId: victim.id, sessionId: randomBytes(32), data: [CANDIDATE] }]
  ] as const) {
    const liar = await RawPublished.dial(t, url)
    await liar.call('socket-signal-join', { topic })
    const said = liar.call(name, { ...fields, id: randomBytes(32) })
    t.equal((await said).failed, true, `${name}: refused`)
    t.equal(await liar.end(), 4509, `${name}: and closed`)
  }
  t.equal(victim.received.length, 1, 'the victim heard its own answer alone')
  t.equal(victim.closed, undefined)
  victim.websocket.close()
})

test('legacy ids: an id that is none, or a door’s, is refused', async t => {
  const { url, topic } = await servePublished(t)
  const door = Buffer.concat([Buffer.alloc(8), randomBytes(24)])
  for (const [id, code] of [
    [Buffer.alloc(32), 4509],
    [door, 4509],
    [randomBytes(31), 4500],
    [randomBytes(33), 4500],
    [Buffer.alloc(0), 4500]
  ] as const) {
    const raw = await RawPublished.dial(t, url, id)
    raw.say('socket-signal-join', { topic })
    t.equal(await raw.end(), code, `${id.length} bytes`)
  }
})

test('legacy ids: an id is free as soon as its socket has gone, however it went', async t => {
  const { server, url, topic } = await servePublished(t)
  const id = randomBytes(32)
  for (const end of ['terminate', 'close'] as const) {
    const raw = await RawPublished.dial(t, url, id)
    t.equal((await raw.call('socket-signal-join', { topic })).failed, false, 'it has its id')
    const gone = next(server.signal, 'disconnection')
    raw.websocket[end]()
    await gone
    await until(() => server.signal.stats().mailboxes === 0)
  }
})

test('legacy ids: who is back before the server has noticed that its old socket is dead has its id again', async t => {
  const { server, url, topic } = await servePublished(t)
  const id = randomBytes(32)
  const dead = await RawPublished.dial(t, url, id)
  await dead.call('socket-signal-join', { topic })
  dead.websocket.pause() // As one whose cable was pulled: it answers no ping.
  const [back, other] = await Promise.all([RawPublished.dial(t, url, id), RawPublished.dial(t, url)])
  back.say('socket-signal-join', { topic })
  await until(() => back.received.length > 0, 'its answer', 15)
  t.equal((back.received[0] as Answer).failed, false, 'it has its id')
  const { data } = await other.call('socket-signal-join', { topic })
  t.deepEqual(data, [id, other.id].map(toText), 'it is in its topic once')
  t.equal(server.signal.stats().connections, 2, 'the dead one has gone')
  const again = await RawPublished.dial(t, url, id)
  t.equal((await again.call('socket-signal-join', { topic })).failed, true, 'who answers keeps it')
  for (const { websocket } of [dead, back, other]) websocket.terminate()
})

const OFFER = { type: 'offer', sdp: 'v=0\r\n' }
const CANDIDATE = { type: 'candidate', candidate: { candidate: 'candidate:1', sdpMLineIndex: 0 } }
