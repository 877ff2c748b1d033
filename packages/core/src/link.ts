import { ID_SIZE, SIGNATURE_SIZE } from './bytes.ts'
import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import { SignalError, toSignalError } from './errors.ts'
import { type Challenge, encodeFrame, type Frame, type Hello, helloUnsigned, type Welcome } from './frame.ts'
import { helloBytes, type Identity } from './identity.ts'
import { CEILING, MAX_PAYLOAD, SMALLEST_PAYLOAD, VERSION } from './protocol.ts'
import { gaveUp, type Reconnect } from './reconnect.ts'
import type { Waitable } from './resource.ts'
import { closedError, Rpc } from './rpc.ts'
import type { CloseEvent, Socket } from './socket.ts'
import { wait } from './wait.ts'

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
  clock: Clock
  /** Absent: a socket that ends stays ended. */
  reconnect: Reconnect | undefined
  heartbeat: Heartbeat | undefined
  /** How long opening and hello may take. Unit: ms. */
  timeout(): number
  connect(signal: AbortSignal): Promise<{ socket: Socket; audience: string }>
  greet(): Greeting
  onframe(frame: Frame): void
  /** Hello has gone: requests may follow at once, the server keeps them in order behind it. */
  onhello(rpc: Rpc): void
  onwelcome(welcome: Welcome, again: boolean): void
  /** A socket that was welcomed has ended. */
  ondown(willReconnect: boolean, event: CloseEvent, error: SignalError): void
  /** A try came to nothing. */
  onfail(error: SignalError, willReconnect: boolean): void
  onping(ms: number): void
  onpingerror(error: Error): void
}

interface Live {
  rpc: Rpc
  /** Settles when the server has taken this client, or the socket has ended. */
  welcome: Deferred<void>
  timers: Set<unknown>
  challenged: boolean
  welcomed: boolean
  retryAfterMs: number
}

/** What follows hello before the welcome: the server keeps little for who has not proven anything. Unit: bytes. */
const PIPELINED = 32 * 1024

/** The one socket of a client, which comes back: dials, says hello, keeps it alive, waits and dials again. */
export class Link {
  readonly #options: LinkOptions
  readonly #abort = new AbortController()
  #usable = deferred<Rpc>()
  #welcomed = deferred<void>()
  #running: Promise<void> | undefined
  #everWelcomed = false
  /** Bytes that have been promised room behind hello. */
  #reserved = 0
  #rpc: Rpc | undefined
  #lastError: SignalError | undefined

  constructor(options: LinkOptions) {
    this.#options = options
  }

  /** The socket's rpc, if hello has gone on it and it has not ended. */
  get rpc(): Rpc | undefined {
    return this.#rpc
  }

  /** Begins, if it has not begun. */
  start(): void {
    this.#running ??= this.#run()
  }

  /** Waits for a socket on which hello has gone, and, before the welcome, for room for `size` bytes. Rejects with why there will be none, or with TIMEOUT. */
  async usable(options: Waitable & { timeout: number; size: number }): Promise<Rpc> {
    const rpc = await this.#within(this.#usable.promise, options)
    if (rpc.closed || this.#welcomed.settled) return rpc
    // Reserved before it is sent: others wait for the same moment, and what they send together must fit.
    if (this.#reserved + options.size <= PIPELINED) {
      this.#reserved += options.size
      return rpc
    }
    await this.welcomed(options)
    return this.usable(options)
  }

  /** Waits for the server's welcome. */
  welcomed(options: Waitable & { timeout: number }): Promise<void> {
    return this.#within(this.#welcomed.promise, options)
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    this.#abort.abort(new SignalError('CLOSED', 'the client is closed', { retryable: false }))
    this.#rpc?.close(1000, 'the client closed')
    await this.#running
  }

  #within<T>(promise: Promise<T>, options: Waitable & { timeout: number }): Promise<T> {
    return wait(promise, { ...options, clock: this.#options.clock, late: () => this.#late(options.timeout) })
  }

  #late(timeout: number): SignalError {
    const why = this.#lastError ? `; the last try failed: ${this.#lastError.message}` : ''
    return new SignalError('TIMEOUT', `no connection to the server within ${Math.round(timeout)} ms${why}`, {
      cause: this.#lastError
    })
  }

  async #run(): Promise<void> {
    const { reconnect, clock, ondown, onfail } = this.#options
    const { signal } = this.#abort
    while (!signal.aborted) {
      const began = clock.now()
      const { event, error, welcomed, retryAfterMs } = await this.#once()
      this.#rpc = undefined
      this.#lastError = error
      this.#renew()
      const willReconnect = reconnect !== undefined && !signal.aborted && error.retryable
      if (welcomed) ondown(willReconnect, event, error)
      else if (!signal.aborted) onfail(error, willReconnect)
      if (!willReconnect) return this.#giveUp(signal.aborted ? (signal.reason as SignalError) : gaveUp(error))
      reconnect.lived(clock.now() - began)
      await this.#sleep(reconnect.next(retryAfterMs))
    }
    this.#giveUp(signal.reason as SignalError)
  }

  /** One socket's life, from dialing to its end. */
  async #once(): Promise<{ event: CloseEvent; error: SignalError; welcomed: boolean; retryAfterMs: number }> {
    const { signal } = this.#abort
    let live: Live | undefined
    try {
      const { socket, audience } = await this.#dial()
      const event = await new Promise<CloseEvent>(ended => {
        live = this.#begin(socket, audience, ended)
      })
      const { welcomed = false, retryAfterMs = 0 } = live ?? {}
      return { event, error: closedError(event), welcomed, retryAfterMs }
    } catch (thrown) {
      const error = signal.aborted ? (signal.reason as SignalError) : toSignalError(thrown, 'CONNECT_FAILED')
      const { message, retryAfterMs = 0 } = error
      return { event: { code: 1006, reason: message }, error, welcomed: false, retryAfterMs }
    }
  }

  async #dial(): Promise<{ socket: Socket; audience: string }> {
    const { clock, connect } = this.#options
    const timeout = this.#options.timeout()
    const late = () =>
      new SignalError('TIMEOUT', `the server took no socket within ${Math.round(timeout)} ms`)
    const attempt = new AbortController()
    const dialing = connect(attempt.signal)
    try {
      return await wait(dialing, { signal: this.#abort.signal, clock, timeout, late })
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

  #begin(socket: Socket, audience: string, ended: (event: CloseEvent) => void): Live {
    const { clock } = this.#options
    const timeout = this.#options.timeout()
    const welcome = deferred<void>()
    const timers = new Set<unknown>()
    const rpc = new Rpc(socket, {
      clock,
      maxPayload: CEILING.payload,
      onframe: frame => this.#receive(live, audience, frame),
      onclose: event => {
        welcome.resolve(undefined) // Or nobody: what waits for it need not wait any longer.
        for (const timer of timers) clock.clearTimeout(timer)
        ended(event)
      }
    })
    const live: Live = { rpc, welcome, timers, challenged: false, welcomed: false, retryAfterMs: 0 }
    const late = () => new SignalError('HELLO_TIMEOUT', `no welcome within ${Math.round(timeout)} ms`)
    wait(welcome.promise, { clock, timeout, late }).catch(({ code, message }) => rpc.close(code, message))
    rpc.sendLimit = MAX_PAYLOAD // Until welcome says it.
    rpc.start()
    if (this.#abort.signal.aborted) rpc.close(1000)
    return live
  }

  #receive(live: Live, audience: string, frame: Frame): void | Promise<void> {
    const { rpc } = live
    switch (frame.kind) {
      case 'challenge':
        if (live.challenged) return rpc.close('BAD_FRAME', 'a second challenge')
        live.challenged = true
        return this.#hello(live, audience, frame).catch(error =>
          rpc.close('BAD_PROOF', toSignalError(error).message)
        )
      case 'welcome':
        if (!live.challenged || live.welcomed)
          return rpc.close('BAD_FRAME', 'a welcome that nobody waits for')
        return this.#welcome(live, frame)
      case 'goodbye':
        live.retryAfterMs = Math.min(frame.retryAfterMs, 60_000)
        return rpc.close(canClose(frame.code) ? frame.code : 'INTERNAL', frame.reason)
      case 'ping':
        return rpc.send({ kind: 'pong', requestId: frame.requestId, received: rpc.received })
      case 'unknown':
        return rpc.fail(
          frame.requestId,
          new SignalError('UNSUPPORTED', 'this client does not know that request')
        )
      default:
        return this.#options.onframe(frame)
    }
  }

  /** A welcome that can't be read must end its socket; thrown from here it would end the process. */
  #welcome(live: Live, frame: Welcome): void {
    const { rpc } = live
    rpc.sendLimit = Math.max(frame.maxPayload, SMALLEST_PAYLOAD)
    try {
      this.#options.onwelcome(frame, this.#everWelcomed)
    } catch (error) {
      return rpc.close('BAD_FRAME', toSignalError(error).message)
    }
    live.welcomed = this.#everWelcomed = true
    live.welcome.resolve(undefined)
    this.#welcomed.resolve(undefined)
    this.#keepAlive(live, frame.pingInterval)
  }

  async #hello(live: Live, audience: string, { versions, nonce }: Challenge): Promise<void> {
    const { rpc } = live
    if (!versions.includes(VERSION)) {
      return rpc.close(
        'PROTOCOL_VERSION',
        `the server speaks versions ${versions.join(', ')}, this client ${VERSION}`
      )
    }
    const { id, identity, token } = this.#options.greet()
    const hello: Hello = {
      kind: 'hello',
      requestId: rpc.takeId(),
      version: VERSION,
      id,
      proven: identity !== undefined,
      resume: false,
      resumeKey: new Uint8Array(ID_SIZE),
      received: 0,
      audience,
      token,
      signature: new Uint8Array(SIGNATURE_SIZE)
    }
    const unsigned = helloUnsigned(hello)
    if (identity) hello.signature = await identity.sign(helloBytes(nonce, audience, unsigned))
    if (rpc.closed) return
    rpc.sendBytes(encodeFrame(hello))
    this.#rpc = rpc
    this.#reserved = 0
    this.#usable.resolve(rpc)
    this.#options.onhello(rpc)
  }

  /** Two silent intervals end the socket: a cable that was pulled says nothing. */
  #keepAlive({ rpc, timers }: Live, pingInterval: number): void {
    const { clock, heartbeat, onping, onpingerror } = this.#options
    const every = (ms: number, act: () => void) => {
      const timer = clock.setTimeout(() => {
        timers.delete(timer)
        act()
        if (!rpc.closed) every(ms, act)
      }, ms)
      timers.add(timer)
    }
    const silence = Math.max(pingInterval, 1000)
    every(silence, () => {
      if (clock.now() - rpc.lastSeen >= 2 * silence) rpc.close('HEARTBEAT_TIMEOUT', 'two silent intervals')
    })
    if (!heartbeat) return
    const { interval = 10_000, timeout = 5_000 } = heartbeat
    every(interval, () => {
      const began = clock.now()
      rpc.request({ kind: 'ping', requestId: 0, received: rpc.received }, { timeout }).then(
        () => onping(clock.now() - began),
        error => {
          if (rpc.closed) return
          onpingerror(error)
          rpc.close('HEARTBEAT_TIMEOUT', error.message)
        }
      )
    })
  }

  /** What was there is gone: calls from here on wait for the next socket. */
  #renew(): void {
    if (this.#usable.settled) this.#usable = deferred()
    if (this.#welcomed.settled) this.#welcomed = deferred()
  }

  #giveUp(error: SignalError): void {
    this.#usable.reject(error)
    this.#welcomed.reject(error)
  }

  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#options
    const awake = new Promise<never>(() => {})
    await wait(awake, { signal: this.#abort.signal, clock, timeout: ms, late: Error }).catch(() => {})
  }
}

/** Whether a socket can be closed with this number: browsers take 1000 and 3000 to 4999 only. */
function canClose(code: number): boolean {
  return code === 1000 || (code >= 3000 && code <= 4999)
}
