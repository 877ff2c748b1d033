import type { ClientEvents, KeyPair, SocketSignalClient, SocketSignalClientOptions } from 'socket-signal'
import { SignalError, type Socket } from 'socket-signal'
import { type SocketPair, socketPair } from 'socket-signal-memory'
import { deterministicCrypto, type SynchronousCrypto } from '../deterministic-crypto.ts'
import { type FakeWrtc, fakeWrtc } from '../fake-wrtc/fake-wrtc.ts'
import { seededRandom } from '../random.ts'
import { MortalClock } from './mortal-clock.ts'
import { SimulatedClient } from './simulated-client.ts'
import type { World } from './world.ts'

/** So that some candidates go in the first description and others follow it. Unit: ms. */
const GATHERING = 30

/** Events that the trace tells of, with what is said of each. */
const TOLD: { [K in keyof ClientEvents]?: (world: World, ...args: ClientEvents[K]) => string } = {
  connected: (_world, again) => (again ? 'again' : ''),
  disconnected: (_world, willReconnect, { code }) => `${code}${willReconnect ? '' : ' for good'}`,
  'connect-error': (_world, { code }, willReconnect) => `${code}${willReconnect ? '' : ' for good'}`,
  'peer-joined': (world, { topic, id }) => `${world.nameOf(id)} ${world.nameOf(topic)}`,
  'peer-left': (world, { topic, id }) => `${world.nameOf(id)} ${world.nameOf(topic)}`,
  'peer-away': (world, { topic, id }) => `${world.nameOf(id)} ${world.nameOf(topic)}`,
  'peer-back': (world, { topic, id }) => `${world.nameOf(id)} ${world.nameOf(topic)}`,
  'peer-connected': (world, { peer }) => world.nameOf(peer.id),
  'peer-error': (world, { peer, error }) => `${world.nameOf(peer.id)} ${codeOf(error)}`,
  message: (world, { id, data }) => `${world.nameOf(id)} ${JSON.stringify(data)}`,
  dropped: (world, { id, error }) => `${world.nameOf(id)} ${error.code}`
}

/** One device of a simulation: a client with a key of its own, which may crash and start again, and its way to the servers. */
export class SimulatedPeer {
  /** `peer0`, `peer1`, and so on, as the trace calls it. */
  readonly name: string
  /** Of every RTCPeerConnection of this peer. */
  readonly address: string
  /** The present one: a peer that crashes starts again with another, of the same key. */
  client: SocketSignalClient
  /** Reached by nobody: its sockets stall, its dials hang, its connections with peers are cut. */
  offline = false
  /** While set, its sockets lose, double and reorder frames. */
  tampered = false

  readonly #world: World
  readonly #options: SocketSignalClientOptions
  readonly #crypto: SynchronousCrypto
  readonly #keyPair: KeyPair
  readonly #wrtc: FakeWrtc
  #clock: MortalClock
  #pair: SocketPair | undefined
  readonly #stalled: SocketPair[] = []
  #dials = 0
  #lives = 0

  constructor(name: string, world: World, options: SocketSignalClientOptions) {
    this.name = name
    this.#world = world
    this.#options = options
    this.#crypto = deterministicCrypto(`${world.seed} ${name}`)
    this.#keyPair = this.#crypto.generateKeyPair()
    this.address = world.media.nextAddress()
    this.#clock = new MortalClock(world.clock)
    const { media: network, clock } = world
    this.#wrtc = fakeWrtc({ network, address: this.address, clock, gathering: GATHERING })
    this.client = this.#start()
  }

  /** 32 bytes, the same in every life. */
  get id(): Uint8Array {
    return this.#keyPair.publicKey
  }

  /** Timers that its client holds. */
  get timers(): number {
    return this.#clock.pending
  }

  /** RTCPeerConnections that are not closed. */
  get connections(): number {
    return this.#wrtc.open
  }

  /** Ends its socket. Default: both ends are told; with `told`, the other end is half-open. */
  cut(told?: 'client' | 'server'): void {
    this.#pair?.break(told && (told === 'client' ? 'left' : 'right'))
    this.#pair = undefined
  }

  /** Whether it has a socket, on its way or open. */
  get wired(): boolean {
    return this.#pair !== undefined
  }

  /** Whether what its socket carries waits. What waits comes in the end, also where the client has another socket by then. */
  stall(on: boolean): void {
    if (on && this.#pair) this.#stalled.push(this.#pair)
    for (const pair of this.#stalled) pair.stall(on)
    if (!on) this.#stalled.length = 0
  }

  /**
   * Loses, doubles and reorders a tenth of its frames each; ends with its socket, which alone mends what has come out
   * of step.
   */
  tamper(on: boolean): void {
    this.tampered = on
    this.#pair?.tamper(shares(on))
    // What has come out of step stays so: only a new socket mends it.
    if (!on) this.cut()
  }

  /** The process is gone from one moment to the next, and its sockets with it. */
  async crash(): Promise<void> {
    const { client } = this
    this.cut('server')
    this.#clock.kill()
    this.client = this.#start()
    // Behind a cut wire, so that nobody hears of it; what is left of it must not go on working.
    await client.close()
  }

  #start(): SocketSignalClient {
    const life = this.#lives++
    const world = this.#world
    this.#clock = new MortalClock(world.clock)
    const { simplePeer, ...options } = this.#options
    const { loading } = world
    const dial: (signal: AbortSignal) => Promise<Socket> = signal => this.#dial(life, signal)
    const client = new SimulatedClient(
      { loading, dial },
      {
        keyPair: this.#keyPair,
        crypto: this.#crypto,
        random: seededRandom(world.seed * 1000 + Number(this.name.replace(/\D/g, '')) + life * 7),
        iceServers: [],
        ...options,
        simplePeer: { ...simplePeer, wrtc: this.#wrtc, iceCompleteTimeout: 300 },
        clock: this.#clock
      }
    )
    for (const [event, say] of Object.entries(TOLD) as [
      keyof ClientEvents,
      (...args: unknown[]) => string
    ][]) {
      client.on(event, (...args: unknown[]) => {
        if (life === this.#lives - 1) world.trace.step(this.name, `${event} ${say(world, ...args)}`.trim())
      })
    }
    return client
  }

  async #dial(life: number, signal: AbortSignal): Promise<Socket> {
    const world = this.#world
    const server = world.servers[this.#dials++ % world.servers.length]
    const options = world.pipe()
    await world.sleep(2 * (options.latency ?? 0))
    while (this.offline && !signal.aborted) await world.sleep(100)
    signal.throwIfAborted()
    if (life !== this.#lives - 1) throw new SignalError('CLOSED', 'this process is gone')
    if (!server?.server) throw new SignalError('CONNECT_FAILED', 'connection refused')
    const pair = socketPair({ ...options, ...(this.tampered && shares(true)) })
    for (const [socket, to] of [
      [pair.left, 'server'],
      [pair.right, 'client']
    ] as const) {
      const send = socket.send.bind(socket)
      socket.send = message => {
        for (const frame of world.wire(message, { peer: this, to })) {
          world.trace.frame(frame)
          send(frame)
        }
      }
    }
    this.#pair = pair
    server.accept(pair)
    return pair.left
  }
}

function shares(on: boolean): { loss: number; duplicate: number; reorder: number } {
  const share = on ? 0.1 : 0
  return { loss: share, duplicate: share, reorder: share }
}

function codeOf(error: Error): string {
  return (error as SignalError).code ?? error.message
}
