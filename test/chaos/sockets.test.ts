import { type Clock, type SignalError, toKey } from 'socket-signal'
import { seededRandom } from 'socket-signal-testing'
import type { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'
import { type Line, Relay } from './relay.ts'

const SECONDS = 20
/** What happens to whom follows from it; when it does is up to the machine. */
const SEED = Number(process.env.CHAOS_SEED ?? 11)
const TOPICS = Array.from({ length: 10 }, (_, at) => new Uint8Array(32).fill(at + 1))

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

/** A client, the topics that it is in, and whom it has been told of in each. */
class Member {
  readonly client: SocketSignalWebsocketClient
  readonly wants = new Set<Uint8Array>()
  readonly view = new Map<Uint8Array, Set<string>>()
  #busy = Promise.resolve()

  constructor(client: SocketSignalWebsocketClient) {
    this.client = client
    const viewOf = (topic: Uint8Array) => this.view.get(TOPICS[(topic[0] as number) - 1] as Uint8Array)
    client.on('peer-joined', ({ topic, id }) => void viewOf(topic)?.add(toKey(id)))
    client.on('peer-left', ({ topic, id }) => void viewOf(topic)?.delete(toKey(id)))
  }

  /** Joins, or leaves, one after the other, however long the server can't be reached. */
  toggle(topic: Uint8Array): Promise<void> {
    this.#busy = this.#busy.then(() => (this.wants.delete(topic) ? this.#leave(topic) : this.#join(topic)))
    return this.#busy
  }

  async #leave(topic: Uint8Array): Promise<void> {
    this.view.delete(topic)
    await this.#insist(() => this.client.leave(topic))
  }

  async #join(topic: Uint8Array): Promise<void> {
    this.wants.add(topic)
    await this.#insist(() => {
      this.view.set(topic, new Set())
      return this.client.join(topic, { watch: true })
    })
  }

  async #insist(ask: () => Promise<unknown>): Promise<void> {
    const late = (error: unknown) => {
      if ((error as SignalError).code !== 'TIMEOUT') throw error
      return 'late'
    }
    while ((await ask().catch(late)) === 'late');
  }

  explain(all: readonly Member[]): string {
    const at = (id: string) => all.findIndex(({ client }) => toKey(client.id) === id)
    return [...this.wants]
      .map(topic => {
        const sees = this.view.get(topic) as Set<string>
        const should = all.filter(other => other !== this && other.wants.has(topic))
        const missing = should.filter(({ client }) => !sees.has(toKey(client.id)))
        const extra = [...sees].filter(id => !should.some(({ client }) => toKey(client.id) === id))
        return `${at(toKey(this.client.id))} in ${topic[0]}: misses ${missing.map(other => all.indexOf(other))}, has too many: ${extra.map(at)}`
      })
      .join('; ')
  }

  /** Whom it sees too much or too little. */
  wrong(all: readonly Member[]): boolean {
    return [...this.wants].some(topic => {
      const should = all.filter(other => other !== this && other.wants.has(topic))
      const sees = this.view.get(topic) as Set<string>
      return sees.size !== should.length || !should.every(({ client }) => sees.has(toKey(client.id)))
    })
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
    () => new Member(makeClient(t, url, { clock, requestTimeout: 5000 }))
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
