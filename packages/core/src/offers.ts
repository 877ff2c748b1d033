import { toKey } from './bytes.ts'
import type { Clock } from './clock.ts'
import { SignalError } from './errors.ts'
import { type Addressed, encodeFrame } from './frame.ts'
import type { Limits } from './limits.ts'
import { remember } from './lru.ts'
import type { Reply } from './message.ts'

/** An offer that went out on this connection and waits for its answer. */
interface Waiting {
  /** Sender and session. */
  key: string
  sender: string
  at: number
  requestId: number
  reply: Reply
}

/** How an answer finds back to who asked. */
export interface Back {
  reply: Reply
  /** Under which it waits there. */
  requestId: number
}

export interface OffersOptions {
  clock: Clock
  limits: Limits
  requestTimeout: number
}

/** Sessions whose signals are let through to a slow socket. */
const MAX_PARTNERS = 256

/** The offers of one connection at a server, and wishes for one: those it has yet to answer, and those it waits for. */
export class Offers {
  /** Those that wait here for this connection's answer, by the request id that they have here. */
  readonly waiting: Map<number, Waiting> = new Map()
  readonly #options: OffersOptions
  /** Those that somebody else has yet to answer: when they went, and their session. */
  readonly #asked = new Map<number, { at: number; key: string }>()
  /** Those that it has answered lately: the channel may not be open yet. The latest of them, by sender and session. */
  #answered: Map<string, Waiting> | undefined
  /** Offers that this connection asked for, by sender and session: they need no topic. */
  readonly #invited = new Map<string, number>()
  /** Other ends of sessions that an offer of or to this connection began; the latest of them. */
  readonly #partners = new Set<string>()

  constructor(options: OffersOptions) {
    this.#options = options
  }

  /** Whether one waits under that request id: used twice, one of the two would go uncounted. */
  isAsking(requestId: number): boolean {
    return this.#asked.has(requestId)
  }

  isInvited(frame: Addressed): boolean {
    return this.#invited.has(frame.route)
  }

  /** Whether an offer has gone one way or the other between this connection and the frame's sender. */
  isPartner(frame: Addressed): boolean {
    return this.#partners.has(frame.route)
  }

  /** Counts a request of this connection that somebody else will answer. Throws LIMIT_SESSIONS. */
  ask(frame: Addressed): void {
    const { maxOffers } = this.#options.limits
    const wishes = frame.kind === 'remoteConnect' ? this.#invited.size : 0
    if (Math.max(this.#asked.size, wishes) >= maxOffers) {
      throw new SignalError('LIMIT_SESSIONS', `${maxOffers} offers of yours wait for an answer already`)
    }
    const at = this.#options.clock.now()
    const key = frame.route
    this.#asked.set(frame.requestId, { at, key })
    this.#partner(key)
    if (frame.kind === 'remoteConnect') this.#invited.set(key, at)
  }

  /** The request was answered, or is given up. Of a wish that was granted (`answered`) the offer is still to come. */
  asked(requestId: number, answered = false): void {
    if (!answered) this.#invited.delete(this.#asked.get(requestId)?.key ?? '')
    this.#asked.delete(requestId)
  }

  /** This client gives up an offer. */
  cancel(frame: Addressed): void {
    // By destination and session: a cancel that goes elsewhere must not free the place that is taken there.
    const gone = frame.route
    this.#invited.delete(gone)
    this.#answered?.delete(gone)
    for (const [id, { key }] of this.#asked) if (key === gone) this.#asked.delete(id)
  }

  /** Remembers an offer to this connection, under a request id of its own. Gives false, and says why, when it's one too many. */
  remember(frame: Addressed, { reply, requestId }: Back, id: number): boolean {
    const { limits, clock } = this.#options
    const sender = toKey(frame.address)
    let ofSender = 0
    for (const waiting of this.waiting.values()) if (waiting.sender === sender) ofSender++
    if (this.waiting.size >= limits.maxOffersAtTarget || ofSender >= limits.maxOffersFromOne) {
      const error = new SignalError('LIMIT_SESSIONS', 'too many offers wait for this peer', {
        retryAfterMs: 1000
      })
      reply(errorFrame(requestId, error))
      return false
    }
    const key = frame.route
    this.#partner(key)
    this.#invited.delete(key)
    frame.requestId = id
    this.waiting.set(id, { key, sender, at: clock.now(), requestId, reply })
    return true
  }

  /** This connection's answer to an offer: goes to who asked, and to nobody else. */
  answer(frame: Addressed, from: Uint8Array): void {
    const waiting = this.waiting.get(frame.requestId)
    // Of an earlier socket, perhaps: it must not use up what another one waits for.
    if (waiting?.key !== frame.route) return
    this.waiting.delete(frame.requestId)
    if (frame.kind === 'answer') {
      waiting.at = this.#options.clock.now()
      this.#answered ??= new Map()
      remember(this.#answered, waiting.key, waiting, this.#options.limits.maxOffersAtTarget)
    }
    frame.requestId = waiting.requestId
    frame.address = from
    waiting.reply(frame.bytes)
  }

  /** The other side gives up what it asked for, or had promised. */
  forget(frame: Addressed): void {
    const key = frame.route
    this.#invited.delete(key)
    this.#answered?.delete(key)
    for (const [id, waiting] of this.waiting) if (waiting.key === key) this.waiting.delete(id)
  }

  /** Forgets what is too old to be answered. */
  sweep(now: number): void {
    const old = now - this.#options.requestTimeout
    for (const [id, { at }] of this.#asked) if (at <= old) this.#asked.delete(id)
    for (const [key, at] of this.#invited) if (at <= old) this.#invited.delete(key)
    for (const [key, { at }] of this.#answered ?? []) if (at <= old) this.#answered?.delete(key)
    for (const [id, { at, requestId, reply }] of this.waiting) {
      if (at > old) continue
      this.waiting.delete(id)
      reply(errorFrame(requestId, new SignalError('TIMEOUT', 'the remote never answered')))
    }
  }

  /**
   * The connection has ended: everybody who waits for it is told so. `gone`: so is who has its answer, since its client
   * may have ended with it.
   */
  end(code: 'PEER_LEFT' | 'PEER_AWAY', gone: boolean): void {
    const tell = ({ requestId, reply }: Waiting, when: string) =>
      reply(errorFrame(requestId, new SignalError(code, `the remote went before ${when}`)))
    for (const waiting of this.waiting.values()) tell(waiting, 'it answered')
    if (gone) for (const waiting of this.#answered?.values() ?? []) tell(waiting, 'the channel was open')
    this.#answered = undefined
    this.waiting.clear()
    this.#asked.clear()
    this.#invited.clear()
  }

  #partner(key: string): void {
    this.#partners.delete(key)
    this.#partners.add(key)
    for (const oldest of this.#partners) {
      if (this.#partners.size <= MAX_PARTNERS) return
      this.#partners.delete(oldest)
    }
  }
}

export function errorFrame(
  requestId: number,
  { code, message, retryable, retryAfterMs = 0 }: SignalError
): Uint8Array {
  return encodeFrame({ kind: 'error', requestId, code, message, retryable, retryAfterMs })
}
