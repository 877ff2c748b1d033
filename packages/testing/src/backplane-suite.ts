import type { Backplane } from 'socket-signal'
import { conflictSuite } from './backplane-suite-conflicts.ts'
import { deliverySuite } from './backplane-suite-delivery.ts'
import { historySuite } from './backplane-suite-history.ts'
import { presenceSuite } from './backplane-suite-presence.ts'
import { resumeSuite } from './backplane-suite-resume.ts'
import { type SuiteAssert, type SuiteTest, until } from './suite.ts'

/** Nodes that share their topics, made for one test. */
export interface BackplaneCluster {
  /** As many as were asked for, open. */
  nodes: Backplane[]
  /** Closes whatever nodes are left, and what belongs to them. */
  close(): Promise<void>
  /** Resolves when what was done on one node is known on the others. Default: the suite asks until it is. */
  settle?(): Promise<void>
}

/** What the suite is run with, and against. */
export interface BackplaneSuiteOptions {
  /** The runner's `test`. */
  test: SuiteTest
  /** Begins the name of each test. */
  name: string
  /** Makes that many nodes, with nothing in them. */
  make(nodes: number): Promise<BackplaneCluster>
}

/** What a test of the suite is given: nodes by number, of which there may be fewer than it names. */
export interface Nodes {
  readonly all: readonly Backplane[]
  /** The node of that number, going round. */
  node(at: number): Backplane
  /** Waits until a fact holds on every node. */
  everywhere(fact: (node: Backplane) => boolean | Promise<boolean>, what: string): Promise<void>
  settle(): Promise<void>
}

/** A test of the suite, run with one node and with three. */
export type Clustered = (what: string, body: (t: SuiteAssert, nodes: Nodes) => Promise<void>) => void

/**
 * The contract of `Backplane`, as tests: with one node and with three. What is told in core's `backplane.ts` as MUST is
 * here; answers may be promises or not, and what one node does may take its time to be known on the others.
 */
export function backplaneSuite({ test, name, make }: BackplaneSuiteOptions): void {
  for (const count of [1, 3]) {
    const clustered: Clustered = (what, body) =>
      test(`${name} backplane, ${count === 1 ? 'one node' : `${count} nodes`}: ${what}`, async t => {
        const cluster = await make(count)
        try {
          t.equal(cluster.nodes.length, count)
          await body(t, nodesOf(cluster))
        } finally {
          await cluster.close()
        }
      })
    deliverySuite(clustered)
    presenceSuite(clustered)
    conflictSuite(clustered)
    resumeSuite(clustered)
    historySuite(clustered)
  }
}

function nodesOf({ nodes, settle = async () => {} }: BackplaneCluster): Nodes {
  return {
    all: nodes,
    node: at => nodes[at % nodes.length] as Backplane,
    settle,
    everywhere: async (fact, what) => {
      await settle()
      for (const node of nodes) await until(() => fact(node), what)
    }
  }
}
