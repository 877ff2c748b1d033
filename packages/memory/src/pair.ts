import type { Clock, CloseEvent, Socket } from 'socket-signal'

/** What a pipe does to the messages on it. */
export interface PairOptions {
  /** One way. Default: 0, delivered without a timer. Unit: ms. */
  latency?: number
  /** Added at random, up to this; order is kept. Default: 0. Unit: ms. */
  jitter?: number
  /**
   * Share of messages that vanish, 0 to 1. Default: 0. As `duplicate` and `reorder` it is against the contract of a socket:
   * no WebSocket does this, only a hostile or broken thing in between.
   */
  loss?: number
  /** Share of messages that come twice, 0 to 1. Default: 0. */
  duplicate?: number
  /** Share of messages that come 20 ms late, behind those sent after them, 0 to 1. Default: 0. */
  reorder?: number
  /** Of everything that is random here, so that a run can be repeated. Default: 1. */
  seed?: number
  /** What delays are timed by, for instance a `ManualClock`. Default: the platform's. */
  clock?: Clock
}

/** A pipe by both ends, and the hand that spoils it. */
export interface SocketPair {
  /** One end. Bytes that are sent are copied: each side may rewrite its own. */
  readonly left: Socket
  /** The other end. */
  readonly right: Socket
  /** While true nothing gets through, and neither side is told. What was sent meanwhile is lost. */
  partition(on: boolean): void
  /** While true nothing arrives, and neither side is told. What was sent meanwhile arrives then, in order, as TCP does it. */
  stall(on: boolean): void
  /** As the options of these names, from here on. */
  tamper(shares: Pick<PairOptions, 'loss' | 'duplicate' | 'reorder'>): void
  /**
   * Ends both sides as a broken cable would: 1006, and what was on its way is lost. With `side` only that one is told,
   * and the other is half-open from there on.
   */
  break(side?: 'left' | 'right'): void
}

/** Two ends of one pipe in this process: the reference for every transport. */
export function socketPair(options: PairOptions = {}): SocketPair {
  const network = new Network(options)
  const left = new MemorySocket(network)
  const right = new MemorySocket(network)
  left.peer = right
  right.peer = left
  return {
    left,
    right,
    partition: on => {
      network.partitioned = on
    },
    stall: on => {
      network.stalled = on
      for (const socket of [left, right]) socket.drain()
    },
    tamper: shares => network.tamper(shares),
    break: side => {
      network.partitioned = true
      const told = { left: [left], right: [right], both: [left, right] }[side ?? 'both']
      for (const socket of told) socket.fail({ code: 1006, reason: 'the pipe broke' })
    }
  }
}

/** What both directions share. */
class Network {
  partitioned = false
  stalled = false
  readonly #options: PairOptions
  #state: number

  constructor(options: PairOptions) {
    this.#options = { ...options }
    this.#state = (options.seed ?? 1) | 0 || 1
  }

  get clock(): Clock | undefined {
    return this.#options.clock
  }

  tamper(shares: Pick<PairOptions, 'loss' | 'duplicate' | 'reorder'>): void {
    Object.assign(this.#options, shares)
  }

  loses(): boolean {
    return this.partitioned || this.happens('loss')
  }

  happens(fault: 'loss' | 'duplicate' | 'reorder'): boolean {
    const share = this.#options[fault] ?? 0
    return share > 0 && this.#random() < share
  }

  /** Unit: ms. */
  delay(): number {
    const { latency = 0, jitter = 0 } = this.#options
    return latency + (jitter > 0 ? this.#random() * jitter : 0)
  }

  /** xorshift32 (G. Marsaglia, Xorshift RNGs, 2003). */
  #random(): number {
    this.#state ^= this.#state << 13
    this.#state ^= this.#state >>> 17
    this.#state ^= this.#state << 5
    return (this.#state >>> 0) / 2 ** 32
  }
}

/** How much later a message comes that is overtaken. Unit: ms. */
const OVERTAKEN = 20

type Item = { message: Uint8Array } | { end: CloseEvent }

class MemorySocket implements Socket {
  /** The other end. */
  peer!: MemorySocket
  bufferedAmount = 0
  readonly #network: Network
  #onmessage: Socket['onmessage'] = null
  #onclose: Socket['onclose'] = null
  /** What has arrived and waits for a listener, or for `resume`. */
  #inbox: Item[] = []
  #draining = false
  #paused = false
  #closed = false
  #ended: CloseEvent | undefined
  #told = false
  #arrival = 0

  constructor(network: Network) {
    this.#network = network
  }

  get onmessage(): Socket['onmessage'] {
    return this.#onmessage
  }

  set onmessage(listener: Socket['onmessage']) {
    this.#onmessage = listener
    this.#schedule()
  }

  get onclose(): Socket['onclose'] {
    return this.#onclose
  }

  set onclose(listener: Socket['onclose']) {
    this.#onclose = listener
    if (this.#ended) queueMicrotask(() => this.#tell())
  }

  send(message: Uint8Array): void {
    if (this.#closed || this.#network.loses()) return
    const copies = this.#network.happens('duplicate') ? 2 : 1
    // Copied, so that the receiver may rewrite it: a real network gives each side its own bytes.
    for (let count = 0; count < copies; count++) this.#deliver({ message: Uint8Array.from(message) })
  }

  close(code = 1000, reason = ''): void {
    if (this.#closed) return
    this.#closed = true
    this.#inbox = []
    if (!this.#network.partitioned) this.#deliver({ end: { code, reason } })
    this.#end({ code, reason })
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  /** Hands on what has waited. */
  drain(): void {
    this.#schedule()
  }

  fail(event: CloseEvent): void {
    this.#closed = true
    this.#inbox = []
    this.bufferedAmount = 0
    this.#end(event)
  }

  /** Sends an item on its way to the other end. */
  #deliver(item: Item): void {
    const { clock } = this.#network
    if ('message' in item) this.bufferedAmount += item.message.length
    const delay = this.#network.delay()
    const late = 'message' in item && this.#network.happens('reorder') ? OVERTAKEN : 0
    if (delay + late === 0) return this.peer.#arrive(item)
    const arrive = () => this.peer.#arrive(item)
    if (!clock) return void setTimeout(arrive, late + this.#inOrder(performance.now(), delay))
    clock.setTimeout(arrive, late + this.#inOrder(clock.now(), delay))
  }

  /** Jitter must not let a message overtake the one before it. */
  #inOrder(now: number, delay: number): number {
    this.#arrival = Math.max(this.#arrival, now + delay)
    return this.#arrival - now
  }

  #arrive(item: Item): void {
    if (this.#closed) return
    this.#inbox.push(item)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#draining || this.#inbox.length === 0) return
    this.#draining = true
    queueMicrotask(() => {
      this.#draining = false
      while (!this.#paused && !this.#network.stalled) {
        const item = this.#inbox[0]
        if (!item) return
        // The end is told to who never listens; messages wait.
        if ('end' in item) return this.fail(item.end)
        if (!this.#onmessage) return
        this.#inbox.shift()
        this.peer.bufferedAmount -= item.message.length
        this.#onmessage(item.message)
      }
    })
  }

  #end(event: CloseEvent): void {
    this.#ended ??= event
    queueMicrotask(() => this.#tell())
  }

  #tell(): void {
    if (!this.#ended || !this.#onclose || this.#told) return
    this.#told = true
    this.#onclose(this.#ended)
  }
}
