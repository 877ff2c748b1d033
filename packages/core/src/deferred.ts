/** A promise that is settled from outside. */
export interface Deferred<T> {
  readonly promise: Promise<T>
  readonly settled: boolean
  resolve(value: T | PromiseLike<T>): void
  reject(error: unknown): void
}

/** A promise that is settled from outside. A rejection that nobody waits for is not reported. */
export function deferred<T>(): Deferred<T> {
  let yes!: Deferred<T>['resolve']
  let no!: Deferred<T>['reject']
  let settled = false
  const promise = new Promise<T>((resolve, reject) => {
    yes = resolve
    no = reject
  })
  promise.catch(() => {})
  return {
    promise,
    get settled() {
      return settled
    },
    resolve: value => {
      settled = true
      yes(value)
    },
    reject: error => {
      settled = true
      no(error)
    }
  }
}
