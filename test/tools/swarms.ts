import { toKey } from 'socket-signal'
import { Swarm, type SwarmOptions } from 'socket-signal-swarm'
import type { SimulatedPeer, World } from 'socket-signal-testing'

/** A swarm on each peer of a simulated world. */
export class Swarms {
  readonly world: World
  readonly #swarms = new Map<SimulatedPeer, Swarm>()
  readonly #options: SwarmOptions

  constructor(
    world: World,
    topics: string[] | ((peer: SimulatedPeer) => string[]),
    options: SwarmOptions = {}
  ) {
    this.world = world
    this.#options = options
    world.start(async peer => {
      const swarm = this.add(peer)
      const names = typeof topics === 'function' ? topics(peer) : topics
      for (const name of names) {
        // A client that was killed is closed: another one takes its place.
        const joined = () =>
          swarm.join(world.topic(name)).then(
            () => true,
            error => error.code === 'CLOSED'
          )
        while (!(await joined())) await world.sleep(1000)
      }
    })
  }

  /** Its first, or another after that one was destroyed. */
  add(peer: SimulatedPeer, options: SwarmOptions = {}): Swarm {
    const swarm = new Swarm(peer.client, { ...this.#options, ...options })
    this.#swarms.set(peer, swarm)
    return swarm
  }

  get all(): Swarm[] {
    return [...this.#swarms.values()]
  }

  of(peer: SimulatedPeer | undefined): Swarm {
    return this.#swarms.get(peer as SimulatedPeer) as Swarm
  }

  /** Whether both ends of each connection know it, once each; gives what is wrong. */
  paired(): true | string {
    const { peers } = this.world
    const wrong: string[] = []
    for (const peer of peers) {
      const ids = this.of(peer)?.connections.map(({ info }) => toKey(info.id)) ?? []
      if (new Set(ids).size !== ids.length) wrong.push(`${peer.name} has doubles`)
      if (peer.client.peers.length !== ids.length)
        wrong.push(`${peer.name} has ${peer.client.peers.length} peers for ${ids.length} connections`)
      for (const other of peers) {
        const there = this.of(other)?.connections.some(({ info }) => toKey(info.id) === toKey(peer.id))
        if (ids.includes(toKey(other.id)) !== there) wrong.push(`${peer.name} and ${other.name} do not agree`)
      }
    }
    return wrong.length === 0 || wrong.join(', ')
  }

  /** Whether everybody is connected with everybody. */
  complete(): true | string {
    const missing = this.world.peers
      .map(peer => `${peer.name} ${this.of(peer)?.connections.length ?? 0}`)
      .filter(text => !text.endsWith(` ${this.world.peers.length - 1}`))
    return missing.length === 0 ? this.paired() : `connections: ${missing.join(', ')}`
  }

  /** Whether there is a way from each to each. */
  whole(): true | string {
    const reached = new Set([this.world.peers[0] as SimulatedPeer])
    for (const peer of reached)
      for (const { info } of this.of(peer)?.connections ?? []) {
        const other = this.world.peers.find(({ id }) => toKey(id) === toKey(info.id))
        if (other) reached.add(other)
      }
    return (
      reached.size === this.world.peers.length || `${reached.size} of ${this.world.peers.length} are reached`
    )
  }

  async end(): Promise<void> {
    await Promise.all(this.all.map(swarm => swarm.destroy()))
  }
}
