import type { Clock } from 'socket-signal'
import type { Root } from './component.ts'
import type { Topology } from './topology.ts'

/** What somebody who dials says of itself. */
export interface Plea {
  /** It has fewer links than it wants. */
  needy?: boolean
  /** It is of another part of a mesh that has split. */
  bridge?: boolean
}

/** What neighbours tell each other. */
export interface Beat {
  degree: number
  root: Root
  near: readonly string[]
}

/** How a mesh acts on the world. Each dial ends with `linked` or `failed`, each link with `unlinked`. */
export interface MeshHost {
  readonly self: string
  readonly clock: Clock
  random(): number
  dial(id: string, plea: Plea): void
  /** Ends a link, or gives up a dial. */
  hangUp(id: string): void
  /** Whether a dial has any way to go: not while the server is down and no neighbour names somebody. */
  reaches(id: string): boolean
  /** Asks somebody whether it is of the same mesh; if it is not, it dials. */
  ask(id: string, root: Root): void
  /** Asks the server for others. */
  sample(): void
  /** It was looked at anew. */
  onturn?(): void
  /** A policy threw, or gave what is none of its. */
  onerror(error: unknown): void
}

export interface MeshOptions {
  topology: Topology
  /** Links at most. */
  maxPeers: number
  /** Dials at once. Default: 8. */
  parallel?: number
}
