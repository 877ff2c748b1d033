/** A promise that is settled from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  resolve(value: T | PromiseLike<T>): void
  reject(error: unknown): void
}

/** A promise that is settled from outside. A rejection that nobody waits for is not reported. */
export function deferred<T>(): Deferred<T> {
  let yes!: Deferred<T>['resolve']
  let no!: Deferred<T>['reject']
  const promise = new Promise<T>((resolve, reject) => {
    yes = resolve
    no = reject
  })
  promise.catch(() => {})
  return { promise, resolve: yes, reject: no }
}
