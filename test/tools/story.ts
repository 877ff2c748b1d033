import { randomBytes } from 'node:crypto'
import type { ConnectOptions, Peer, SocketSignalClientOptions } from 'socket-signal'
import {
  SocketSignalMemoryClient,
  SocketSignalMemoryServer,
  type SocketSignalMemoryServerOptions
} from 'socket-signal-memory'
import { fakeWrtc } from 'socket-signal-testing'
import type { Test } from 'tape'
import { systemClock } from '../../packages/core/src/clock.ts'
import { until } from './wait.ts'

export interface StoryOptions {
  server?: SocketSignalMemoryServerOptions
  /** One client for each. Default: two without options. */
  clients?: SocketSignalClientOptions[]
  /** How long candidates take that follow the first description, as those from a STUN server. Unit: ms. Default: 0, none follow. */
  gathering?: number
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
  { server: options = {}, clients = [{}, {}], gathering = 0 }: StoryOptions = {}
): Promise<Story> {
  const rtc = fakeWrtc(gathering > 0 ? { clock: systemClock, gathering } : {})
  const server = new SocketSignalMemoryServer(options)
  const made = clients.map(own => new SocketSignalMemoryClient(server, { ...clientOptions(rtc), ...own }))
  t.teardown(async () => {
    await Promise.all(made.map(client => client.close()))
    await server.close()
  })
  // One after the other, so that `server.pairs` has their pipes in the same order.
  for (const client of made) await client.open()
  const [alice, bob, carol] = made as [
    SocketSignalMemoryClient,
    SocketSignalMemoryClient,
    SocketSignalMemoryClient
  ]
  return { server, clients: made, alice, bob, carol, topic: randomBytes(32), rtc }
}

/** A story in which Alice has dialed Bob: `peer` is her end, `theirs` his. */
export async function connectedStory(t: Test, options: StoryOptions = {}, dial: ConnectOptions = {}) {
  const all = await story(t, options)
  const { alice, bob, topic } = all
  await Promise.all([alice.join(topic), bob.join(topic)])
  const peer = await alice.connect(topic, bob.id, dial).ready()
  await until(() => bob.peersConnected.length === 1)
  return { ...all, peer, theirs: bob.peersConnected[0] as Peer }
}

export function clientOptions(rtc: ReturnType<typeof fakeWrtc>): SocketSignalClientOptions {
  return { simplePeer: { wrtc: rtc, iceCompleteTimeout: 50 }, iceServers: [] }
}

/** The duplex half of a peer's stream. */
export function duplex(peer: { stream: unknown }): NodeJS.ReadWriteStream {
  return peer.stream as NodeJS.ReadWriteStream
}
