import { assertFits } from './assert.ts'
import type { HistoryBounds, RecallOptions } from './backplane.ts'
import { toKey } from './bytes.ts'
import { assertObject } from './codec.ts'
import type { Past } from './frame.ts'

/** What a server keeps of each topic: messages whose sender wants them kept. */
export type HistoryOptions = Partial<HistoryBounds>

const USUAL: HistoryBounds = { length: 100, age: 3_600_000, bytes: 256 * 1024 }
const MOST: HistoryBounds = { length: 1_000, age: 30 * 86_400_000, bytes: 16 * 1024 * 1024 }

/** The defaults for what is not said. Throws a `TypeError` for what is no bound. */
export function completeHistory(options: HistoryOptions): HistoryBounds {
  assertObject(options, 'history')
  const bounds = { ...USUAL }
  for (const name of Object.keys(USUAL) as (keyof HistoryBounds)[]) {
    const { [name]: value = USUAL[name] } = options
    const most = MOST[name]
    const fits = Number.isInteger(value) && value >= 1 && value <= most
    assertFits(fits, `history.${name}`, `a whole number of 1 to ${most}`, value)
    bounds[name] = value
  }
  return bounds
}

interface Shelf {
  past: Past[]
  bytes: number
}

/** Of all topics together; those in which nothing was said for the longest are forgotten first. Unit: bytes. */
const ROOM = 64 * 1024 * 1024
/** What a message takes beyond its frame, about. Unit: bytes. */
const COST = 256

/** Messages of topics, in memory. */
export class History {
  /** The one that was spoken in last is the last. */
  readonly #shelves = new Map<string, Shelf>()
  readonly #now: () => number
  /** What it takes, about. Unit: bytes. */
  taken = 0

  /** `now`: ms since 1970. */
  constructor(now: () => number) {
    this.#now = now
  }

  keep(topic: Uint8Array, frame: Uint8Array, { length, age, bytes }: HistoryBounds): void {
    const key = toKey(topic)
    const shelf = this.#shelves.get(key) ?? { past: [], bytes: 0 }
    const { past } = shelf
    this.#shelves.delete(key)
    this.#shelves.set(key, shelf)
    const at = Math.max(this.#now() * 1000, (past.at(-1)?.at ?? 0) + 1)
    // In memory of its own: one that came out of the pool of Node's Buffers would keep 8 KiB.
    past.push({ at, frame: new Uint8Array(frame) })
    shelf.bytes += frame.length
    this.taken += frame.length + COST
    const since = at - age * 1000
    const isBeyond = ({ at }: Past) => past.length > length || shelf.bytes > bytes || at < since
    for (let [first] = past; first && isBeyond(first); [first] = past) this.#drop(shelf)
    for (const [other, { past }] of this.#shelves) {
      if (this.taken <= ROOM && (past.at(-1)?.at ?? 0) >= since) break
      this.#forget(other)
    }
  }

  recall(topic: Uint8Array, { length, age, bytes, before }: RecallOptions): Past[] {
    const since = (this.#now() - age) * 1000
    const fits = ({ at }: Past) => at >= since && at < before
    const latest = (this.#shelves.get(toKey(topic))?.past ?? []).filter(fits).slice(-length)
    let size = 0
    const tooMuch = latest.findLastIndex(({ frame }) => (size += frame.length) > bytes)
    return latest.slice(Math.min(tooMuch + 1, latest.length - 1))
  }

  #drop(shelf: Shelf): void {
    const { length = 0 } = shelf.past.shift()?.frame ?? []
    shelf.bytes -= length
    this.taken -= length + COST
  }

  #forget(topic: string): void {
    const { past = [], bytes = 0 } = this.#shelves.get(topic) ?? {}
    this.taken -= bytes + past.length * COST
    this.#shelves.delete(topic)
  }
}
