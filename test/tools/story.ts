import { randomBytes } from 'node:crypto'
import type { SocketSignalClientOptions } from 'socket-signal'
import {
  SocketSignalMemoryClient,
  SocketSignalMemoryServer,
  type SocketSignalMemoryServerOptions
} from 'socket-signal-memory'
import { fakeWrtc } from 'socket-signal-testing'
import type { Test } from 'tape'

export interface StoryOptions {
  server?: SocketSignalMemoryServerOptions
  /** One client for each. Default: two without options. */
  clients?: SocketSignalClientOptions[]
}

export interface Story {
  server: SocketSignalMemoryServer
  clients: SocketSignalMemoryClient[]
  /** The first three of them; a story that has fewer must not touch the others. */
  alice: SocketSignalMemoryClient
  bob: SocketSignalMemoryClient
  carol: SocketSignalMemoryClient
  topic: Buffer
  rtc: ReturnType<typeof fakeWrtc>
}

/** A server and open clients in this process, over fake WebRTC; all of it is closed when the test ends. */
export async function story(
  t: Test,
  { server: options = {}, clients = [{}, {}] }: StoryOptions = {}
): Promise<Story> {
  const rtc = fakeWrtc()
  const server = new SocketSignalMemoryServer(options)
  const made = clients.map(own => new SocketSignalMemoryClient(server, { ...clientOptions(rtc), ...own }))
  t.teardown(async () => {
    await Promise.all(made.map(client => client.close()))
    await server.close()
  })
  await Promise.all(made.map(client => client.open()))
  const [alice, bob, carol] = made as [
    SocketSignalMemoryClient,
    SocketSignalMemoryClient,
    SocketSignalMemoryClient
  ]
  return { server, clients: made, alice, bob, carol, topic: randomBytes(32), rtc }
}

export function clientOptions(rtc: ReturnType<typeof fakeWrtc>): SocketSignalClientOptions {
  return { simplePeer: { wrtc: rtc, iceCompleteTimeout: 50 }, iceServers: [] }
}

/** What a promise rejects with; fails the test when it resolves. */
export async function rejection(
  promise: Promise<unknown>
): Promise<Error & { code?: string; retryable?: boolean }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a rejection')
}

/** Waits until a fact holds; fails after whole seconds. */
export async function until(
  fact: () => boolean | Promise<boolean>,
  what = String(fact),
  seconds = 5
): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!(await fact())) {
    if (Date.now() > end) throw new Error(`within ${seconds} s it did not come true: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

type Events<Emitter> = Emitter extends { once(event: infer K, listener: infer _L): unknown } ? K : never

/** The arguments of the next event. */
export function next<E extends { once(event: never, listener: never): unknown }>(
  emitter: E,
  event: Events<E>
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the payload of its event.
): Promise<any[]> {
  return new Promise(resolve =>
    emitter.once(event as never, ((...args: unknown[]) => resolve(args)) as never)
  )
}

/** Everything that was emitted, in order, as it comes. */
export function record<E extends { on(event: never, listener: never): unknown }>(
  emitter: E,
  ...events: string[]
  // biome-ignore lint/suspicious/noExplicitAny: as above
): { event: string; args: any[] }[] {
  const seen: { event: string; args: unknown[] }[] = []
  for (const event of events) {
    emitter.on(event as never, ((...args: unknown[]) => seen.push({ event, args })) as never)
  }
  return seen
}

/** The duplex half of a peer's stream. */
export function duplex(peer: { stream: unknown }): NodeJS.ReadWriteStream {
  return peer.stream as NodeJS.ReadWriteStream
}
