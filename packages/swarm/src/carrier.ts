import { type Company, toKey } from 'socket-signal'
import { Addressed, decodeFrame, fromKey } from 'socket-signal/wire'
import { MAX } from './bounds.ts'
import type { Neighbour } from './neighbour.ts'
import type { Word } from './wire.ts'

/** Signals over peers, counted. */
export interface CarryCounts {
  /** Of this peer. */
  sent: number
  /** To this peer. */
  received: number
  /** Of others to others, over this peer. */
  carried: number
  /** There was no way on, or too many came of one neighbour. */
  dropped: number
}

export interface CarrierHost {
  readonly company: Company
  self(): string
  neighbour(id: string): Neighbour | undefined
  /** Neighbours that say that they are connected with somebody in a topic. */
  via(topic: string, id: string): string[]
}

/** Ways back that are remembered. */
const WAYS = 256

/**
 * Brings signals to peers that a neighbour is connected with. The path stands in each of them, so that who carries
 * remembers nothing; each step goes to a neighbour of whoever takes it, and only within the topic.
 */
export class Carrier {
  readonly counts: CarryCounts = { sent: 0, received: 0, carried: 0, dropped: 0 }
  readonly #host: CarrierHost
  /** The path to those who spoke to us over peers. */
  readonly #ways = new Map<string, string[]>()

  constructor(host: CarrierHost) {
    this.#host = host
  }

  reaches(topic: Uint8Array, id: Uint8Array): boolean {
    return this.#path(toKey(topic), toKey(id), id) !== undefined
  }

  /** Gives whether the first step was made. */
  send({ topic, address, session, bytes }: Addressed): boolean {
    const path = this.#path(toKey(topic), toKey(address), session)
    const goes = path !== undefined && this.#step({ kind: 'carry', at: 1, path, frame: bytes })
    if (goes) this.counts.sent++
    return goes
  }

  /** Gives false for a path that the neighbour has forged. Throws BAD_FRAME for what is no frame. */
  receive(from: Neighbour, { at, path, frame }: Extract<Word, { kind: 'carry' }>): boolean {
    const { company, self, neighbour } = this.#host
    if (path[at] !== self() || path[at - 1] !== from.key) return false
    if (!from.mayCarry()) return this.#drop()
    if (at === path.length - 1) {
      const [sender = ''] = path
      this.#ways.delete(sender)
      this.#ways.set(sender, [...path].reverse())
      for (const oldest of this.#ways.keys()) if (this.#ways.size > WAYS) this.#ways.delete(oldest)
      this.counts.received++
      // Whoever made it wrong, nobody on the way could tell.
      company.receive(frame, fromKey(sender)).catch(() => this.#drop())
      return true
    }
    const signal = decodeFrame(frame)
    const topic = signal instanceof Addressed ? toKey(signal.topic) : ''
    const next = neighbour(path[at + 1] as string)
    if (!next?.shared.has(topic) || !from.shared.has(topic)) return this.#drop()
    if (this.#step({ kind: 'carry', at: at + 1, path, frame })) this.counts.carried++
    else this.#drop()
    return true
  }

  #step(word: Extract<Word, { kind: 'carry' }>): boolean {
    if (word.frame.length > MAX.message - 200) return false
    return this.#host.neighbour(word.path[word.at] as string)?.say(word) === true
  }

  /** Another one for each session, which is drawn: one that swallows what it should carry is gone around by the next. */
  #path(topic: string, id: string, [drawn = 0]: Uint8Array): string[] | undefined {
    const { self, neighbour, via } = this.#host
    const all = via(topic, id).filter(key => neighbour(key))
    // Within a session it is the same one: what is said must not overtake what was said before.
    const first = all[drawn % all.length]
    if (first !== undefined) return [self(), first, id]
    // Only then: anybody can claim to have been sent by somebody.
    const way = this.#ways.get(id)
    return way && neighbour(way[1] as string) ? way : undefined
  }

  #drop(): true {
    this.counts.dropped++
    return true
  }
}
