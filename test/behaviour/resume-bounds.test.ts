import { randomBytes } from 'node:crypto'
import { deterministicCrypto } from 'socket-signal-testing'
import { claim, test } from '../tools/resumed.ts'
import { serveByHand } from '../tools/served.ts'
import { test as run } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'

test(
  'recovery: what finds no room is told as lost, what was kept has no gap',
  { awayQueue: 1000 },
  async (t, { alice, bob, topic, cut, back }) => {
    const seen = record(bob, 'connected', 'message')
    await cut(1)
    for (let at = 0; at < 10; at++) await alice.publish(topic, at)
    await back()
    const [how] = seen
    const kept = seen.slice(1).map(({ args }) => args[0].data)
    t.ok(kept.length > 0 && kept.length < 10)
    t.same(
      kept,
      kept.map((_, at) => at)
    )
    t.same(how?.args, [true, { resumed: true, lost: 10 - kept.length }])
  }
)

run(
  'recovery: an offer that finds a queue full has failed, and does not come once its callee is back',
  async t => {
    const { server, raw, topic } = serveByHand(t, { sendQueueHard: 2000 })
    const [slow, caller] = [raw(), raw()]
    for (const client of [slow, caller]) {
      await client.hello()
      await client.join(topic)
    }
    const end = server.pairs[0]?.left as { pause(): void; resume(): void }
    end.pause()
    caller.addressed('message', { topic, body: randomBytes(3000) }, 10)
    caller.addressed('offer', { address: slow.id, topic }, 11)
    t.equal((await caller.next('error')).code, 'PEER_AWAY')
    caller.addressed('message', { topic, body: randomBytes(10) }, 12)
    await caller.next('result', ({ requestId }) => requestId === 12)
    end.resume()
    await slow.settled()
    const { resumeKey } = await slow.next('welcome')
    const again = raw()
    await again.hello({ id: slow.id, resume: true, resumeKey, received: 2 })
    await again.next('message')
    t.notOk(again.received.some(({ kind }) => kind === 'offer'))
  }
)

test('recovery: a window of 0 turns it off', { resumeWindow: 0 }, async (t, { alice, bob, cut, back }) => {
  const seen = record(alice, 'peer-away', 'peer-left', 'peer-joined')
  const heard = record(bob, 'connected')
  await cut(1)
  await until(() => seen.length === 1)
  t.equal(seen[0]?.event, 'peer-left')
  await back()
  t.same(heard[0]?.args, [true, { resumed: false, lost: 0 }])
})

test(
  'recovery: topics that are not granted any more are left, and told',
  {
    authorize: ({ action, token }: { action: string; token: string }) => action !== 'join' || token !== 'no'
  },
  async (t, { alice, bob, topic, road, clock, cut, back, add }) => {
    let token = 'yes'
    const carol = await add({ token: () => token })
    await carol.join(topic)
    const told = record(carol, 'connected', 'message', 'leave', 'dropped')
    const seen = record(alice, 'peer-away', 'peer-left', 'peer-back')
    token = 'no'
    await cut(2)
    road.blocked = false
    await alice.publish(topic, 'secret').catch(() => {})
    await back()
    await until(() => told.length === 3)
    t.same(
      told.map(({ event }) => event),
      ['connected', 'dropped', 'leave'],
      'and what was said there is not for it'
    )
    t.equal(told[0]?.args[1].resumed, true)
    await clock.advance(100)
    t.same(await alice.lookup(topic), [bob.id])
    t.same(
      seen.map(({ event }) => event),
      ['peer-away', 'peer-left']
    )
  }
)

test(
  'recovery: who is away can be kicked, and has left',
  {},
  async (t, { server, clock, alice, bob, cut, back }) => {
    const seen = record(alice, 'peer-away', 'peer-left')
    const heard = record(bob, 'connected')
    await cut(1)
    t.equal(server.disconnect({ id: bob.id }), 1)
    await clock.advance(100)
    await until(() => seen.length === 2)
    await back()
    t.equal(heard[0]?.args[1].resumed, false)
  }
)

test('recovery: no more are away at once than the limit says', { maxAway: 1 }, async (t, world) => {
  const { server, alice, bob, topic, cut, back, add } = world
  const carol = await add()
  await carol.join(topic)
  await cut(1, 2)
  t.equal(server.stats().away, 1)
  const heard = [record(bob, 'connected'), record(carol, 'connected')]
  await back()
  t.same(
    heard.map(([event]) => event?.args[1].resumed),
    [true, false]
  )
  t.same(new Set(await alice.lookup(topic)), new Set([bob.id, carol.id]))
})

test(
  'recovery: memory for those who are away is bounded for all of them',
  { maxAwayBytes: 3000 },
  async (t, world) => {
    const { alice, bob, topic, cut, back, add } = world
    const carol = await add()
    await carol.join(topic)
    await cut(1, 2)
    for (let at = 0; at < 20; at++) await alice.publish(topic, at)
    const heard = [record(bob, 'connected', 'message'), record(carol, 'connected', 'message')]
    await back()
    const kept = heard.map(events => events.length - 1)
    const lost = heard.map(([event]) => event?.args[1].lost)
    t.ok((kept[0] as number) + (kept[1] as number) < 20)
    t.same(
      kept.map((count, at) => count + lost[at]),
      [20, 20],
      'and each is told how much it lost'
    )
  }
)

test('recovery: an id without a key is kept for who has the resume key', {}, async (t, world) => {
  const { server, alice, topic, cut, back, add } = world
  const id = randomBytes(32)
  const bare = await add({ id })
  await bare.join(topic)
  const heard = record(bare, 'connected')
  await cut(2)
  const raw = await claim(server, id, {})
  await until(() => raw.closed !== undefined)
  t.equal(raw.closed?.code, 4009, 'a bare claim is refused')
  const guess = await claim(server, id, { resume: true, resumeKey: randomBytes(32) })
  await until(() => guess.closed !== undefined)
  t.equal(guess.closed?.code, 4009, 'one with a wrong key as well')
  await back()
  t.equal(heard[0]?.args[1].resumed, true)
  t.ok((await alice.lookup(topic)).some(other => Buffer.from(id).equals(other)))
})

test(
  'recovery: a proven id takes its place anew, and the one before has left first',
  { conflict: 'reject' },
  async (t, world) => {
    const { clock, server, alice, topic, road, cut, add } = world
    const keyPair = { publicKey: new Uint8Array(), secretKey: new Uint8Array() }
    Object.assign(keyPair, await deterministicCrypto(77).generateKeyPair())
    const first = await add({ keyPair })
    await first.join(topic)
    const seen = record(alice, 'peer-joined', 'peer-left', 'peer-away')
    await cut(2)
    await clock.advance(100)
    await until(() => seen.length === 1)
    road.blocked = false
    const second = await add({ keyPair, reconnect: false })
    t.equal(server.stats().away, 0)
    await second.join(topic)
    await clock.advance(100)
    await until(() => seen.length === 3)
    t.same(
      seen.map(({ event }) => event),
      ['peer-away', 'peer-left', 'peer-joined']
    )
    await first.close()
  }
)
