import type { Company, SignalError, SocketSignalClient } from 'socket-signal'
import type { Bans } from './bans.ts'
import type { Broadcast } from './broadcast.ts'
import type { Mesh } from './mesh.ts'
import type { Connection, ConnectionInfo } from './neighbour.ts'

/** What a swarm tells. */
export interface SwarmEvents {
  /** One is open, dialed or let in. */
  connection: [connection: Connection]
  /** One has ended. */
  disconnection: [info: ConnectionInfo]
  /** Somebody's `broadcast`, once each. */
  message: [message: Broadcast]
  /** A topic is shared with a peer, or no longer. */
  topics: [info: ConnectionInfo]
  /** A topic was left, and not by `leave`: a new token does not let in any more, or the app's client has left it. */
  left: [event: { topic: Uint8Array }]
  /** Somebody broke the rules and is banned. */
  banned: [event: { id: Uint8Array; error: SignalError }]
  /** A policy threw, or another function of the app's, for instance `verify`. */
  error: [error: unknown]
}

/** What the parts of a swarm share. Topics and ids are keys of Maps. */
export interface Host {
  readonly client: SocketSignalClient
  readonly company: Company
  readonly bans: Bans
  /** Whether signals travel over peers. */
  readonly carry: boolean
  /** What a stream may hold that the app has not read. Unit: bytes. */
  readonly maxUnread: number
  /** Of a topic that was joined. */
  mesh(topic: string): Mesh | undefined
  /** Looks at all meshes anew. */
  wake(): void
  emit<K extends keyof SwarmEvents>(event: K, ...args: SwarmEvents[K]): void
}

/** Whether nothing can be asked of a client any more. */
export function isOver({ status }: SocketSignalClient): boolean {
  return status === 'closing' || status === 'closed'
}

/** What is said of a connection in its metadata, under this name. */
export const NAME = 'swarm'

/** What a swarm says of itself there. `carry`: false where it brings no signals, and takes none. */
export function says({ carry }: Host, words: object = {}): { [NAME]: object } {
  return { [NAME]: carry ? words : { ...words, carry } }
}
