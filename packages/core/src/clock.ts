import { MS } from './bounds.ts'

/** Time, handed in so that tests can stop it. */
export interface Clock {
  /** Monotonic. Unit: ms. */
  now(): number
  /** Calls back once, no sooner than that. Unit: ms. What it gives is for `clearTimeout`. */
  setTimeout(callback: () => void, ms: number): unknown
  /** Harmless for a timer that has fired, and for `undefined`. */
  clearTimeout(timer: unknown): void
}

/** No timeout. */
export const FOREVER: number = Number.POSITIVE_INFINITY

/** The platform's clock. Waits beyond 2^31 ms are cut there: the platform would fire them at once. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, ms) => setTimeout(callback, Math.min(Math.max(ms, 0), MS.longest)),
  clearTimeout: timer => clearTimeout(timer as ReturnType<typeof setTimeout>)
}
