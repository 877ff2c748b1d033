import type { Script } from './script.ts'
import { SCRIPTS } from './scripts.ts'

/** The part of an ioredis client that is used: `Redis`, also by Sentinel, or `Cluster`. */
export interface IoredisClient {
  /** `ready` once commands are taken. */
  readonly status: string
  /** Hears `error` and what tells of lost connections; ioredis also `messageBuffer`. */
  // biome-ignore lint/suspicious/noExplicitAny: the signatures of each client's versions differ.
  on(event: any, listener: (...args: any[]) => void): unknown
  /** Takes a listener off, when the backplane closes. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  off(event: any, listener: (...args: any[]) => void): unknown
  /** `EVALSHA`; its sibling `evalshaBuffer`, which is used, is missing in the types of ioredis. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  evalsha(...args: any[]): unknown
  /** `SCRIPT LOAD`, at every master. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  script(...args: any[]): unknown
  /** Of the duplicate, to one channel. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  subscribe(...channels: any[]): Promise<unknown>
  /** Of a `subscriber` that was handed in, when the backplane closes. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  unsubscribe(...channels: any[]): Promise<unknown>
  /** Makes the second connection, where no `subscriber` was handed in. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  duplicate(): any
  /** Ends the duplicate, at once. */
  disconnect(): void
}

/** The part of a node-redis client that is used: of `createClient`, `createSentinel` or `createCluster`. */
export interface NodeRedisClient {
  /** Whether commands are taken. */
  readonly isReady: boolean
  /** Hears `error` and what tells of lost connections. */
  // biome-ignore lint/suspicious/noExplicitAny: the signatures of each client's versions differ.
  on(event: any, listener: (...args: any[]) => void): unknown
  /** Takes a listener off, when the backplane closes. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  off(event: any, listener: (...args: any[]) => void): unknown
  /** For replies as Buffers; by this method a client is known for one of node-redis. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  withTypeMapping(mapping: any): any
  /** `SCRIPT LOAD`, at every master. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  scriptLoad(...args: any[]): Promise<unknown>
  /** Of the duplicate, to one channel, for Buffers. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  subscribe(channel: any, listener: any, bufferMode?: any): Promise<unknown>
  /** Of a `subscriber` that was handed in, when the backplane closes. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  unsubscribe(channel?: any, listener?: any, bufferMode?: any): Promise<unknown>
  /** Makes the second connection, where no `subscriber` was handed in. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  duplicate(): any
  /** Opens the duplicate. */
  connect(): Promise<unknown>
  /** Ends the duplicate, at once. */
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  destroy(): any
}

/** What ioredis has for each of its commands, and its types leave out. */
interface Binary {
  evalshaBuffer(...args: unknown[]): Promise<unknown>
  evalBuffer(...args: unknown[]): Promise<unknown>
}

/** What a cluster has. */
interface Cluster {
  nodes?(role: 'master'): IoredisClient[]
  masters?: unknown[]
  subscriber?: { getInstance?(): unknown }
  nodeClient?(node: unknown): NodeRedisClient | Promise<NodeRedisClient>
}

/** A client of your choice: both kinds are told apart by their methods, and neither is a dependency. */
export type RedisClient = IoredisClient | NodeRedisClient

export type Arg = string | Uint8Array

/** What is asked of Redis, whichever client it is. Replies are Buffers and numbers. */
export interface Store {
  /** Whether a command would go out now rather than wait for a connection. */
  readonly isReady: boolean
  /** Why it is not, in the client's words. */
  why(): Error
  /** The connection that hears, where a client takes another one without a word (ioredis' Cluster). */
  readonly ear?: unknown
  /** Has every master know the scripts: one that is sent anew because it was not known is overtaken by what follows. */
  prime(): Promise<unknown>
  run(script: Script, keys: readonly string[], args: readonly Arg[]): Promise<unknown>
  /** Again if it fails, else once; the client subscribes anew by itself when it has lost its connection. */
  listen(channel: string, onmessage: (message: Buffer) => void): Promise<unknown>
  /** Ends what was made here: not the client that was given. */
  close(): Promise<void>
}

export interface StoreOptions {
  client: RedisClient
  /** A connection that subscribes. Default: a duplicate of the client. */
  subscriber?: RedisClient | undefined
  /** A connection was lost, or found again. */
  onbreak(event: string): void
}

/** By these, clients tell that what was said meanwhile was not heard. Each has some of them. */
const BREAKS = ['close', 'end', 'reconnecting', 'disconnect', '-node', 'node-disconnect', 'node-reconnecting']
/** node-redis: replies of type blob string as Buffers. */
const BUFFERS = { 36: Buffer }

export function createStore({ client, subscriber, onbreak }: StoreOptions): Store {
  assertClient(client, 'client')
  // It would begin the names of keys and of channels that are subscribed to, but not of those that scripts publish to.
  if ((client as { options?: { keyPrefix?: string } }).options?.keyPrefix)
    throw new TypeError('the client must have no keyPrefix: give prefix to the backplane')
  if (subscriber) assertClient(subscriber, 'subscriber')
  const own = subscriber === undefined
  const second: RedisClient = subscriber ?? client.duplicate()
  let last: unknown
  const why = () => notConnected(last)
  const ends = [client, second].flatMap(each => [
    // Without a listener the clients throw, or print, what we find out anyway.
    listen(each, 'error', error => (last = error)),
    listen(each, 'ready', () => (last = undefined)),
    ...BREAKS.map(event => listen(each, event, () => onbreak(event)))
  ])
  const end = () => {
    for (const stop of ends) stop()
    if (own) second.on('error', () => {})
  }
  const of = isNodeRedis(client) ? ofNodeRedis(client, second, own, end) : ofIoredis(client, second, own, end)
  return Object.assign(of, { why })
}

/** Runs a script by its hash, and by its text where that is not known. */
export function runnerOf(client: RedisClient): Store['run'] {
  assertClient(client, 'client')
  if (isNodeRedis(client)) {
    const binary = client.withTypeMapping(BUFFERS)
    return ({ sha, text }, keys, args) => {
      const options = { keys: [...keys], arguments: args.map(toBuffer) }
      return orByText(binary.evalSha(sha, options), () => binary.eval(text, options))
    }
  }
  const binary = client as IoredisClient & Binary
  return ({ sha, text }, keys, args) => {
    const options = [keys.length, ...keys, ...args.map(toBuffer)]
    return orByText(binary.evalshaBuffer(sha, ...options), () => binary.evalBuffer(text, ...options))
  }
}

/** Redis may have no such script (any more): it has restarted, or this is another one. */
function orByText(running: Promise<unknown>, again: () => Promise<unknown>): Promise<unknown> {
  return running.catch(error => {
    if (error instanceof Error && error.message.startsWith('NOSCRIPT')) return again()
    throw error
  })
}

type Connected = Omit<Store, 'why'>

function ofIoredis(client: IoredisClient, second: RedisClient, own: boolean, end: () => void): Connected {
  if (isNodeRedis(second)) throw new TypeError('client and subscriber must be of the same kind')
  const heard: [string, (from: Buffer, message: Buffer) => void][] = []
  return {
    get isReady() {
      return client.status === 'ready'
    },
    get ear() {
      return (second as Cluster).subscriber?.getInstance?.()
    },
    prime: () => {
      const masters = (client as Cluster).nodes?.('master') ?? [client]
      return Promise.all(masters.flatMap(each => SCRIPTS.map(({ text }) => each.script('LOAD', text))))
    },
    run: runnerOf(client),
    listen: async (channel, onmessage) => {
      const listener = (from: Buffer, message: Buffer) => {
        if (from.toString() === channel) onmessage(message)
      }
      second.on('messageBuffer', listener)
      try {
        await second.subscribe(channel)
        heard.push([channel, listener])
      } catch (error) {
        // It is tried again, and must not be heard twice then.
        second.off('messageBuffer', listener)
        throw error
      }
    },
    close: async () => {
      end()
      for (const [channel, listener] of heard) {
        second.off('messageBuffer', listener)
        if (!own) void second.unsubscribe(channel).catch(() => {})
      }
      if (own) second.disconnect()
    }
  }
}

function ofNodeRedis(client: NodeRedisClient, second: RedisClient, own: boolean, end: () => void): Connected {
  if (!isNodeRedis(second)) throw new TypeError('client and subscriber must be of the same kind')
  const heard: [string, (message: Buffer) => void][] = []
  return {
    get isReady() {
      return client.isReady
    },
    prime: async () => {
      const { masters, nodeClient } = client as Cluster
      const each =
        masters && nodeClient ? masters.map(master => (client as Cluster).nodeClient?.(master)) : [client]
      const all = (await Promise.all(each)).filter(one => one !== undefined)
      return Promise.all(all.flatMap(one => SCRIPTS.map(({ text }) => one.scriptLoad(text))))
    },
    run: runnerOf(client),
    listen: async (channel, onmessage) => {
      if (own && !second.isReady) await second.connect()
      await second.subscribe(channel, onmessage, true)
      heard.push([channel, onmessage])
    },
    close: async () => {
      end()
      if (!own) for (const each of heard) void second.unsubscribe(...each, true).catch(() => {})
      try {
        if (own) await second.destroy()
      } catch {
        // It was never open.
      }
    }
  }
}

function notConnected(cause: unknown): Error {
  const { message, code } = (cause ?? {}) as { message?: string; code?: string }
  const words = message || code
  return new Error(`the client is not connected${words ? `: ${words}` : ''}`, { cause })
}

function listen(client: RedisClient, event: string, listener: (error?: unknown) => void): () => void {
  client.on(event, listener)
  return () => void client.off(event, listener)
}

function isNodeRedis(client: RedisClient): client is NodeRedisClient {
  return 'withTypeMapping' in client
}

function toBuffer(arg: Arg): Buffer | string {
  return typeof arg === 'string' ? arg : Buffer.from(arg.buffer, arg.byteOffset, arg.byteLength)
}

function assertClient(client: unknown, name: string): void {
  if (client && typeof client === 'object' && ('withTypeMapping' in client || 'evalshaBuffer' in client))
    return
  throw new TypeError(`${name} must be a client of ioredis or of redis (node-redis)`)
}
