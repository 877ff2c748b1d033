import { MAX } from './bounds.ts'
import type { BroadcastCounts } from './broadcast.ts'
import type { CarryCounts } from './carrier.ts'
import { full, type Topology } from './topology.ts'

/** Whom a swarm connects with, and how fast. */
export interface SwarmOptions {
  /** Whom to be connected with, in each topic. Default: `full()`. */
  topology?: Topology
  /** Connections of a topic at most. Default: 64. */
  maxPeers?: number
  /** Dials of a topic at once. Default: 8; the client's `concurrency` counts as well. */
  parallel?: number
  /** What a stream may hold that the app has not read; one with more is ended. Default: 16 MiB. Unit: bytes. */
  maxUnread?: number
  /** Whether signals travel over peers, ours and those of others. Default: `true`. */
  carry?: boolean
}

/** How a swarm stands, over all its topics. */
export interface SwarmStats {
  /** Connections that are open. */
  connections: number
  /** Dials on their way. */
  dialing: number
  /** What neighbours said beyond 400 things a second each, which was left out, broadcasts among it. */
  unheard: number
  /** Since the swarm began. */
  broadcasts: BroadcastCounts
  /** Since the swarm began. */
  carried: CarryCounts
}

/** All options, with what is left out. Throws a `TypeError` for what is none. */
export function complete({
  topology = full(),
  maxPeers = 64,
  parallel = MAX.dials,
  maxUnread = MAX.unread,
  carry = true
}: SwarmOptions): Required<SwarmOptions> {
  if (typeof Object(topology).policy !== 'function') throw new TypeError('topology must be a Topology')
  for (const [name, value] of Object.entries({ maxPeers, parallel, maxUnread }))
    if (!(value >= 1)) throw new TypeError(`${name} must be a number of at least 1, got ${value}`)
  return { topology, maxPeers, parallel, maxUnread, carry }
}
