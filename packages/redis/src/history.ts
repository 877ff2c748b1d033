import { type HistoryBounds, type Past, type RecallOptions, toKey } from 'socket-signal'
import type { Names } from './names.ts'
import type { Pulse } from './pulse.ts'
import { RECALL, REMEMBER } from './scripts.ts'

export interface HistoryWays {
  pulse: Pulse
  names: Names
  onmalformed(): void
}

/** Digits of the microsecond that a message was kept in. */
const AT = 16
/** The first byte of a message, and its size without a word. */
const MESSAGE = 0x26
const LEAST = 170

/** What was said in topics, as Redis has it: `at 16 digits • frame`, by its time, for as long as it may be kept. */
export class History {
  readonly #ways: HistoryWays

  constructor(ways: HistoryWays) {
    this.#ways = ways
  }

  async keep(topic: Uint8Array, frame: Uint8Array, { length, age, bytes }: HistoryBounds): Promise<void> {
    const { pulse, names } = this.#ways
    const args = [frame, String(length), String(age), String(bytes)]
    await pulse.run(REMEMBER, names.history(toKey(topic)), args)
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
}
