import { randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Mailbox } from 'socket-signal'
import { RedisBackplane, type RedisBackplaneOptions, type RedisClient } from 'socket-signal-redis'
import type { SuiteTest } from 'socket-signal-testing'
import type { Life } from './redis.ts'
import { test } from './test.ts'

export { frameOf } from '../../packages/testing/src/backplane-box.ts'

/** For suites that bring their own tests: skipped where there is no redis-server. */
export const needingRedis: SuiteTest = (name, body) => test(name, { needs: ['redis-server'] }, t => body(t))

export interface RedisNodes<Client> {
  nodes: RedisBackplane[]
  clients: Client[]
  close(): Promise<void>
}

/** Nodes of one prefix that nobody else has, each with a client of its own. */
export async function makeNodes<Client extends RedisClient>(
  count: number,
  connect: () => Client | Promise<Client>,
  options: Partial<RedisBackplaneOptions> = {}
): Promise<RedisNodes<Client>> {
  const clients = await Promise.all(Array.from({ length: count }, connect))
  const { nodes, close } = await nodesOf(clients, () => options)
  return {
    nodes,
    clients,
    close: async () => {
      await close()
      clients.forEach(end)
    }
  }
}

/**
 * Makes nodes for one test after the other, by clients that end with the file: to make one of node-redis for Sentinel or
 * Cluster costs more than most tests do. Each node makes its own subscriber; with `hand` only one that is alone does, and
 * several are handed theirs.
 */
export function sharedClients<Client extends RedisClient>(
  life: Life,
  connect: () => Client | Promise<Client>,
  { hand = false } = {}
): (count: number) => Promise<RedisNodes<Client>> {
  const made: Client[] = []
  const heard: Client[] = []
  life.teardown(() => [...made, ...heard].forEach(end))
  const take = async (list: Client[], count: number) => {
    while (list.length < count) list.push(await connect())
    return list.slice(0, count)
  }
  return async count => {
    const clients = await take(made, count)
    const subscribers = hand && count > 1 ? await take(heard, count) : []
    return { clients, ...(await nodesOf(clients, at => ({ subscriber: subscribers[at] }))) }
  }
}

/** A machine that is busy must not look like a Redis that is down. */
async function nodesOf(
  clients: readonly RedisClient[],
  optionsOf: (at: number) => Partial<RedisBackplaneOptions>
): Promise<Omit<RedisNodes<RedisClient>, 'clients'>> {
  const prefix = `test-${randomBytes(6).toString('hex')}:`
  const nodes = clients.map(
    (client, at) => new RedisBackplane({ client, prefix, heartbeat: 1000, timeout: 5000, ...optionsOf(at) })
  )
  await Promise.all(nodes.map(node => node.open()))
  return { nodes, close: async () => void (await Promise.all(nodes.map(node => node.close()))) }
}

function end(client: RedisClient): void {
  'destroy' in client ? client.destroy() : client.disconnect()
}

/** A mailbox that keeps what it gets. */
export class Box implements Mailbox {
  readonly frames: Uint8Array[] = []
  readonly unansweredIds: number[] = []
  losses = 0

  deliver(frame: Uint8Array): boolean {
    this.frames.push(Uint8Array.from(frame))
    return true
  }

  lost(): void {
    this.losses++
  }

  unanswered(requestId: number): void {
    this.unansweredIds.push(requestId)
  }
}

/** Events of a node, as they come. */
export function eventsOf(node: RedisBackplane): string[] {
  const heard: string[] = []
  node.on('degraded', () => heard.push('degraded'))
  node.on('recovered', () => heard.push('recovered'))
  return heard
}

export const TOPIC: Uint8Array = idOf(0x70)
const NOBODY = idOf(0xff)

/** 32 bytes of that number. */
export function idOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number)
}

/** Attaches an id, and has it join the topic. */
export async function member(node: RedisBackplane, number: number, box = new Box()): Promise<Box> {
  const attachment = await node.attach(idOf(number), { proven: true, conflict: 'replace' }, box)
  await attachment.join(TOPIC, Uint8Array.of(number))
  return box
}

/** The numbers of who is in the topic, as somebody sees it who watches there from now on. */
export class Seen {
  readonly #numbers = new Set<number>()
  readonly changes: string[] = []

  static async at(node: RedisBackplane): Promise<Seen> {
    const seen = new Seen()
    node.watch(TOPIC, ({ change, id }) => {
      seen.changes.push(`${change} ${id[0]}`)
      if (change === 'joined') seen.#numbers.add(id[0] as number)
      if (change === 'left') seen.#numbers.delete(id[0] as number)
    })
    const limit = Number.POSITIVE_INFINITY
    for (const { id } of await node.lookup(TOPIC, { limit, except: NOBODY }))
      seen.#numbers.add(id[0] as number)
    return seen
  }

  get numbers(): string {
    return [...this.#numbers].sort((a, b) => a - b).join(' ')
  }
}

/** The numbers of who is in the topic, as a look-up finds them. */
export async function found(node: RedisBackplane): Promise<string> {
  const members = await node.lookup(TOPIC, { limit: 1000, except: NOBODY })
  return members
    .map(({ id }) => id[0] as number)
    .sort((a, b) => a - b)
    .join(' ')
}

/** What a call fails with, and after how long (ms). */
export async function failing(call: () => unknown): Promise<{ code: unknown; took: number }> {
  const started = performance.now()
  try {
    await call()
  } catch (error) {
    return { code: (error as { code?: unknown }).code, took: performance.now() - started }
  }
  return { code: undefined, took: performance.now() - started }
}

export interface Cable {
  port: number
  /** What is sent stays where it is, and nobody is told. */
  cut(): void
  /** What Redis is asked arrives, what it answers does not. */
  mute(): void
  mend(): void
}

/** A cable to Redis that can be cut. */
export async function cable(life: Life, port: number): Promise<Cable> {
  const pairs = new Set<[Socket, Socket]>()
  let isCut = false
  let isMute = false
  const server = createServer({ allowHalfOpen: false }, near => {
    const far = connect(port, '127.0.0.1')
    const pair: [Socket, Socket] = [near, far]
    pairs.add(pair)
    for (const [from, to] of [pair, [far, near]] as [Socket, Socket][]) {
      from.on('data', bytes => isCut || (isMute && from === far) || to.write(bytes))
      from.on('error', () => {})
      from.on('close', () => {
        pairs.delete(pair)
        to.destroy()
      })
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const end = () => {
    for (const pair of pairs) for (const socket of pair) socket.destroy()
  }
  life.teardown(async () => {
    end()
    await new Promise(resolve => server.close(resolve))
  })
  return {
    port: (server.address() as AddressInfo).port,
    cut: () => void (isCut = true),
    mute: () => void (isMute = true),
    mend: () => {
      isCut = isMute = false
      end() // Bytes are missing: a real link would send them again.
    }
  }
}
