import { randomBytes } from 'node:crypto'
import fc, { type Scheduler } from 'fast-check'
import type { Peer, Socket } from 'socket-signal'
import { SocketSignalMemoryClient, SocketSignalMemoryServer } from 'socket-signal-memory'
import { deterministicCrypto, fakeWrtc } from 'socket-signal-testing'
import { clientOptions } from '../tools/story.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { wrapped } from '../tools/wrapped.ts'

/** When whatever goes by is delivered; each direction of each socket keeps its order. */
type Deliver = (label: string, deliver: () => void) => void

/** A socket whose messages wait for their turn, both ways. */
function scheduled(socket: Socket, name: string, deliver: Deliver): Socket {
  const later = (label: string) => (bytes: Uint8Array, pass: (bytes: Uint8Array) => void) => {
    const copy = Uint8Array.from(bytes)
    deliver(label, () => pass(copy))
  }
  return wrapped(socket, { up: later(`from ${name}`), down: later(`to ${name}`) })
}

class Client extends SocketSignalMemoryClient {
  constructor(
    server: SocketSignalMemoryServer,
    options: ConstructorParameters<typeof SocketSignalMemoryClient>[1],
    private readonly wrap: (socket: Socket) => Socket
  ) {
    super(server, options)
  }

  protected override async _connect(): Promise<Socket> {
    return this.wrap(await super._connect())
  }
}

/** What one message leads to has come before the next is chosen: simple-peer waits a turn before each offer. */
async function act(deliver: () => Promise<unknown>): Promise<void> {
  await deliver()
  await new Promise(resolve => setTimeout(resolve, 3))
}

/** Two that dial each other, while the scheduler says which message comes next. */
async function dialEachOther(
  scheduler: Scheduler,
  dedupes: [boolean, boolean],
  seed: number
): Promise<string> {
  const rtc = fakeWrtc()
  const server = new SocketSignalMemoryServer({ crypto: deterministicCrypto(seed + 5000) })
  const topic = randomBytes(32)
  let held = false
  const queues = new Map<string, (() => void)[]>()
  const deliver: Deliver = (label, act) => {
    if (!held) return act()
    const queue = queues.get(label) ?? []
    queues.set(label, queue)
    queue.push(act)
    void scheduler.schedule(Promise.resolve(), label).then(() => queue.shift()?.())
  }
  const clients = ['alice', 'bob'].map((name, at) => {
    const crypto = deterministicCrypto(2 * seed + at)
    // An offer that was answered before it was given up is left to its deadline.
    const connectTimeout = 2000
    return new Client(server, { ...clientOptions(rtc), crypto, connectTimeout }, socket =>
      scheduled(socket, name, deliver)
    )
  }) as [Client, Client]
  try {
    for (const client of clients) await client.join(topic)
    held = true
    const dial = async (at: 0 | 1): Promise<Peer> => {
      await scheduler.schedule(Promise.resolve(), `dial ${at}`)
      return clients[at].connect(topic, clients[(1 - at) as 0 | 1].id, { dedupe: dedupes[at] }).ready()
    }
    const [a, b] = await scheduler.waitFor(Promise.all([dial(0), dial(1)]))
    held = false
    for (const queue of queues.values()) for (const act of queue.splice(0)) act()
    const same = Buffer.compare(a.sessionId, b.sessionId) === 0
    const sides = same ? 2 : 4
    await until(() => rtc.open === sides, `${sides} ends are left`)
    const counts = clients.map(client => client.peersConnected.length)
    return `${same ? 'one session' : 'two sessions'}, peers ${counts}`
  } finally {
    held = false
    await Promise.all(clients.map(client => client.close()))
    await server.close()
  }
}

test('recovery: row 28: glare ends with one connection under every order of messages', {
  timeout: 120_000
}, async t => {
  const orders = new Set<string>()
  const dedupes = fc.constantFrom<[boolean, boolean][]>([true, true], [true, false], [false, true])
  await fc.assert(
    fc.asyncProperty(
      fc.scheduler({ act }),
      dedupes,
      fc.integer({ min: 1, max: 1000 }),
      async (scheduler, who, seed) => {
        const outcome = await dialEachOther(scheduler, who, seed)
        orders.add(String(scheduler.report().map(({ label }) => label)))
        // Who dials without it when the other's connection is open already gets another one.
        const late = who.includes(false) && outcome === 'two sessions, peers 2,2'
        if (outcome !== 'one session, peers 1,1' && !late) throw new Error(outcome)
      }
    ),
    { seed: 28, numRuns: 250, includeErrorInReport: true }
  )
  t.ok(orders.size > 150, `${orders.size} different orders of 250`)
})
