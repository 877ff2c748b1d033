import { MAX } from './bounds.ts'
import { copy, isZero, NO_SIGNATURE, ZERO_ID } from './bytes.ts'
import { type Deferred, deferred } from './deferred.ts'
import { SignalError, toSignalError } from './errors.ts'
import { type Challenge, encodeFrame, type Frame, type Hello, helloUnsigned, type Welcome } from './frame.ts'
import type { Host } from './host.ts'
import { helloBytes, type Identity } from './identity.ts'
import { Live } from './live.ts'
import { USUAL, VERSION } from './protocol.ts'
import { gaveUp, type Reconnect } from './reconnect.ts'
import { closedError, type RequestOptions, type Rpc, type Sendable } from './rpc.ts'
import type { CloseEvent, Socket } from './socket.ts'
import { sleep, wait } from './wait.ts'

/** Who says hello, and to whom. */
export interface Greeting {
  id: Uint8Array
  identity: Identity | undefined
  token: string
}

export interface Heartbeat {
  /** How often the client asks on its own. Default: 10,000. Unit: ms. */
  interval?: number
  /** How long an answer may take. Default: 5,000. Unit: ms. */
  timeout?: number
}

export interface LinkOptions {
  host: Host
  /** Absent: a socket that ends stays ended. */
  reconnect: Reconnect | undefined
  heartbeat: Heartbeat | undefined
  /** Opens the client, if nobody has. */
  open(): Promise<void>
  /** Whether it may try again after what says not to. */
  forgives(error: SignalError): boolean
  connect(signal: AbortSignal): Promise<{ socket: Socket; audience: string }>
  greet(): Greeting
  onwelcome(welcome: Welcome): void
  /** Hello has gone, and the server knows nothing of what was asked on an earlier socket, or may have told it in vain. */
  onfresh(): void
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
  /** With what to go on after the socket has ended, and what was counted on it. */
  #before: { key: Uint8Array; rpc: Rpc } | undefined
  /**
   * The latest request id: counts on over all sockets, from a random one. What an earlier socket asked, or an earlier
   * start of this client, may be answered late, and must not meet another request.
   */
  #lastId: number
  #lastError: SignalError | undefined
  /** While it is suspended: settles when it may dial. */
  #pause: Deferred<void> | undefined
  /** Ends the wait for the next try. */
  #nap = new AbortController()

  constructor(options: LinkOptions) {
    this.#options = options
    this.#host = options.host
    this.#lastId = this.#host.crypto.randomBytes(4).reduce((id, byte) => id * 256 + byte, 0)
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
    if (this.connected) this.#probe(this.#live as Live)
  }

  /**
   * Waits for a socket on which hello has gone, and, before the welcome, for room for `size` bytes. Rejects with why
   * there will be none, or with TIMEOUT. Default timeout: `requestTimeout`.
   */
  async usable(signal?: AbortSignal, timeout?: number, size = 0): Promise<Rpc> {
    // Not awaited: requests may follow hello without waiting for the welcome.
    this.#options.open().catch(error => this.#giveUp(error))
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
    return wait(promise, { signal, timeout, clock: this.#host.clock, late, why: () => this.#lastError })
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
        return { error, retryAfterMs: error.retryAfterMs, event: undefined }
      })
      // What was there is gone: calls from here on wait for the next socket.
      if (this.rpc) this.#usable = deferred()
      if (this.connected) this.#welcomed = deferred()
      this.#live = undefined
      this.#lastError = error
      const mayRetry = error.retryable || this.#options.forgives(error)
      const willReconnect = reconnect !== undefined && !signal.aborted && mayRetry
      if (event) this.#host.emit('disconnected', willReconnect, { ...event, error })
      else if (!signal.aborted) this.#host.emit('connect-error', error, willReconnect)
      if (!willReconnect) return this.#giveUp(signal.aborted ? signal.reason : gaveUp(error))
      reconnect.lived(clock.now() - began)
      this.#nap = new AbortController()
      if (!this.#pause) await sleep(reconnect.next(retryAfterMs), { clock, signal: this.#nap.signal })
    }
  }

  /** One socket's life, from dialing to its end. The event is that of a socket that was welcomed. */
  async #once(): Promise<{ error: SignalError; retryAfterMs: number; event: CloseEvent | undefined }> {
    const { clock, requestTimeout } = this.#host
    const live = new Live(await this.#dial(), clock, (live, frame) => this.#receive(live, frame))
    this.#live = live
    live.start()
    if (this.#abort.signal.aborted || this.#pause) live.close(1000)
    sleep(requestTimeout, { clock, signal: live.signal }).then(() => {
      if (!live.welcomed) live.close('HELLO_TIMEOUT', 'no welcome in time')
    })
    const event = await live.ended
    this.#lastId = live.lastId
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
        ({ socket }) => socket.close(1000, 'too late'),
        () => {}
      )
      throw error
    }
  }

  #receive(live: Live, frame: Frame): void | Promise<void> {
    switch (frame.kind) {
      case 'challenge':
        if (live.challenged) return live.close('BAD_FRAME', 'an unexpected challenge')
        live.challenged = true
        return this.#hello(live, frame).catch(error => live.close('BAD_PROOF', toSignalError(error).message))
      case 'welcome':
        if (!live.challenged || live.welcomed) return live.close('BAD_FRAME', 'an unexpected welcome')
        return this.#welcome(live, frame)
      case 'goodbye':
        live.retryAfterMs = Math.min(frame.retryAfterMs, 60_000)
        return live.close(canClose(frame.code) ? frame.code : 'INTERNAL', frame.reason)
      case 'ping':
        return live.send({ kind: 'pong', requestId: frame.requestId, received: live.received })
      case 'unknown':
        return live.fail(frame.requestId, new SignalError('UNSUPPORTED', 'an unknown request'))
      default:
        return this.#host.receive(frame)
    }
  }

  #welcome(live: Live, frame: Welcome): void {
    live.sendLimit = Math.max(frame.maxPayload, USUAL.least)
    const { resumed, received, resumeKey } = frame
    const sent = live.resuming ? (this.#before?.rpc.sent ?? 0) : 0
    const lost = resumed ? frame.lost + Math.max(sent - received, 0) : 0
    this.#before = isZero(resumeKey) ? undefined : { key: copy(resumeKey), rpc: live }
    this.#options.onwelcome(frame)
    live.welcomed = true
    this.#host.emit('connected', this.#again, { resumed, lost })
    this.#again = true
    if (live.resuming && (!resumed || frame.lost > 0)) this.#options.onfresh()
    this.#welcomed.resolve(undefined)
    this.#keepAlive(live, Math.max(frame.pingInterval, 1000))
  }

  async #hello(live: Live, { versions, nonce }: Challenge): Promise<void> {
    if (!versions.includes(VERSION)) {
      const words = `the server speaks ${versions}, this client ${VERSION}`
      return live.close('PROTOCOL_VERSION', words)
    }
    const { id, identity, token } = this.#options.greet()
    const before = this.#before
    live.resuming = before !== undefined
    live.lastId = this.#lastId
    const hello: Hello = {
      kind: 'hello',
      requestId: live.takeId(),
      version: VERSION,
      id,
      proven: identity !== undefined,
      resume: before !== undefined,
      resumeKey: before?.key ?? ZERO_ID,
      received: before?.rpc.received ?? 0,
      audience: live.audience,
      token,
      signature: NO_SIGNATURE
    }
    const unsigned = helloUnsigned(hello)
    if (identity) hello.signature = await identity.sign(helloBytes(nonce, live.audience, unsigned))
    if (live.closed) return
    live.sendBytes(encodeFrame(hello))
    live.greeted = true
    this.#reserved = 0
    this.#usable.resolve(live)
    // Where it may go on, it asks for nothing again before it knows.
    if (!live.resuming) this.#options.onfresh()
  }

  /** Two silent intervals end the socket: a cable that was pulled says nothing. */
  #keepAlive(live: Live, silence: number): void {
    const { heartbeat } = this.#options
    const { clock } = this.#host
    const every = async (ms: number, act: () => void) => {
      for (;;) {
        await sleep(ms, { clock, signal: live.signal })
        if (live.signal.aborted) return
        act()
      }
    }
    let silent = 0
    // Looked at more often, so that it isn't found as late as after three.
    every(silence / 4, () => {
      silent = live.heard ? 0 : silent + 1
      live.heard = false
      if (silent === 8) live.close('HEARTBEAT_TIMEOUT', 'two silent intervals')
    })
    if (!heartbeat) return
    every(heartbeat.interval ?? 10_000, () => this.#probe(live))
  }

  /** Asks for a sign of life; without one the socket is dead. */
  #probe(rpc: Rpc): void {
    const { clock, emit } = this.#host
    const { timeout = 5_000 } = this.#options.heartbeat ?? {}
    const began = clock.now()
    rpc.request({ kind: 'ping', requestId: 0, received: rpc.received }, { timeout }).then(
      () => emit('ping', clock.now() - began),
      error => {
        if (rpc.closed) return
        emit('ping-error', error)
        rpc.close('HEARTBEAT_TIMEOUT', error.message)
      }
    )
  }

  #giveUp(error: unknown): void {
    this.#usable.reject(error)
    this.#welcomed.reject(error)
  }
}

/** Whether a socket can be closed with this number: browsers take 1000 and 3000 to 4999 only. */
function canClose(code: number): boolean {
  return code === 1000 || (code >= 3000 && code <= 4999)
}
