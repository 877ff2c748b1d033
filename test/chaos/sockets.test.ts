import type { Clock } from 'socket-signal'
import { seededRandom } from 'socket-signal-testing'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'
import { Member, topicsOf } from './member.ts'
import { type Line, Relay } from './relay.ts'

const SECONDS = 20
/** What happens to whom follows from it; when it does is up to the machine. */
const SEED = Number(process.env.CHAOS_SEED ?? 11)
const TOPICS = topicsOf(10)

/** The platform's clock, with a count of the timers that are set. */
class CountedClock implements Clock {
  readonly timers = new Set<unknown>()

  now(): number {
    return performance.now()
  }

  setTimeout(callback: () => void, ms: number): unknown {
    const timer = setTimeout(
      () => {
        this.timers.delete(timer)
        callback()
      },
      Math.min(ms, 2 ** 31 - 1)
    )
    this.timers.add(timer)
    return timer
  }

  clearTimeout(timer: unknown): void {
    this.timers.delete(timer)
    clearTimeout(timer as NodeJS.Timeout)
  }
}

test('chaos: 50 clients over WebSocket, 20 s of kills, stalls and partitions', {
  timeout: 120_000
}, async t => {
  t.comment(`CHAOS_SEED=${SEED}`)
  const random = seededRandom(SEED)
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const clock = new CountedClock()
  const server = await startServer(t, { clock, pingInterval: 1000, resumeWindow: 3000 })
  const relay = new Relay(Number(new URL(server.url).port))
  t.teardown(() => relay.close())
  const url = await relay.listen()
  const members = Array.from(
    { length: 50 },
    () => new Member(makeClient(t, url, { clock, requestTimeout: 5000 }), TOPICS)
  )
  await Promise.all(
    members.flatMap(member => TOPICS.filter(() => random() < 0.3).map(topic => member.toggle(topic)))
  )

  const calls: Promise<void>[] = []
  let faults = 0
  const end = Date.now() + SECONDS * 1000
  while (Date.now() < end) {
    await new Promise(resolve => setTimeout(resolve, 20 + random() * 80))
    const line = pick([...relay.lines])
    const kind = random()
    if (kind < 0.3) calls.push(pick(members).toggle(pick(TOPICS)))
    else if (kind < 0.32) partition(relay, random)
    else if (line && kind < 0.7) relay.kill(line, pick(['client', 'server', undefined]))
    else if (line) stall(relay, line, random() * 3000)
    faults++
  }
  t.ok(faults > 100, 'much has happened')
  relay.mend()

  await Promise.all(calls)
  // A socket that was cut at one end before its welcome is given up after requestTimeout, not before.
  await until(() => members.every(({ client }) => client.connected), 'all are back', 20)
  const wrong = () => members.filter(member => member.wrong(members))
  await until(() => wrong().length === 0, 'everybody sees exactly who is there', 30).catch(() => {})
  for (const member of wrong()) t.comment(member.explain(members))
  t.equal(wrong().length, 0, 'everybody sees exactly who is there')

  await Promise.all(members.map(({ client }) => client.close()))
  t.ok(members.every(({ client }) => client.peers.length === 0))
  const held = () => Object.entries(server.stats()).filter(([name, count]) => name !== 'routed' && count > 0)
  await until(() => held().length === 0, 'the server holds nothing', 15).catch(() => {})
  t.same(held(), [], 'every map is empty')
  await server.close()
  t.equal(clock.timers.size, 0, 'no timer is left')
})

function stall(relay: Relay, line: Line, ms: number): void {
  relay.stall(true, [line])
  setTimeout(() => {
    if (!line.client.destroyed && !line.server.destroyed) relay.stall(false, [line])
  }, ms).unref()
}

/** Half of all, and whoever comes, for up to 2 s. */
function partition(relay: Relay, random: () => number): void {
  for (const line of relay.lines) if (random() < 0.5) stall(relay, line, random() * 2000)
  relay.partitioned = true
  setTimeout(() => relay.mend(), random() * 2000).unref()
}
