import { type HistoryBounds, type Past, type RecallOptions, toKey } from 'socket-signal'
import { FORGET, RECALL, REMEMBER, WEIGH } from './history-scripts.ts'
import type { Names } from './names.ts'
import type { Pulse } from './pulse.ts'

export interface HistoryWays {
  pulse: Pulse
  names: Names
  /** Of all topics together, about. Unit: bytes. */
  most: number
  onmalformed(): void
}

/** Digits of the microsecond that a message was kept in. */
const AT = 16
/** The first byte of a message, and its size without a word. */
const MESSAGE = 0x26
const LEAST = 170
/** What a topic takes, in bytes, and when something was kept there last, in microseconds. */
interface Weight {
  weight: number
  at: number
}

/** How long what was kept may stand uncounted. Unit: ms. */
const GAP = 1000
/** Topics in one count: no script may take long. */
const BATCH = 500

/**
 * What was said in topics, as Redis has it: `at 16 digits • frame`, by its time, for as long as it may be kept. Topics lie in
 * many slots of a cluster, so what all of them weigh is counted behind, in a slot of its own; a topic is taken out of the count
 * when it is gone, not before, so that a node that dies between forgets none.
 */
export class History {
  /** What is kept of all topics, as this node counted last. Unit: bytes, about. */
  total = 0
  readonly #ways: HistoryWays
  /** What the topics weigh in which something was kept since the last count. */
  readonly #uncounted = new Map<string, Weight>()
  #age = 0
  #timer: NodeJS.Timeout | undefined
  #counting: Promise<void> | undefined
  #closed = false

  constructor(ways: HistoryWays) {
    this.#ways = ways
  }

  async keep(topic: Uint8Array, frame: Uint8Array, { length, age, bytes }: HistoryBounds): Promise<void> {
    const { pulse, names } = this.#ways
    const key = toKey(topic)
    const args = [frame, String(length), String(age), String(bytes)]
    const answer = await pulse.run(REMEMBER, names.history(key), args)
    this.#age = age
    this.#uncounted.set(key, readWeight(answer))
    this.#soon()
  }

  async recall(topic: Uint8Array, { length, age, bytes, before }: RecallOptions): Promise<Past[]> {
    const { pulse, names, onmalformed } = this.#ways
    const args = [String(length), String(age), String(bytes), String(before)]
    const found = await pulse.run(RECALL, names.history(toKey(topic)).slice(0, 1), args)
    const past: Past[] = []
    for (const entry of Array.isArray(found) ? found.reverse() : []) {
      const digits = Buffer.isBuffer(entry) ? entry.toString('latin1', 0, AT) : ''
      if (/^\d{16}$/.test(digits) && entry.length >= AT + LEAST && entry[AT] === MESSAGE)
        past.push({ at: Number(digits), frame: entry.subarray(AT) })
      else onmalformed()
    }
    return past
  }

  /** Counts, and forgets topics while there is too much, those first in which nothing was said for the longest. Never rejects. */
  count(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#counting ??= this.#count()
      .catch(() => {}) // Redis is away: it is tried again.
      .finally(() => {
        this.#counting = undefined
        if (this.#uncounted.size > 0) this.#soon()
      })
    return this.#counting
  }

  #soon(): void {
    if (!this.#closed) this.#timer ??= setTimeout(() => void this.count(), GAP)
  }

  /** What this node has kept is counted by then. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#counting
    await this.count()
  }

  async #count(): Promise<void> {
    if (this.#age === 0) return // Nothing was kept here.
    for (let first = '', more = true; more; ) {
      const counted = [...this.#uncounted].slice(0, BATCH)
      for (const [key] of counted) this.#uncounted.delete(key)
      const beyond = await this.#weigh(counted)
      await Promise.all(beyond.map(each => this.#forget(...each)))
      // What comes first once more can't be forgotten: somebody else has written it.
      const next = String(beyond[0] ?? '')
      more = (next !== '' && next !== first) || counted.length === BATCH
      first = next
    }
  }

  /** Gives topics that are beyond what may be kept, and when something was kept there last (microseconds). */
  async #weigh(counted: [key: string, weight: Weight][]): Promise<[topic: Buffer, at: number][]> {
    const { pulse, names, most } = this.#ways
    const args = counted
      .flatMap(([key, { weight, at }]) => [key, weight, at])
      .map(arg => (typeof arg === 'string' ? Buffer.from(arg, 'latin1') : String(arg)))
    try {
      const answer = await pulse.run(WEIGH, names.weights, [String(this.#age), String(most), ...args])
      const [total, ...beyond] = Array.isArray(answer) ? answer : []
      this.total = Number(total)
      return beyond.flatMap((topic, i) => (i % 2 === 0 ? [[topic, Number(beyond[i + 1])]] : []))
    } catch (error) {
      for (const [key, weight] of counted) if (!this.#uncounted.has(key)) this.#uncounted.set(key, weight)
      throw error
    }
  }

  /** Unless something was said there meanwhile; either way it is counted again. */
  async #forget(topic: Buffer, at: number): Promise<void> {
    const { pulse, names } = this.#ways
    const key = toKey(topic)
    this.#uncounted.set(key, readWeight(await pulse.run(FORGET, names.history(key), [String(at)])))
  }
}

function readWeight(answer: unknown): Weight {
  const [weight, at] = Array.isArray(answer) ? answer : []
  return { weight: Number(weight), at: Number(at) }
}
