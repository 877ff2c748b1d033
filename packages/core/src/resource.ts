import Nanoresource from 'nanoresource'
import { Emitter } from './emitter.ts'
import { SignalError } from './errors.ts'
import { wait } from './wait.ts'

export interface Waitable {
  /** Gives up waiting; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** The four words of a lifecycle, and `idle` before the first of them. */
export type Status = 'idle' | 'opening' | 'open' | 'closing' | 'closed'

export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

/**
 * Something that is opened and closed once, on nanoresource. Both calls may come twice, in any order and at any
 * time: a close during opening waits for it, an open that failed may be tried again, a closed one stays closed.
 * Things are made in `_open`, not in the constructor, so that nothing leaks when close comes first.
 */
export abstract class Resource<Events extends { [K in keyof Events]: unknown[] }> extends Emitter<Events> {
  readonly #nano = new Nanoresource({
    open: done => settle(this._open(), done),
    close: done => settle(this._close(), done)
  })

  get status(): Status {
    const { opening, opened, closing, closed } = this.#nano
    return closed ? 'closed' : closing ? 'closing' : opening ? 'opening' : opened ? 'open' : 'idle'
  }

  /** Opens it; gives the running or finished opening when called again. Rejects with CLOSED once it was closed. */
  async open({ signal }: Waitable = {}): Promise<void> {
    signal?.throwIfAborted()
    await wait(
      new Promise<void>((resolve, reject) => {
        if (this.status === 'closed' || this.status === 'closing') return reject(closedError(this))
        this.#nano.open(error => (error ? reject(error) : resolve()))
      }),
      { signal }
    )
  }

  /** Closes it and everything it opened. */
  async close({ signal }: Waitable = {}): Promise<void> {
    signal?.throwIfAborted()
    if (this.status === 'opening') this._abortOpen()
    await wait(
      new Promise<void>((resolve, reject) => this.#nano.close(error => (error ? reject(error) : resolve()))),
      { signal }
    )
  }

  [asyncDispose](): Promise<void> {
    return this.close()
  }

  protected async _open(): Promise<void> {}
  protected async _close(): Promise<void> {}
  /** Called when close comes while opening: end what `_open` waits for. */
  protected _abortOpen(): void {}
}

function settle(work: Promise<void>, done: (error?: Error | null) => void): void {
  work.then(
    () => done(null),
    error => done(error)
  )
}

function closedError(resource: object): SignalError {
  return new SignalError('CLOSED', `this ${resource.constructor.name} is closed`, { retryable: false })
}
