import { MAX } from './bounds.ts'
import { clipText, decodeText } from './bytes.ts'
import type { Clock } from './clock.ts'
import { type Deferred, deferred } from './deferred.ts'
import { closeCode, codeOfClose, isTerminal, SignalError, toSignalError } from './errors.ts'
import { decodeFrame, encodeFrame, type Frame, type Result, type Sendable } from './frame.ts'
import { CEILING, FLAG, KIND, type Kind, mayAnswer } from './protocol.ts'
import type { Waitable } from './resource.ts'
import type { CloseEvent, Socket, SocketListener } from './socket.ts'
import { wait } from './wait.ts'

/** How long an answer is waited for, and what is done with it. */
export interface RequestOptions extends Waitable {
  /** Unit: ms. */
  timeout: number
  /**
   * Called with all pages of a result as the last one comes: before whatever came right behind it is handled, which a
   * promise would be too late for. What it throws is what the request rejects with.
   */
  onpages?: (pages: Result[]) => void
  /** A further check that an answer is the one waited for; one that is not has no effect. */
  accept?: (answer: Frame) => boolean
}

interface Pending extends Pick<RequestOptions, 'onpages' | 'accept'> {
  kind: Kind
  pages: Result[]
  answer: Deferred<Frame>
}

/**
 * Frames with answers over one socket: numbers requests, settles them, hands everything else on. It is extended and not
 * owned: a server has one for each socket, and one thing less for each message to visit.
 */
export abstract class Rpc implements SocketListener {
  /** The latest request id. Who goes on with a session goes on counting: a late answer must not meet another request. */
  lastId = 0
  /** Largest frame that the other side takes. Unit: bytes. */
  sendLimit: number
  /** What it reads and writes. */
  protected readonly socket: Socket
  /** Whether something has arrived since who keeps watch set this to false. */
  heard = false
  /** Frames that arrived since welcome, by which the other side can tell what was lost. */
  received = 0
  /** Frames that went since welcome. */
  sent = 0
  #pending: Map<number, Pending> | undefined
  #closed: CloseEvent | undefined

  constructor(socket: Socket, sendLimit: number) {
    this.socket = socket
    this.sendLimit = sendLimit
  }

  /** What deadlines run by. */
  abstract get clock(): Clock
  /** Largest frame that is taken. Unit: bytes. */
  abstract get maxPayload(): number
  /** Called with every frame that is no answer to a request of ours. Its promise is that of `receive`. */
  protected abstract onframe(frame: Frame): void | Promise<void>
  /** Called once, when the socket has ended, by whoever. Everything pending was rejected before. */
  protected abstract onend(event: CloseEvent): void

  /** Begins to read. Apart from the constructor: a socket may have messages that wait, and give them at once. */
  start(): void {
    if (this.socket.listen) return this.socket.listen(this)
    this.socket.onmessage = message => this.onmessage(message)
    this.socket.onclose = event => this.onclose(event)
  }

  /** Whether the socket has ended, or was ended here. */
  get closed(): boolean {
    return this.#closed !== undefined
  }

  /** Bytes that the socket still holds. */
  get bufferedAmount(): number {
    return this.socket.bufferedAmount
  }

  /** A request id that is not in use here nor in `taken`. Never 0. */
  takeId(taken?: { has(id: number): boolean }): number {
    do this.lastId = this.lastId === 0xffffffff ? 1 : this.lastId + 1
    while (this.#pending?.has(this.lastId) || taken?.has(this.lastId))
    return this.lastId
  }

  /** Sends a frame and resolves with its answer. Rejects with what the error frame says, TIMEOUT, TOO_LARGE or CLOSED. */
  async request(frame: Sendable, { signal, timeout, ...checks }: RequestOptions): Promise<Frame> {
    signal?.throwIfAborted()
    if (this.#closed) throw closedError(this.#closed)
    const requestId = this.takeId()
    const bytes = this.#encode(frame, requestId)
    const answer = deferred<Frame>()
    this.#pending ??= new Map()
    this.#pending.set(requestId, { ...checks, answer, kind: frame.kind, pages: [] })
    this.sendBytes(bytes)
    const late = `no answer to ${frame.kind}`
    try {
      return await wait(answer.promise, { signal, timeout, late, clock: this.clock })
    } finally {
      this.#pending?.delete(requestId)
    }
  }

  /** Sends a frame that is not answered. Throws TOO_LARGE; does nothing once closed. */
  send(frame: Sendable, requestId = frame.requestId): void {
    if (!this.#closed) this.sendBytes(this.#encode(frame, requestId))
  }

  /** Sends bytes that are a frame already. */
  sendBytes(bytes: Uint8Array): void {
    if (this.#closed) return
    if (isCounted(bytes)) this.sent++
    this.socket.send(bytes)
  }

  /** Answers a request with an error. Without a request id it does nothing: nobody waits. */
  fail(requestId: number, thrown: unknown): void {
    if (requestId === 0) return
    const { code, message, retryable, retryAfterMs = 0 } = toSignalError(thrown)
    this.send({ kind: 'error', requestId, code, message, retryable, retryAfterMs })
  }

  /** Ends the socket with the number of a code, and everything that waits for it. */
  close(code: string | number, reason = ''): void {
    if (this.#closed) return
    const event = {
      code: typeof code === 'number' ? code : closeCode(code),
      reason: decodeText(clipText(reason, CEILING.reason))
    }
    this.socket.close(event.code, event.reason)
    this.onclose(event)
  }

  /** A socket owns the bytes that it is given, so they are made anew each time. */
  #encode(frame: Sendable, requestId: number | undefined): Uint8Array {
    const bytes = encodeFrame(frame, requestId)
    if (bytes.length <= this.sendLimit) return bytes
    throw new SignalError(
      'TOO_LARGE',
      `${frame.kind} takes ${bytes.length} bytes, the limit is ${this.sendLimit}`
    )
  }

  /** Takes one message of the socket. Its promise is that of whoever handles it. */
  receive(message: Uint8Array): void | Promise<void> {
    if (this.#closed) return
    const { maxPayload } = this
    this.heard = true
    const { length } = message
    if (length > maxPayload)
      return this.close('TOO_LARGE', `a frame takes ${length} bytes, the limit is ${maxPayload}`)
    let frame: Frame
    try {
      frame = decodeFrame(message)
    } catch (error) {
      return this.close('BAD_FRAME', toSignalError(error).message)
    }
    if (isCounted(message)) this.received++
    if (!this.#settle(frame)) return this.onframe(frame)
  }

  /** For its socket. Who keeps messages in order takes them here, and gives each to `receive` in its turn. */
  onmessage(message: Uint8Array): void {
    this.receive(message)
  }

  #settle(answer: Frame): boolean {
    const pending = this.#pending?.get(answer.requestId)
    if (!pending || !mayAnswer(pending.kind, answer.kind)) return false
    if (pending.accept && !pending.accept(answer)) return false
    if (answer.kind === 'error') pending.answer.reject(new SignalError(answer.code, answer.message, answer))
    else if (answer.kind === 'result') this.#page(pending, answer)
    else pending.answer.resolve(answer)
    return true
  }

  #page({ onpages, pages, answer }: Pending, page: Result): void {
    const more = (page.flags & FLAG.more) !== 0
    if (more && (!onpages || pages.length === MAX.pages))
      return answer.reject(new SignalError('TOO_LARGE', 'too many pages'))
    pages.push(page)
    if (more) return
    try {
      onpages?.(pages)
      answer.resolve(page)
    } catch (error) {
      answer.reject(error)
    }
  }

  /** For its socket. */
  onclose(event: CloseEvent): void {
    if (this.#closed) return
    this.#closed = event
    for (const { answer } of this.#pending?.values() ?? []) answer.reject(closedError(event))
    this.onend(event)
  }
}

/** All but challenge, hello, welcome, ping and pong. */
function isCounted(frame: Uint8Array): boolean {
  const [kind] = frame as unknown as [number]
  return kind > KIND.pong || kind === KIND.goodbye
}

/** What a call fails with whose socket ended: the code behind the close number, and its reason. */
export function closedError({ code, reason }: CloseEvent): SignalError {
  const words = reason ? `: ${reason}` : ''
  return new SignalError(codeOfClose(code), `the socket closed with ${code}${words}`, {
    retryable: !isTerminal(code)
  })
}
