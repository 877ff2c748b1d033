import { type MemoryCluster, SocketSignalServerMap, type SocketSignalServerMapOptions } from 'socket-signal'
import type { SocketPair } from 'socket-signal-memory'
import { deterministicCrypto } from '../deterministic-crypto.ts'
import { seededRandom } from '../random.ts'
import { MortalBackplane } from './mortal-backplane.ts'
import { MortalClock } from './mortal-clock.ts'
import type { World } from './world.ts'

/** How long the other nodes count those of a killed one as there. Unit: ms. */
const LEASE = 3000

/** One server of a simulation. It may be killed, or closed in order, and another one started in its place. */
export class SimulatedServer {
  /** `server0`, `server1`, and so on, as the trace calls it. */
  readonly name: string
  /** Undefined while it is down. */
  server: SocketSignalServerMap | undefined
  readonly #world: World
  readonly #options: SocketSignalServerMapOptions
  /** What the servers of one simulation share; a server that is alone has its own memory, which dies with it. */
  readonly #cluster: MemoryCluster | undefined
  readonly #pairs = new Set<SocketPair>()
  #backplane: MortalBackplane | undefined
  #clock: MortalClock
  #lives = 0

  constructor(
    name: string,
    world: World,
    options: SocketSignalServerMapOptions,
    cluster: MemoryCluster | undefined
  ) {
    this.name = name
    this.#world = world
    this.#options = options
    this.#cluster = cluster
    this.#clock = new MortalClock(world.clock)
  }

  /** Timers that it holds. */
  get timers(): number {
    return this.#clock.pending
  }

  /** Starts it, with nothing that an earlier life knew. Harmless while it runs. */
  start(): void {
    if (this.server) return
    const life = `${this.name}/${this.#lives++}`
    const crypto = deterministicCrypto(`${this.#world.seed} ${life}`)
    const random = seededRandom(this.#world.seed + this.#lives)
    this.#clock = new MortalClock(this.#world.clock)
    this.#backplane = new MortalBackplane({ random, ...(this.#cluster && { cluster: this.#cluster }) })
    this.server = new SocketSignalServerMap({
      backplane: this.#backplane,
      crypto,
      ...this.#options,
      clock: this.#clock
    })
    this.#world.trace.step(this.name, 'starts')
  }

  /** Takes the right end of a pipe; does nothing while it is down. @internal */
  accept(pair: SocketPair): void {
    this.#pairs.add(pair)
    this.server?.addSocket(pair.right).catch(() => pair.right.close(1011, 'the server is closed'))
  }

  /** As `kill -9`: nobody is told but by the end of the socket, and other nodes by the end of its lease. */
  kill(): void {
    const { server } = this
    if (!server) return
    this.server = undefined
    this.#world.trace.step(this.name, 'is killed')
    this.#clock.kill()
    for (const pair of this.#pairs) pair.break('left')
    this.#pairs.clear()
    const backplane = this.#backplane
    backplane?.kill()
    const bury = () => {
      backplane?.bury()
      void server.close().then(() => backplane?.close())
    }
    this.#world.clock.setTimeout(bury, this.#cluster ? LEASE : 0)
  }

  /** Closes it in order: clients are told to come back. */
  async stop(): Promise<void> {
    const { server } = this
    if (!server) return
    this.server = undefined
    this.#world.trace.step(this.name, 'stops')
    await server.close()
    await this.#backplane?.close()
    this.#pairs.clear()
  }
}
