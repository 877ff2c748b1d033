import { type Peer, type SocketSignalClient, toHex, toKey, type Unsubscribe } from 'socket-signal'
import type { Media, Own } from './model.ts'
import { Pair } from './pair.ts'
import type { Subscription } from './types.ts'

export interface MeshOptions {
  client: SocketSignalClient
  topic: Uint8Array
  /** The id of a participant who is here: 32 bytes. */
  idOf(participantId: string): Uint8Array | undefined
  /** Of whom we want something. */
  wanted(): Iterable<string>
  wants(participantId: string): ReadonlyMap<string, Subscription>
  sent(key: string): Own | undefined
  /** Unit: ms. */
  idleTimeout: number
  onmedia(participantId: string, media: ReadonlyMap<string, Media>): void
  onopen(): void
}

/** How long to wait before somebody is dialed again: at first, and at most. Unit: ms. */
const RETRY = 500
const LONGEST_RETRY = 8000
/** Open connections with one participant: the one that is used, and the one before it. Each is sent what it asks for. */
const MAX_OPEN = 2

/** Connections with the others: one for each pair, made when the first of the two wants something of the other. */
export class Mesh {
  readonly #options: MeshOptions
  readonly #pairs = new Map<string, Set<Pair>>()
  readonly #retries = new Map<string, { timer?: ReturnType<typeof setTimeout>; pause: number }>()
  readonly #errors = new Map<string, Error>()
  readonly #stop: Unsubscribe
  #closed = false

  constructor(options: MeshOptions) {
    this.#options = options
    const { client, topic } = options
    // Whoever a client of the app has let in knows nothing of a room.
    for (const peer of client.getPeersByTopic(topic)) peer.destroy()
    this.#stop = client.on('peer-queue', ({ peer }) => {
      if (toKey(peer.topic) === toKey(topic)) this.#follow(peer)
    })
  }

  /** The connection with somebody, if it is open. */
  pair(participantId: string): Pair | undefined {
    return this.#open(participantId).at(-1)
  }

  /** Why somebody could not be connected, the last time. */
  error(participantId: string): Error | undefined {
    return this.#errors.get(participantId)
  }

  /** All connections that are open, by participant. */
  *open(): Generator<[participantId: string, pair: Pair]> {
    for (const participantId of this.#pairs.keys()) {
      const pair = this.pair(participantId)
      if (pair) yield [participantId, pair]
    }
  }

  /** Dials whoever is wanted and not there, and brings the media of all connections up to date, or of one. */
  sync(participantId?: string): void {
    if (this.#closed) return
    if (participantId !== undefined) return this.#sync(participantId)
    for (const wanted of this.#options.wanted()) this.#dial(wanted)
    for (const known of [...this.#pairs.keys()]) this.#sync(known)
  }

  /** Somebody is reached again: not before the time that was waited for, but now. */
  retry(participantId: string): void {
    this.#forget(participantId)
    this.sync()
  }

  /** Somebody has left. */
  drop(participantId: string): void {
    this.#forget(participantId)
    this.#errors.delete(participantId)
    for (const { peer } of [...(this.#pairs.get(participantId) ?? [])]) peer.destroy()
  }

  close(): void {
    this.#closed = true
    this.#stop()
    for (const participantId of [...this.#pairs.keys(), ...this.#retries.keys()]) this.drop(participantId)
  }

  /** The latest last. */
  #open(participantId: string): Pair[] {
    return [...(this.#pairs.get(participantId) ?? [])].filter(({ peer }) => peer.connected)
  }

  #sync(participantId: string): void {
    if (this.#options.wants(participantId).size > 0) this.#dial(participantId)
    for (const pair of [...(this.#pairs.get(participantId) ?? [])]) pair.sync()
  }

  #dial(participantId: string): void {
    const { client, topic, idOf } = this.#options
    const id = idOf(participantId)
    const there = [...(this.#pairs.get(participantId) ?? [])].some(({ peer }) => !peer.destroyed)
    if (!id || there || this.#retries.get(participantId)?.timer !== undefined) return
    // One of the app may be closed before the room is left.
    if (client.status !== 'open') return
    client.connect(topic, id, { dedupe: true })
  }

  #follow(peer: Peer): void {
    const participantId = toHex(peer.id)
    const { wants, sent, onmedia, idOf, idleTimeout } = this.#options
    const pair: Pair = new Pair(peer, {
      wants: () => ((this.pair(participantId) ?? pair) === pair ? wants(participantId) : new Map()),
      // Who is not in the room is sent nothing.
      sent: key => (idOf(participantId) ? sent(key) : undefined),
      idleTimeout,
      onmedia: media => {
        if (this.pair(participantId) === pair) onmedia(participantId, media)
      }
    })
    const pairs = this.#pairs.get(participantId) ?? new Set()
    this.#pairs.set(participantId, pairs.add(pair))
    peer.on('connect', () => {
      // The latest that opened is the one that is used.
      pairs.delete(pair)
      pairs.add(pair)
      for (const { peer } of this.#open(participantId).slice(0, -MAX_OPEN)) peer.destroy()
      this.#forget(participantId)
      this.#errors.delete(participantId)
      this.#options.onopen()
    })
    peer.on('error', error => {
      if (idOf(participantId)) this.#errors.set(participantId, error)
    })
    peer.on('close', () => this.#ended(participantId, pair, pairs))
  }

  #ended(participantId: string, pair: Pair, pairs: Set<Pair>): void {
    pairs.delete(pair)
    if (pairs.size === 0 && this.#pairs.get(participantId) === pairs) this.#pairs.delete(participantId)
    if (this.#closed) return
    if (!this.pair(participantId)) this.#options.onmedia(participantId, new Map())
    if (pairs.size > 0) return this.sync()
    if (!this.#options.idOf(participantId)) return
    const pause = this.#retries.get(participantId)?.pause ?? RETRY
    const again = () => {
      this.#retries.set(participantId, { pause: Math.min(2 * pause, LONGEST_RETRY) })
      this.sync()
    }
    clearTimeout(this.#retries.get(participantId)?.timer)
    this.#retries.set(participantId, { pause, timer: setTimeout(again, pause) })
  }

  #forget(participantId: string): void {
    clearTimeout(this.#retries.get(participantId)?.timer)
    this.#retries.delete(participantId)
  }
}
