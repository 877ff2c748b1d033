/**
 * From a topic to a mesh of peers: who to know, when to dial, healing, broadcast, and signals over peers.
 *
 * @module socket-signal-swarm
 */

export type { Broadcast, BroadcastCounts } from './broadcast.ts'
export type { CarryCounts } from './carrier.ts'
export type { SwarmEvents } from './host.ts'
export type { Connection, ConnectionInfo } from './neighbour.ts'
export { Swarm } from './swarm.ts'
export type { SwarmOptions, SwarmStats } from './swarm-options.ts'
export {
  custom,
  degree,
  full,
  type LinkView,
  type Moves,
  type Policy,
  type Topology,
  type View
} from './topology.ts'
