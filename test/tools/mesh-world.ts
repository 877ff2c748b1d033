import { full, type Topology } from 'socket-signal-swarm'
import { ManualClock, seededRandom } from 'socket-signal-testing'
import { Mesh } from '../../packages/swarm/src/mesh.ts'
import { test } from './test.ts'

const LATENCY = { least: 20, most: 120 }
const SAMPLE = 16

interface Node {
  id: string
  mesh: Mesh
  alive: boolean
  /** Of which part of a network that has split. */
  part: number
  /** Questions to the server: samples and single peers, not messages. */
  asked: number
}

/** Meshes with nothing below them but a server that knows all of one part, and dials that take their time. */
export class MeshWorld {
  readonly clock: ManualClock
  readonly random: () => number
  readonly nodes: Node[] = []
  /** Both directions of each connection. */
  readonly connected = new Map<string, Set<string>>()
  readonly errors: unknown[] = []
  readonly #byId = new Map<string, Node>()
  readonly #topology: () => Topology
  readonly #maxPeers: number
  /** How often somebody dialed. */
  dials = 0
  #made = 0

  constructor(seed: number, topology: () => Topology, maxPeers = 1000) {
    // A turn of the event loop for each timer would take minutes: nothing here waits for real I/O.
    this.clock = new ManualClock(0, () => Promise.resolve())
    this.random = seededRandom(seed)
    this.#topology = topology
    this.#maxPeers = maxPeers
    this.#beat()
  }

  get alive(): Node[] {
    return this.nodes.filter(({ alive }) => alive)
  }

  join(part = 0): Node {
    const id = `${Math.floor(this.random() * 2 ** 31)
      .toString(16)
      .padStart(8, '0')}-${this.#made++}`
    const topology = this.#topology()
    const node: Node = { id, alive: true, part, asked: 0, mesh: undefined as never }
    node.mesh = new Mesh(
      {
        self: id,
        clock: this.clock,
        random: this.random,
        dial: (to, plea) => this.#dial(node, to, plea),
        hangUp: to => this.#hangUp(id, to),
        reaches: () => true,
        ask: (to, root) => this.#later(() => this.#asked(node, to, root.id)),
        sample: () => {
          node.asked++
          this.#later(() => this.#sample(node))
        },
        onerror: error => void this.errors.push(error)
      },
      { topology, maxPeers: this.#maxPeers, parallel: topology.everybody ? 16 : 4 }
    )
    this.nodes.push(node)
    this.#byId.set(id, node)
    this.connected.set(id, new Set())
    const others = this.alive.filter(other => other !== node && other.part === part)
    if (topology.everybody) {
      for (const other of others) {
        node.mesh.found(other.id)
        other.mesh.found(id, true)
      }
    } else this.#sample(node)
    return node
  }

  /** As a process that is killed: the others see their channels end. */
  leave(node: Node): void {
    node.alive = false
    node.mesh.close()
    if (this.#topology().everybody)
      for (const other of this.alive) if (other.part === node.part) other.mesh.lost(node.id)
    for (const id of [...(this.connected.get(node.id) ?? [])]) this.#end(node.id, id)
    this.nodes.splice(this.nodes.indexOf(node), 1)
  }

  async run(seconds: number): Promise<void> {
    await this.clock.advance(seconds * 1000)
  }

  /** Sizes of the parts that are connected. */
  components(): number[] {
    const left = new Set(this.alive.map(({ id }) => id))
    const sizes: number[] = []
    for (const id of left) {
      const reached = this.#distances(id)
      for (const each of reached.keys()) left.delete(each)
      sizes.push(reached.size)
    }
    return sizes
  }

  diameter(): number {
    return Math.max(...this.alive.map(({ id }) => Math.max(...this.#distances(id).values())))
  }

  degrees(): number[] {
    return this.alive.map(({ id }) => (this.connected.get(id) as Set<string>).size)
  }

  close(): void {
    for (const { mesh } of this.nodes) mesh.close()
  }

  #distances(from: string): Map<string, number> {
    const distances = new Map([[from, 0]])
    for (const [id, distance] of distances)
      for (const next of this.connected.get(id) ?? [])
        if (!distances.has(next)) distances.set(next, distance + 1)
    return distances
  }

  #later(act: () => void): void {
    this.clock.setTimeout(act, LATENCY.least + this.random() * (LATENCY.most - LATENCY.least))
  }

  #sample(node: Node): void {
    if (!node.alive) return
    const others = this.alive.filter(other => other !== node && other.part === node.part)
    for (let count = 0; count < SAMPLE && others.length > 0; count++) {
      const [other] = others.splice(Math.floor(this.random() * others.length), 1)
      node.mesh.sampled((other as Node).id)
    }
  }

  #asked(from: Node, to: string, root: string): void {
    const other = this.#byId.get(to)
    if (!other?.alive || other.part !== from.part || other.mesh.root.id === root) return
    if (this.connected.get(to)?.has(from.id)) return
    other.mesh.found(from.id)
    this.#dial(other, from.id, { bridge: true }, true)
  }

  #dial(node: Node, to: string, plea: object, asked = false): void {
    this.dials++
    this.#later(() => {
      const other = this.#byId.get(to)
      if (!node.alive) return
      if (!other?.alive || other.part !== node.part) return node.mesh.failed(to, 'gone')
      if (this.connected.get(to)?.has(node.id)) return this.#linked(node.id, to)
      if (!other.mesh.admit(node.id, plea)) return node.mesh.failed(to, 'crowded')
      this.#later(() => {
        if (!node.alive || !other.alive) return other.mesh.missed(node.id)
        if (this.connected.get(to)?.has(node.id)) return this.#linked(node.id, to)
        // Given up meanwhile.
        if (!asked && !this.#isDialing(node, to)) return other.mesh.missed(node.id)
        this.#linked(node.id, to)
      })
    })
  }

  #isDialing(node: Node, to: string): boolean {
    return node.mesh.isDialing(to)
  }

  #linked(a: string, b: string): void {
    this.connected.get(a)?.add(b)
    this.connected.get(b)?.add(a)
    this.#byId.get(a)?.mesh.linked(b)
    this.#byId.get(b)?.mesh.linked(a)
  }

  #hangUp(a: string, b: string): void {
    if (this.connected.get(a)?.has(b)) this.#end(a, b)
  }

  #end(a: string, b: string): void {
    this.connected.get(a)?.delete(b)
    this.connected.get(b)?.delete(a)
    const [one, other] = [this.#byId.get(a) as Node, this.#byId.get(b) as Node]
    if (one.alive) one.mesh.unlinked(b)
    if (other.alive)
      this.#later(() => other.alive && !this.connected.get(b)?.has(a) && other.mesh.unlinked(a))
  }

  /** Neighbours tell each other how they stand. */
  #beat(): void {
    this.clock.setTimeout(() => {
      for (const node of this.alive) {
        const { everybody } = this.#topology()
        if (everybody) break
        const beat = node.mesh.beat()
        for (const id of this.connected.get(node.id) ?? [])
          this.#byId.get(id)?.mesh.heard(node.id, beat, false)
      }
      this.#beat()
    }, 5000)
  }
}

/** A world of so many peers of which three leave, and three others come, every second; then a minute of peace. */
export async function churned(
  seed: number,
  topology: () => Topology,
  peers: number,
  seconds = 20
): Promise<MeshWorld> {
  const world = new MeshWorld(seed, topology)
  for (let at = 0; at < peers; at++) world.join()
  for (let second = 0; second < seconds; second++) {
    await world.run(1)
    for (let count = 0; count < 3; count++) {
      const { alive } = world
      world.leave(alive[Math.floor(world.random() * alive.length)] as never)
      world.join()
    }
  }
  await world.run(60)
  world.close()
  return world
}

/** Of one file: all that are asked for by a word, `npm test -- swarm`; a run of everything has a quarter of them. */
const SEEDS = process.env.TEST_WORD ? 100 : 25

/** Whether everybody is connected with everybody in such worlds of 200. `first` of the seeds: a file for each of two cores. */
export function complete(first: number): void {
  const last = first + SEEDS - 1
  test(`swarm: full ends complete: 200 peers under churn, seeds ${first} to ${last}`, {
    timeout: 240_000
  }, async t => {
    for (let seed = first; seed <= last; seed++) {
      const world = await churned(seed, full, 200, 10)
      const wrong = world.degrees().filter(count => count !== 199).length
      if (wrong > 0 || world.errors.length > 0)
        t.fail(`seed ${seed}: ${wrong} are not complete ${world.errors}`)
    }
    t.pass('each with each')
  })
}
