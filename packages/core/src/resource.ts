import { Emitter } from './emitter.ts'
import { SignalError } from './errors.ts'
import { wait } from './wait.ts'

/** Options of everything that waits. */
export interface Waitable {
  /** Gives up waiting; the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined
}

/** The four words of a lifecycle, and `idle` before the first of them. */
export type Status = 'idle' | 'opening' | 'open' | 'closing' | 'closed'

/** The platform's symbol, or where it has none the one that compilers take for it. */
export const asyncDispose: typeof Symbol.asyncDispose =
  Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')

/**
 * Something that is opened and closed once. Both calls may come twice, in any order and at any time: a close during
 * opening waits for it, an open or a close that failed may be tried again, a closed one stays closed.
 * Things are made in `_open`, not in the constructor, so that nothing leaks when close comes first.
 */
export abstract class Resource<Events extends { [K in keyof Events]: unknown[] }> extends Emitter<Events> {
  #status: Status = 'idle'
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined

  /** `idle` before the first `open()`, and after one that failed. */
  get status(): Status {
    return this.#status
  }

  /** Opens it; gives the running or finished opening when called again. Rejects with CLOSED once it was closed. */
  async open({ signal }: Waitable = {}): Promise<void> {
    signal?.throwIfAborted()
    if (this.#closing && this.#status !== 'opening')
      throw new SignalError('CLOSED', `this ${this.constructor.name} is closed`, { retryable: false })
    this.#opening ??= this.#open()
    await wait(this.#opening, { signal })
  }

  /** Closes it and everything it opened. */
  async close({ signal }: Waitable = {}): Promise<void> {
    signal?.throwIfAborted()
    this.#closing ??= this.#close()
    await wait(this.#closing, { signal })
  }

  /** As `close()`, for `await using`. */
  [asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Makes what it needs. What it throws fails `open()`, and another try may follow. */
  protected async _open(): Promise<void> {}
  /** Ends what `_open` made. What it throws fails `close()`, which may be tried again. */
  protected async _close(): Promise<void> {}
  /** Called when close comes while opening: end what `_open` waits for. */
  protected _abortOpen(): void {}

  async #open(): Promise<void> {
    this.#status = 'opening'
    try {
      await this._open()
      this.#status = 'open'
    } catch (error) {
      this.#status = 'idle'
      this.#opening = undefined
      throw error
    }
  }

  async #close(): Promise<void> {
    if (this.#status === 'opening') {
      this._abortOpen()
      await this.#opening?.catch(() => {})
    }
    try {
      if (this.#status === 'open') {
        this.#status = 'closing'
        await this._close()
      }
      this.#status = 'closed'
    } catch (error) {
      this.#status = 'open'
      this.#closing = undefined
      throw error
    }
  }
}
