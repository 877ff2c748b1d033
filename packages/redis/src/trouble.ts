import { SignalError } from 'socket-signal'

export function unavailable(words: string, cause?: unknown): SignalError {
  return new SignalError('BACKPLANE_UNAVAILABLE', words, { cause, retryAfterMs: 1000 })
}

/** A reply that says nothing of Redis itself: somebody wrote something else where one of our keys should be. */
export function isOfOneKey(error: unknown): boolean {
  return error instanceof Error && error.message.includes('WRONGTYPE')
}

/** Rejects when it takes longer. */
export function within<T>(promise: Promise<T>, timeout: number): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no answer within ${timeout} ms`)), timeout)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
