import type { Clock } from 'socket-signal'

interface Timer {
  at: number
  callback: (() => void) | undefined
}

/** A clock that stands still until a test moves it. Hand it in as `clock`, and no test waits for a real second. */
export class ManualClock implements Clock {
  #now: number
  /** By the time they are due, and in the order they were set. */
  readonly #timers: Timer[] = []
  readonly #settle: () => Promise<void>
  #pending = 0

  /**
   * `start`: what `now()` says at first. Default: 0. Unit: ms. `settle`: resolves when all that is under way at this
   * time is done. Default: one turn of the event loop, in which every promise has its turn.
   */
  constructor(start = 0, settle: () => Promise<void> = turn) {
    this.#now = start
    this.#settle = settle
  }

  /** Timers that were set and neither fired nor cleared; those of infinite time count as well. */
  get pending(): number {
    return this.#pending
  }

  now(): number {
    return this.#now
  }

  /** `ms`: below 0 counts as 0, Infinity never fires. */
  setTimeout(callback: () => void, ms: number): unknown {
    const timer: Timer = { at: this.#now + Math.max(ms, 0), callback }
    this.#timers.splice(firstAfter(this.#timers, timer.at), 0, timer)
    this.#pending++
    return timer
  }

  /** Harmless for a timer that has fired, and for `undefined`. */
  clearTimeout(timer: unknown): void {
    const set = timer as Timer | undefined
    if (!set?.callback) return
    set.callback = undefined
    this.#pending--
    if (set.at === Number.POSITIVE_INFINITY || this.#timers.length > 2 * this.#pending + 64) this.#sweep()
  }

  /**
   * Moves the clock on by `ms` and fires what becomes due, in order. Before each timer, and at the end, everything
   * that waits for promises has its turn; what waits for real I/O may not be done yet. Rejects with what a timer threw.
   */
  async advance(ms: number): Promise<void> {
    if (!(ms >= 0 && ms < Number.POSITIVE_INFINITY)) throw new TypeError(`ms must be at least 0, got ${ms}`)
    const end = this.#now + ms
    await this.#settle()
    for (let next = this.#due(end); next; next = this.#due(end)) {
      this.#now = Math.max(this.#now, next.at)
      const { callback } = next
      next.callback = undefined
      this.#pending--
      callback?.()
      await this.#settle()
    }
    this.#now = Math.max(this.#now, end)
  }

  #due(end: number): Timer | undefined {
    while (this.#timers.length > 0 && (this.#timers[0] as Timer).at <= end) {
      const timer = this.#timers.shift()
      if (timer?.callback) return timer
    }
    return undefined
  }

  #sweep(): void {
    const living = this.#timers.filter(({ callback }) => callback)
    this.#timers.splice(0, this.#timers.length, ...living)
  }
}

/** Where a timer goes. By halves: a world of 200 peers has some 3,000 timers, and sets them all the time. */
function firstAfter(timers: readonly Timer[], at: number): number {
  let [low, high] = [0, timers.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((timers[middle] as Timer).at <= at) low = middle + 1
    else high = middle
  }
  return low
}

/** One turn of the event loop: every microtask that is queued, and those that they queue, run before it ends. */
export function turn(): Promise<void> {
  const { setImmediate: immediate } = globalThis as { setImmediate?: (callback: () => void) => unknown }
  return new Promise(resolve => void (immediate ? immediate(resolve) : setTimeout(resolve, 0)))
}
