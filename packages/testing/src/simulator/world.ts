import { sha256 } from '@noble/hashes/sha2.js'
import type { SocketSignalClientOptions, SocketSignalServerMapOptions } from 'socket-signal'
import { MemoryCluster, toHex, toKey } from 'socket-signal'
import type { PairOptions } from 'socket-signal-memory'
import { FakeNetwork } from '../fake-wrtc/network.ts'
import { ManualClock, turn } from '../manual-clock.ts'
import { seededRandom } from '../random.ts'
import { Loading } from './loading.ts'
import { SimulatedPeer } from './simulated-peer.ts'
import { SimulatedServer } from './simulated-server.ts'
import { type Faults, storm } from './storm.ts'
import { Trace } from './trace.ts'

/** What a world is made of. */
export interface WorldOptions {
  /** A whole number. All that is random follows from it. */
  seed: number
  /** How many clients. Default: 4. */
  peers?: number
  /** How many servers, which share their topics. Default: 1. */
  servers?: number
  /** How long `world.storm()` lasts. Default: 20. Unit: s of virtual time. */
  seconds?: number
  /** How often each fault comes, beside the others; 0: never. Default: `FAULTS`. */
  faults?: Partial<Faults>
  /** Of every socket. Default: latency 20, jitter 20. Unit: ms. */
  network?: Pick<PairOptions, 'latency' | 'jitter'>
  /** Pairs of peers, by index, that never reach each other, whatever signaling does. Default: none. */
  apart?: readonly (readonly [number, number])[]
  /**
   * What comes through of each frame, as a hostile server does it: the frame itself, others, none. It MUST NOT change the
   * bytes that it is given. Default: the frame.
   */
  wire?: (frame: Uint8Array, way: Way) => readonly Uint8Array[]
  /** Of every client, but for its key, clock, randomness and cryptography. */
  client?: SocketSignalClientOptions
  /** Of every server, as above. */
  server?: SocketSignalServerMapOptions
}

/** Whose socket a frame is on, and which end it goes to. */
export interface Way {
  /** Whose socket it is. */
  peer: SimulatedPeer
  /** Which end the frame goes to. */
  to: 'client' | 'server'
}

/** Runs on a peer when it starts, and each time it starts again after a crash. */
export type App = (peer: SimulatedPeer) => void | Promise<void>

/** Peers, servers and the networks between them, in virtual time. */
export class World {
  /** By which this world can be made again. */
  readonly seed: number
  /** Unit: s of virtual time. */
  readonly seconds: number
  /** Moved by the simulation alone: wait by `sleep` and `until`. */
  readonly clock: ManualClock
  /** All steps so far. */
  readonly trace: Trace
  /** Without a client of the app's doing anything, before `start`. */
  readonly peers: readonly SimulatedPeer[]
  /** Started already. */
  readonly servers: readonly SimulatedServer[]
  /** Numbers from 0 to below 1, for the scenario: faults have their own, so that they stay where they are. */
  readonly random: () => number
  /** Who reaches whom without the servers. */
  readonly media: FakeNetwork
  /** What loads modules meanwhile, which is the one thing that leaves virtual time. @internal */
  readonly loading = new Loading()
  /** As the option of this name. @internal */
  readonly wire: NonNullable<WorldOptions['wire']>
  /** What several servers share. @internal */
  readonly cluster: MemoryCluster | undefined
  /** What went wrong where nobody waits for it. */
  readonly failures: unknown[] = []
  readonly #faults: Partial<Faults>
  readonly #network: PairOptions
  readonly #pipes: () => number
  readonly #storms: () => number
  readonly #names = new Map<string, string>()
  #app: App = () => {}

  constructor(options: WorldOptions) {
    const { seed, peers = 4, servers = 1, seconds = 20, faults = {}, apart = [] } = options
    const { network = { latency: 20, jitter: 20 } } = options
    this.seed = seed
    this.seconds = seconds
    this.clock = new ManualClock(0, () => this.#settle())
    this.trace = new Trace(this.clock)
    this.random = seededRandom(Math.imul(seed, 0x9e3779b1) + 1)
    this.#pipes = seededRandom(Math.imul(seed, 0x9e3779b1) + 2)
    this.#storms = seededRandom(Math.imul(seed, 0x9e3779b1) + 3)
    this.#faults = faults
    this.#network = network
    this.wire = options.wire ?? (frame => [frame])
    this.media = new FakeNetwork({ seed, reachable: (a, b) => this.#reachable(a, b, apart) })
    const cluster = servers > 1 ? new MemoryCluster() : undefined
    this.cluster = cluster
    this.servers = Array.from(
      { length: servers },
      (_, at) => new SimulatedServer(`server${at}`, this, options.server ?? {}, cluster)
    )
    for (const server of this.servers) server.start()
    this.peers = Array.from(
      { length: peers },
      (_, at) => new SimulatedPeer(`peer${at}`, this, options.client ?? {})
    )
    for (const peer of this.peers) this.#names.set(toKey(peer.id), peer.name)
  }

  /** A topic by its name: 32 bytes. `topicFromName` leaves virtual time, this does not. */
  topic(name: string): Uint8Array {
    const topic = sha256(new TextEncoder().encode(name))
    this.#names.set(toKey(topic), name)
    return topic
  }

  /** What the trace calls an id or a topic. */
  nameOf(id: Uint8Array): string {
    return this.#names.get(toKey(id)) ?? toHex(id).slice(0, 8)
  }

  /** Runs the app on every peer, and again on each that crashed. What it rejects with while its peer lives fails the simulation. */
  start(app: App): void {
    this.#app = app
    for (const peer of this.peers) this.#run(peer)
  }

  /** A line in the trace. */
  step(who: SimulatedPeer | string, what: string): void {
    this.trace.step(typeof who === 'string' ? who : who.name, what)
  }

  /** Unit: ms of virtual time. */
  sleep(ms: number): Promise<void> {
    return new Promise(resolve => void this.clock.setTimeout(resolve, ms))
  }

  /** Waits until a fact holds, looking every 100 ms. Rejects after so many seconds of virtual time, with what it gave. */
  async until(fact: () => boolean | string, what = String(fact), seconds = 90): Promise<void> {
    const end = this.clock.now() + seconds * 1000
    for (let held = fact(); held !== true; held = fact()) {
      if (this.clock.now() >= end) {
        throw new Error(`within ${seconds} s it did not come true: ${what}${held ? ` (${held})` : ''}`)
      }
      await this.sleep(100)
    }
  }

  /** Lets faults happen for a while, then mends all of them. Unit: s of virtual time. */
  async storm(seconds = this.seconds): Promise<void> {
    await storm(this, { seconds, random: this.#storms, faults: this.#faults })
  }

  /** Takes a peer off every network, or puts it back: its sockets stall as TCP does, its connections with peers are cut. */
  offline(peer: SimulatedPeer, on: boolean): void {
    peer.offline = on
    peer.stall(on)
    this.media.update()
  }

  /** A peer's process is gone, and a new one starts with the same key. */
  async crash(peer: SimulatedPeer): Promise<void> {
    await peer.crash()
    this.#run(peer)
  }

  /** Of one new socket. @internal */
  pipe(): PairOptions {
    return { ...this.#network, clock: this.clock, seed: Math.floor(this.#pipes() * 2 ** 31) }
  }

  #run(peer: SimulatedPeer): void {
    const { client } = peer
    const run = async () => this.#app(peer)
    run().catch(error => {
      if (client === peer.client) this.failures.push(error)
    })
  }

  #reachable(a: string, b: string, apart: readonly (readonly [number, number])[]): boolean {
    const [one, other] = [a, b].map(address => this.peers.findIndex(peer => peer.address === address))
    for (const at of [one, other]) if (this.peers[at as number]?.offline) return false
    return !apart.some(([x, y]) => (x === one && y === other) || (x === other && y === one))
  }

  async #settle(): Promise<void> {
    do await turn()
    while (this.loading.busy)
  }
}
