import type { Clock } from './clock.ts'
import { deferred } from './deferred.ts'

export interface WaitOptions {
  signal?: AbortSignal | undefined
  clock?: Clock
  /** Unit: ms. */
  timeout?: number
  /** What to reject with when the time is over. */
  late?: () => Error
}

/** Waits for a promise until a signal aborts or the time is over. Its timer and listener end with it. */
export async function wait<T>(
  promise: Promise<T>,
  { signal, clock, timeout = Number.POSITIVE_INFINITY, late }: WaitOptions
): Promise<T> {
  const given = deferred<never>()
  const abort = () => given.reject(signal?.reason)
  const timer = Number.isFinite(timeout) && clock?.setTimeout(() => given.reject(late?.()), timeout)
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  try {
    return await Promise.race([given.promise, promise])
  } finally {
    clock?.clearTimeout(timer)
    signal?.removeEventListener('abort', abort)
  }
}

/** Resolves when the time is over, or a signal aborts. Unit: ms. */
export function sleep(timeout: number, options: { clock: Clock; signal: AbortSignal }): Promise<void> {
  return wait<void>(new Promise(() => {}), { ...options, timeout }).catch(() => {})
}
