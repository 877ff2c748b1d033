import { assertFits } from './assert.ts'
import { MS } from './bounds.ts'
import { SignalError } from './errors.ts'

/** How long a client waits before it dials anew: a random time below a bound that doubles. */
export interface ReconnectOptions {
  /** The longest wait before the first try. Default: 500. Unit: ms. */
  base?: number
  /** The longest wait before any try. Default: 20,000. Unit: ms. */
  max?: number
}

/**
 * How long to wait before the next try: a random time below a bound that doubles, so that clients that lost the same
 * server don't come back together ("full jitter", M. Brooker, Exponential Backoff And Jitter, 2015).
 */
export class Reconnect {
  readonly #base: number
  readonly #max: number
  readonly #random: () => number
  #tries = 0

  constructor({ base = 500, max = 20_000 }: ReconnectOptions, random: () => number) {
    assertFits(base >= 0 && max >= base, 'reconnect.base', 'a number from 0 to max', base)
    this.#base = base
    this.#max = max
    this.#random = random
  }

  /** The wait before the next try; never shorter than what the server asked for. Unit: ms. */
  next(retryAfterMs = 0): number {
    const bound = Math.min(this.#max, this.#base * 2 ** this.#tries++)
    return retryAfterMs + this.#random() * bound
  }

  /** Tells how long a socket lived. A server that accepts and closes at once must not be hammered. Unit: ms. */
  lived(ms: number): void {
    if (ms >= MS.stable) this.#tries = 0
  }
}

/** The one error of a client that stopped coming back, with why. */
export function gaveUp(cause: unknown): SignalError {
  const { code = 'CLOSED', message = String(cause) } = cause as SignalError
  return new SignalError(code, message, { cause, retryable: false })
}
