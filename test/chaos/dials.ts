import { type Peer, SignalError, type SocketSignalClient } from 'socket-signal'
import type { World } from 'socket-signal-testing'

/** A connection that one peer asked for. */
export interface Dial {
  peer: Peer
  to: string
  /** How it ended, once it has. */
  outcome?: 'open' | SignalError
}

/** What a dial may come to, and nothing else: another code is an inner matter, or somebody else's. */
const CODES = [
  ...['PEER_NOT_FOUND', 'PEER_AWAY', 'PEER_LEFT', 'LIMIT_SESSIONS', 'CLOSED'],
  ...['SIGNAL_TIMEOUT', 'CONNECT_TIMEOUT', 'ICE_FAILED', 'RTC_FAILED', 'REJECTED']
]

/** The connections of one client. Each is open, or over, when its time has come. */
export class Dials {
  readonly all: Dial[] = []
  /** When those that are on their way must be open, or over. */
  readonly #due = new Map<Peer, number>()
  readonly #world: World
  readonly #client: SocketSignalClient
  readonly #fail: (words: string) => void

  constructor(world: World, client: SocketSignalClient, fail: (words: string) => void) {
    this.#world = world
    this.#client = client
    this.#fail = fail
    client.on('peer-connecting', ({ peer }) => this.#time(peer))
  }

  /** Those that have no outcome yet. */
  get waiting(): Dial[] {
    return this.all.filter(({ outcome }) => !outcome)
  }

  dial(topic: string, to: { id: Uint8Array; name: string }, dedupe: boolean): Dial {
    const peer = this.#client.connect(this.#world.topic(topic), to.id, { dedupe })
    const dial: Dial = { peer, to: to.name }
    this.all.push(dial)
    peer.ready().then(
      () => (dial.outcome = 'open'),
      error => {
        dial.outcome = error
        if (!(error instanceof SignalError && CODES.includes(error.code)))
          this.#fail(`dials ${to.name}: ${error}`)
      }
    )
    return dial
  }

  /** Those whose time is over, and which are neither open nor ended. */
  get late(): string[] {
    const now = this.#world.clock.now()
    return [...this.#due].flatMap(([peer, due]) => (now > due ? this.#world.nameOf(peer.id) : []))
  }

  #time(peer: Peer): void {
    const due = this.#world.clock.now() + this.#client.requestTimeout
    this.#due.set(peer, due)
    const end = () => {
      if (this.#world.clock.now() > due && this.#due.has(peer))
        this.#fail(`${this.#world.nameOf(peer.id)} came or was given up too late`)
      this.#due.delete(peer)
    }
    peer.on('connect', end)
    peer.on('close', end)
  }
}
