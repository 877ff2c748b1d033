import { test } from '../tools/resumed.ts'
import { record, until } from '../tools/wait.ts'

test(
  'recovery: suspended, nothing of a client runs; resumed, it goes on where it was',
  {},
  async (t, world) => {
    const { clock, server, alice, bob, topic } = world
    await alice.leave(topic)
    const seen = record(alice, 'disconnected', 'connected', 'message')
    const before = clock.pending
    alice.suspend()
    await until(() => seen.length === 1)
    t.same([seen[0]?.args[0], seen[0]?.args[1].code], [true, 4011])
    await alice.join(topic, { signal: AbortSignal.abort() }).catch(() => {})
    await clock.advance(20_000)
    t.equal(server.pairs.length, 2, 'nothing was dialed')
    t.ok(clock.pending <= before)
    alice.resume()
    await until(() => seen.length === 2)
    t.same(seen[1]?.args, [true, { resumed: true, lost: 0 }])
    alice.suspend({ leave: true })
    await until(() => server.stats().connections === 1)
    t.equal(server.stats().away, 0)
    await clock.advance(5_000)
    alice.resume()
    await until(() => seen.length === 4)
    t.equal(seen[3]?.args[1].resumed, false)
    t.ok(bob.connected)
  }
)

test('recovery: resume() ends the wait for the next try, and finds a dead socket', {}, async (t, world) => {
  const { clock, server, bob, road, cut } = world
  const seen = record(bob, 'connected', 'disconnected')
  await cut(1)
  for (let at = 0; at < 60; at++) await clock.advance(1000)
  road.blocked = false
  bob.resume()
  await until(() => seen.length === 2)
  server.pairs.at(-1)?.partition(true)
  bob.resume()
  await clock.advance(4_900)
  t.ok(bob.connected)
  await clock.advance(200)
  await until(() => seen.length >= 3)
  t.equal(seen[2]?.args[1].code, 4002)
})

test('recovery: closed while suspended, it is closed', {}, async (t, { alice }) => {
  alice.suspend()
  await until(() => !alice.connected)
  await alice.close()
  t.equal(alice.status, 'closed')
})
