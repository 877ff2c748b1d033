import { MAX } from './bounds.ts'
import { type Deferred, deferred } from './deferred.ts'
import { SignalError, toSignalError } from './errors.ts'
import { type Challenge, encodeFrame, type Frame, type Sendable, type Welcome } from './frame.ts'
import { Greeter } from './greeter.ts'
import { type Heartbeat, keepAlive, probe } from './heartbeat.ts'
import type { Host } from './host.ts'
import { Live } from './live.ts'
import { VERSION } from './protocol.ts'
import { gaveUp, type Reconnect } from './reconnect.ts'
import { closedError, type RequestOptions, type Rpc } from './rpc.ts'
import type { CloseEvent, Socket } from './socket.ts'
import type { Token } from './token.ts'
import { sleep, wait } from './wait.ts'

export interface LinkOptions {
  host: Host
  /** Absent: a socket that ends stays ended. */
  reconnect: Reconnect | undefined
  heartbeat: Heartbeat | undefined
  token: Token
  connect(signal: AbortSignal): Promise<{ socket: Socket; audience: string }>
  onwelcome(welcome: Welcome): void
  /** Hello has gone, and the server knows nothing of what was asked on an earlier socket, or may have told it in vain. */
  onfresh(): void
}

/** How a socket ended, or that there was none. */
interface Ended {
  error: SignalError
  retryAfterMs?: number | undefined
  /** Of a socket that was welcomed. */
  event?: CloseEvent | undefined
}

export interface AskOptions extends Partial<RequestOptions> {
  /** Not again when the socket broke. */
  once?: boolean
}

/** The one socket of a client, which comes back: dials, says hello, keeps it alive, waits and dials again. */
export class Link {
  readonly #options: LinkOptions
  readonly #host: Host
  readonly #abort = new AbortController()
  #usable = deferred<Rpc>()
  #welcomed = deferred<void>()
  #running: Promise<void> | undefined
  #live: Live | undefined
  #again = false
  /** Bytes that have been promised room behind hello. */
  #reserved = 0
  readonly #greeter: Greeter
  /** Why there is no socket, if there is none. */
  problem: SignalError | undefined
  /** While it is suspended: settles when it may dial. */
  #pause: Deferred<void> | undefined
  /** Ends the wait for the next try. */
  #nap = new AbortController()

  constructor(options: LinkOptions) {
    this.#options = options
    this.#host = options.host
    this.#greeter = new Greeter(this.#host)
  }

  /** The socket's rpc, if hello has gone on it and it has not ended. */
  get rpc(): Rpc | undefined {
    return this.#live?.greeted ? this.#live : undefined
  }

  /** Whether the server has taken this client and the socket has not ended. */
  get connected(): boolean {
    return this.#live?.welcomed === true
  }

  /** Aborts when it is ended for good. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** Settles with the server's welcome, or when there will be none. */
  get welcomed(): Promise<void> {
    return this.#welcomed.promise
  }

  /** Begins, and waits for the server's welcome. */
  start(): Promise<void> {
    this.#running = this.#run()
    return this.#within(this.#welcomed.promise)
  }

  /** Ends it for good. Who waits for it is told why. */
  async stop(reason: unknown): Promise<void> {
    this.#abort.abort(reason)
    this.#live?.close(1000, 'the client is closed')
    this.resume()
    await this.#running
    this.#giveUp(reason)
  }

  /** Ends the socket, and dials no other before `resume`. */
  suspend(code: string | number): void {
    this.#pause ??= deferred()
    this.#live?.close(code, 'suspended')
    this.#nap.abort()
  }

  /** Sees to it that there is a socket, now: dials at once where it waits, asks for a sign of life where it has one. */
  resume(): void {
    this.#pause?.resolve()
    this.#pause = undefined
    this.#options.reconnect?.lived(Number.POSITIVE_INFINITY)
    this.#nap.abort()
    if (this.connected) probe(this.#live as Live, this.#host, this.#options.heartbeat)
  }

  /**
   * Waits for a socket on which hello has gone, and, before the welcome, for room for `size` bytes. Rejects with why
   * there will be none, or with TIMEOUT. Default timeout: `requestTimeout`.
   */
  async usable(signal?: AbortSignal, timeout?: number, size = 0): Promise<Rpc> {
    // Not awaited: requests may follow hello without waiting for the welcome.
    this.#host.open().catch(error => this.#giveUp(error))
    const rpc = await this.#within(this.#usable.promise, signal, timeout)
    if (rpc.closed || this.connected) return rpc
    // Reserved before it is sent: others wait for the same moment, and what they send together must fit.
    if (this.#reserved + size <= MAX.pipelined) {
      this.#reserved += size
      return rpc
    }
    await this.#within(this.#welcomed.promise, signal, timeout)
    return this.usable(signal, timeout, size)
  }

  /** Sends a request; again when the socket broke and came back, until the deadline: all of them may come twice. */
  async ask(frame: Sendable, options: AskOptions = {}): Promise<Frame> {
    const { timeout = this.#host.requestTimeout, once, ...rest } = options
    const { clock } = this.#host
    const deadline = clock.now() + timeout
    const size = encodeFrame(frame).length
    for (;;) {
      const timeout = deadline - clock.now()
      const rpc = await this.usable(rest.signal, timeout, size)
      try {
        return await rpc.request(frame, { ...rest, timeout })
      } catch (error) {
        if (once || !rpc.closed || rest.signal?.aborted) throw error
      }
    }
  }

  #within<T>(
    promise: Promise<T>,
    signal?: AbortSignal,
    timeout: number = this.#host.requestTimeout
  ): Promise<T> {
    const late = 'no connection to the server'
    return wait(promise, { signal, timeout, clock: this.#host.clock, late, why: () => this.problem })
  }

  async #run(): Promise<void> {
    const { clock } = this.#host
    const { reconnect } = this.#options
    const { signal } = this.#abort
    for (;;) {
      await this.#pause?.promise
      if (signal.aborted) return
      const began = clock.now()
      const {
        error,
        retryAfterMs = 0,
        event
      } = await this.#once().catch(thrown => {
        const error = toSignalError(thrown, 'CONNECT_FAILED')
        return { error, retryAfterMs: error.retryAfterMs } as Ended
      })
      // What was there is gone: calls from here on wait for the next socket.
      if (this.rpc) this.#usable = deferred()
      if (this.connected) this.#welcomed = deferred()
      this.#live = undefined
      this.problem = error
      const mayRetry = error.retryable || this.#options.token.forgives(error)
      const willReconnect = reconnect !== undefined && !signal.aborted && mayRetry
      if (event) this.#host.emit('disconnected', willReconnect, { ...event, error })
      else if (!signal.aborted) this.#host.emit('connect-error', error, willReconnect)
      if (!willReconnect) return this.#giveUp(signal.aborted ? signal.reason : gaveUp(error))
      reconnect.lived(clock.now() - began)
      this.#nap = new AbortController()
      if (!this.#pause) await sleep(reconnect.next(retryAfterMs), { clock, signal: this.#nap.signal })
    }
  }

  /** One socket's life, from dialing to its end. */
  async #once(): Promise<Ended> {
    const { clock, requestTimeout } = this.#host
    const live = new Live(await this.#dial(), clock, (live, frame) => this.#receive(live, frame))
    this.#live = live
    live.start()
    if (this.#abort.signal.aborted || this.#pause) live.close(1000)
    sleep(requestTimeout, { clock, signal: live.signal }).then(() => {
      if (!live.welcomed) live.close('HELLO_TIMEOUT', 'no welcome in time')
    })
    const event = await live.ended
    this.#greeter.ended(live)
    const { welcomed, retryAfterMs } = live
    return { error: closedError(event), retryAfterMs, event: welcomed ? event : undefined }
  }

  async #dial(): Promise<{ socket: Socket; audience: string }> {
    const { clock, requestTimeout: timeout } = this.#host
    const attempt = new AbortController()
    const dialing = this.#options.connect(attempt.signal)
    try {
      return await wait(dialing, { signal: this.#abort.signal, clock, timeout, late: 'no socket' })
    } catch (error) {
      attempt.abort(error)
      // A socket that opens too late belongs to nobody.
      dialing.then(
        ({ socket }) => socket.close(1000),
        () => {}
      )
      throw error
    }
  }

  #receive(live: Live, frame: Frame): void | Promise<void> {
    switch (frame.kind) {
      case 'challenge':
        if (live.challenged) break
        live.challenged = true
        return this.#hello(live, frame).catch(error => live.close('BAD_PROOF', toSignalError(error).message))
      case 'welcome':
        if (!live.challenged || live.welcomed) break
        return this.#welcome(live, frame)
      case 'goodbye':
        live.retryAfterMs = Math.min(frame.retryAfterMs, 60_000)
        // Browsers close with 1000 and 3000 to 4999 alone.
        return live.close(/^(1000|[34]\d{3})$/.test(`${frame.code}`) ? frame.code : 'INTERNAL', frame.reason)
      case 'ping':
        return live.send({ kind: 'pong', requestId: frame.requestId, received: live.received })
      case 'unknown':
        return live.fail(frame.requestId, new SignalError('UNSUPPORTED', 'an unknown request'))
      default:
        return this.#host.receive(frame)
    }
    live.close('BAD_FRAME', `an unexpected ${frame.kind}`)
  }

  #welcome(live: Live, frame: Welcome): void {
    const how = this.#greeter.welcomed(live, frame)
    this.#options.onwelcome(frame)
    live.welcomed = true
    this.problem = undefined
    this.#host.emit('connected', this.#again, how)
    this.#again = true
    if (live.resuming && (!how.resumed || frame.lost > 0)) this.#options.onfresh()
    this.#welcomed.resolve(undefined)
    keepAlive(live, this.#host, this.#options.heartbeat, Math.max(frame.pingInterval, 1000))
  }

  async #hello(live: Live, { versions, nonce }: Challenge): Promise<void> {
    if (!versions.includes(VERSION)) {
      const words = `the server speaks ${versions}, this client ${VERSION}`
      return live.close('PROTOCOL_VERSION', words)
    }
    const hello = await this.#greeter.hello(live, nonce, this.#options.token.text)
    if (live.closed) return
    live.sendBytes(hello)
    live.greeted = true
    this.#reserved = 0
    this.#usable.resolve(live)
    // Where it may go on, it asks for nothing again before it knows.
    if (!live.resuming) this.#options.onfresh()
  }

  #giveUp(error: unknown): void {
    this.#usable.reject(error)
    this.#welcomed.reject(error)
  }
}

/** Whether the server may have done what was asked, although the call failed. */
export function isUnsure(error: unknown, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || /^(TIMEOUT|CLOSED)$/.test((error as SignalError).code)
}
