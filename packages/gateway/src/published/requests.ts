import { SignalError, toHex, toKey } from 'socket-signal'
import { type Addressed, fromKey, type Sendable } from 'socket-signal/wire'
import type { Line, Route } from './line.ts'
import { toText } from './nanomessage.ts'
import { type RtcSignal, readBody, toFailure, toSignals } from './words.ts'

/** Members in one answer: published servers list all. */
const ALL = 1000

/** What a published client asks, and what it is answered. */
export class Requests {
  readonly #line: Line
  readonly #timeout: number
  /** Those under which the client waits, each with its latest use. */
  readonly #numbers = new Map<number, object>()

  /** `timeout`: how long the client waits for a peer. Unit: ms. */
  constructor(line: Line, timeout: number) {
    this.#line = line
    this.#timeout = timeout
  }

  join(number: number, topic: Uint8Array): void {
    void this.#answer(number, this.#list(topic, this.#line.guest.join(topic, { limit: ALL })))
  }

  lookup(number: number, topic: Uint8Array): void {
    void this.#answer(number, this.#list(topic, this.#line.guest.lookup(topic, { limit: ALL })))
  }

  /** Without a topic: all of them. */
  leave(number: number, topic: Uint8Array | undefined): void {
    const { guest } = this.#line
    const topics = topic ? [topic] : [...guest.connection.topics].map(fromKey)
    if (topics.length === 0) this.#line.count()
    const leaving = Promise.all(topics.map(one => guest.leave(one)))
    void this.#answer(
      number,
      leaving.then(() => undefined)
    )
  }

  ping(number: number): void {
    const asking = this.#line.guest.request({ kind: 'ping', received: 0 })
    void this.#answer(
      number,
      asking.then(() => ({ time: Date.now() }))
    )
  }

  /** An offer, or the wish to be dialed. `candidates` came with it, and could overtake it: they follow its answer. */
  dial(
    kind: 'offer' | 'remoteConnect',
    number: number,
    to: Route,
    body: unknown,
    candidates: RtcSignal[] = []
  ): void {
    const answer = this.#dial(kind, to, body).then(answer => {
      if (candidates.length > 0) this.#line.send('signal', to, candidates)
      return answer
    })
    void this.#answer(number, answer, toHex(to.remoteId))
  }

  /** A client uses a number again as soon as it has given up, while the answer to its last use may still come. */
  async #answer(number: number, work: Promise<unknown>, about?: string): Promise<void> {
    const use = {}
    this.#numbers.set(number, use)
    const isCurrent = () => this.#numbers.get(number) === use && this.#numbers.delete(number)
    try {
      const data = await work
      if (isCurrent()) this.#line.answer(number, data)
    } catch (error) {
      // Both sides have given up by now: the client may wait for something else under this number.
      const isLate = error instanceof SignalError && error.code === 'TIMEOUT'
      if (isCurrent() && !isLate) this.#line.fail(number, toFailure(error, about))
    }
  }

  /** Published servers list the caller as well. What a hook of the server gives in place of a list is given as it is. */
  async #list(topic: Uint8Array, asking: Promise<unknown>): Promise<unknown> {
    const members = await asking
    if (!isIds(members)) return members
    const { id, connection } = this.#line.guest
    return [...members, ...(connection.topics.has(toKey(topic)) ? [id] : [])].map(toText)
  }

  async #dial(kind: 'offer' | 'remoteConnect', to: Route, body: unknown): Promise<unknown> {
    const answer = await this.#within(this.#line.frame(kind, to, body), () =>
      this.#line.send('cancel', to, null)
    )
    const { answer: description, metadata, message } = readBody(answer as Addressed)
    if (answer.kind === 'refusal') throw new SignalError('REJECTED', message)
    if (kind === 'remoteConnect') return undefined
    return { ...this.#line.words(to), data: toSignals([description]), metadata }
  }

  /** The answer, unless the client has given up by then. */
  async #within(frame: Sendable, giveUp: () => void) {
    const late = new AbortController()
    const timer = setTimeout(() => {
      late.abort(new SignalError('TIMEOUT', 'no answer in time'))
      giveUp()
    }, this.#timeout)
    try {
      return await this.#line.guest.request(frame, late.signal)
    } finally {
      clearTimeout(timer)
    }
  }
}

function isIds(value: unknown): value is Uint8Array[] {
  return Array.isArray(value) && value.every(id => id instanceof Uint8Array)
}
