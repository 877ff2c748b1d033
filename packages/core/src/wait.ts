import { type Clock, FOREVER } from './clock.ts'
import { deferred } from './deferred.ts'
import { type Code, SignalError } from './errors.ts'

export interface WaitOptions {
  signal?: AbortSignal | undefined
  clock?: Clock
  /** Unit: ms. */
  timeout?: number
  /** What is told when the time is over, for instance "no answer". */
  late?: string
  /** Its code. Default: TIMEOUT. */
  code?: Code
  /** What may have kept it, asked when the time is over. */
  why?: () => SignalError | undefined
}

/** Waits for a promise until a signal aborts or the time is over. Its timer and listener end with it. */
export async function wait<T>(
  promise: Promise<T>,
  { signal, clock, timeout = FOREVER, late, code = 'TIMEOUT', why }: WaitOptions
): Promise<T> {
  const given = deferred<never>()
  const abort = () => given.reject(signal?.reason)
  const end = () => {
    const cause = why?.()
    const words = `${late} within ${Math.round(timeout)} ms`
    given.reject(new SignalError(code, cause ? `${words}; ${cause.message}` : words, { cause }))
  }
  const timer = timeout < FOREVER && clock?.setTimeout(end, timeout)
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
