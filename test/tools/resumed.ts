import { randomBytes } from 'node:crypto'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { deterministicCrypto, fakeWrtc, ManualClock } from 'socket-signal-testing'
import type { Test } from 'tape'
import { RawClient } from './raw.ts'
import { clientOptions } from './story.ts'
import { test as run } from './test.ts'
import { until } from './wait.ts'

export const WINDOW = 30_000

/** A hello of no client of ours, with an id that nobody proves. */
export async function claim(server: SocketSignalMemoryServer, id: Uint8Array, fields: object) {
  const raw = new RawClient(server.dial(), id)
  await raw.hello(fields)
  return raw
}

type World = Awaited<ReturnType<typeof make>>

/** Alice, who watches, and bob, who does not, at a server whose clock stands still; nothing of them is left at the end. */
export function test(name: string, options: object, body: (t: Test, world: World) => Promise<void>): void {
  run(name, async t => {
    const world = await make(options)
    const { clock, server, clients } = world
    try {
      await body(t, world)
    } finally {
      await Promise.all(clients.map(client => client.close()))
      await server.close()
    }
    t.equal(clock.pending, 0, 'no timer is left')
    const { routed, ...held } = server.stats()
    t.same(new Set(Object.values(held)), new Set([0]), 'nor anything else')
  })
}

async function make(options: object) {
  const clock = new ManualClock()
  const server = new SocketSignalMemoryServer({ clock, crypto: deterministicCrypto(9), ...options })
  const rtc = fakeWrtc()
  const clients: SocketSignalMemoryClient[] = []
  const road = { blocked: false }
  const dial = () => {
    if (road.blocked) throw new Error('no way')
    return server.dial()
  }
  const add = async (own = {}) => {
    const crypto = deterministicCrypto(clients.length + 1)
    const base = { ...clientOptions(rtc), clock, crypto, random: () => 0.1 }
    const client = new SocketSignalMemoryClient({ dial }, { ...base, ...own })
    clients.push(client)
    await client.open()
    return client
  }
  const topic = randomBytes(32)
  const [alice, bob] = [await add(), await add()]
  await alice.join(topic, { watch: true })
  await bob.join(topic)
  await clock.advance(100)
  const cutOff = () => clients.filter(client => !client.connected).length
  /** Breaks pipes; their clients find no way back before `back`. */
  const cut = async (...pipes: number[]) => {
    road.blocked = true
    const before = cutOff()
    for (const at of pipes) server.pairs[at]?.break()
    await until(() => cutOff() === before + pipes.length)
    await clock.advance(10)
  }
  const back = async () => {
    road.blocked = false
    for (let at = 0; at < 300 && cutOff() > 0; at++) await clock.advance(10)
    await clock.advance(100)
  }
  return { clock, server, clients, alice, bob, topic, road, cut, back, add }
}
