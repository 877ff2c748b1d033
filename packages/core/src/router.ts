import { copy, equals, isZero, ZERO_ID } from './bytes.ts'
import { type Body, decodeBody, encodeBody } from './codec.ts'
import { type Connection, peerNotFound } from './connection.ts'
import { SignalError, toSignalError } from './errors.ts'
import type { Addressed, Frame, Past } from './frame.ts'
import type { Gate, Within } from './gate.ts'
import type { Limits } from './limits.ts'
import { toPages, toPastPages } from './listing.ts'
import {
  AddressedMsg,
  FORWARDED,
  type HistoryMsg,
  type JoinMsg,
  type LookupMsg,
  type ModerateMsg,
  type Msg,
  type WatchMsg
} from './message.ts'
import type { ServerEvents } from './server-options.ts'

/** Messages of the past, where nobody says how many; and the time that nothing is behind. */
const HISTORY = 50
const LAST = Number.MAX_SAFE_INTEGER

/** What becomes of what has passed the gates. Each may throw, or reject, to refuse it with its words. */
export interface Routes {
  /** Gives ids, members, or any JSON; nothing: nobody. */
  join(rpc: Connection, msg: JoinMsg): unknown
  leave(rpc: Connection, msg: Msg): unknown
  lookup(rpc: Connection, msg: LookupMsg): unknown
  watch(rpc: Connection, msg: WatchMsg): unknown
  moderate(rpc: Connection, msg: ModerateMsg): unknown
  history(rpc: Connection, msg: HistoryMsg): readonly Past[] | Promise<readonly Past[]>
  /** It shows another token now. */
  token(rpc: Connection): unknown
  /** Gives FORWARDED, or a value that is the answer; nothing: PEER_NOT_FOUND. */
  offer(rpc: Connection, msg: AddressedMsg): unknown
  remoteConnect(rpc: Connection, msg: AddressedMsg): unknown
  signal(rpc: Connection, msg: AddressedMsg): unknown
  message(rpc: Connection, msg: AddressedMsg): unknown
}

export interface RouterOptions {
  limits: Limits
  gate: Gate
  routes: Routes
  within: Within
  emit<K extends keyof ServerEvents>(event: K, ...args: ServerEvents[K]): void
}

/** Frames of who was let in: past their rates and gates to where they go, and what comes of it back as an answer. */
export class Router {
  /** Offers, answers, signals and messages that went their way. */
  routed = 0
  readonly #options: RouterOptions

  constructor(options: RouterOptions) {
    this.#options = options
  }

  receive(connection: Connection, frame: Frame): void | Promise<void> {
    switch (frame.kind) {
      case 'ping':
        return connection.send({
          kind: 'pong',
          requestId: frame.requestId,
          received: connection.received
        })
      case 'offer':
      case 'remoteConnect':
        return this.#offer(connection, frame as Addressed)
      case 'answer':
      case 'refusal':
        this.routed++
        return connection.offers.answer(frame as Addressed, connection.id)
      case 'signal':
      case 'cancel':
        return this.#signal(connection, frame as Addressed)
      case 'message':
        return this.#message(connection, frame as Addressed)
      case 'join':
      case 'leave':
      case 'lookup':
      case 'watch':
      case 'token':
      case 'moderate':
      case 'history':
        return this.#request(connection, frame)
      case 'unknown':
        return connection.fail(
          frame.requestId,
          new SignalError('UNSUPPORTED', 'this server does not know that request')
        )
      case 'pong':
      case 'result':
      case 'error':
      case 'goodbye':
        return
      default:
        return connection.close('BAD_FRAME', `a client does not send ${frame.kind}`)
    }
  }

  /** Gates, then the hook, then the answer. The connection's next frame waits for all of it. */
  async #request(connection: Connection, frame: Frame): Promise<void> {
    try {
      const { joins } = connection.rates
      if (!joins.take()) throw limited(joins.wait())
      connection.hold()
      const performing = this.#perform(connection, frame)
      connection.running = performing.catch(() => {})
      const result = await this.#options.within(performing)
      this.#answer(connection, frame.requestId, result, frame.kind)
    } catch (error) {
      this.#refuse(connection, frame.requestId, error)
    }
    connection.running = undefined
    connection.release()
  }

  async #perform(connection: Connection, frame: Frame): Promise<unknown> {
    const { limits, gate, routes } = this.#options
    const { id } = connection
    switch (frame.kind) {
      case 'join': {
        const { watch, info } = frame
        const limit = frame.limit || limits.lookup
        const msg: JoinMsg = { id, topic: copy(frame.topic), watch, limit, info: copy(info) }
        await gate.pass(connection, 'join', msg)
        return this.#join(connection, msg)
      }
      case 'leave': {
        const msg: Msg = { id, topic: copy(frame.topic) }
        await gate.pass(connection, 'leave', msg)
        await routes.leave(connection, msg)
        connection.left(msg.topic)
        return undefined
      }
      case 'lookup': {
        const { after, details } = frame
        const limit = Math.min(frame.limit || limits.lookup, limits.maxLookup)
        const msg: LookupMsg = { id, topic: copy(frame.topic), limit, details, after: after && copy(after) }
        await gate.pass(connection, 'lookup', msg)
        return routes.lookup(connection, msg)
      }
      case 'watch': {
        const msg: WatchMsg = { id, topic: copy(frame.topic), remoteId: copy(frame.id), watch: frame.watch }
        await gate.pass(connection, 'watch', msg)
        return routes.watch(connection, msg)
      }
      case 'token': {
        const before = connection.token
        connection.token = frame.token
        try {
          await gate.pass(connection, 'token', { id, topic: ZERO_ID })
        } catch (error) {
          connection.token = before
          throw error
        }
        return routes.token(connection)
      }
      case 'moderate': {
        const data = decodeBody(frame)
        const msg: ModerateMsg = { id, topic: copy(frame.topic), remoteId: copy(frame.id), data }
        await gate.pass(connection, 'moderate', msg)
        return routes.moderate(connection, msg)
      }
      case 'history': {
        const topic = copy(frame.topic)
        const msg: HistoryMsg = { id, topic, limit: frame.limit || HISTORY, before: frame.before || LAST }
        if (!connection.hasJoined(topic)) throw notJoined()
        await gate.pass(connection, 'history', msg)
        return routes.history(connection, msg)
      }
      default:
        throw new SignalError('UNSUPPORTED', `${frame.kind} is no request`)
    }
  }

  async #join(connection: Connection, msg: JoinMsg): Promise<unknown> {
    const { limits, routes } = this.#options
    const known = connection.hasJoined(msg.topic)
    if (!known && connection.topicCount >= limits.maxTopics) {
      throw new SignalError('LIMIT_TOPICS', `a connection may join ${limits.maxTopics} topics`)
    }
    connection.joined(msg.topic)
    try {
      return await routes.join(connection, msg)
    } catch (error) {
      if (!known) connection.left(msg.topic)
      throw error
    }
  }

  #offer(connection: Connection, frame: Addressed): void | Promise<void> {
    const { gate, routes, within } = this.#options
    const { requestId } = frame
    const kind = frame.kind as 'offer' | 'remoteConnect'
    if (connection.offers.isAsking(requestId))
      return connection.close('BAD_FRAME', 'a request id that is in use')
    const msg = new AddressedMsg(connection.id, frame, bytes => void connection.take(bytes))
    const fail = (error: unknown) => {
      connection.offers.asked(requestId)
      this.#refuse(connection, requestId, error)
    }
    const start = () => {
      if (requestId === 0) throw new SignalError('INVALID_ARGUMENT', 'an offer needs a request id')
      if (equals(frame.address, connection.id))
        throw new SignalError('INVALID_ARGUMENT', 'an offer to oneself')
      connection.offers.ask(frame)
      const hook = routes[kind](connection, msg)
      // Not awaited: an answer may take as long as a person needs.
      const answered = within(Promise.resolve(hook)).then(result => {
        if (result === FORWARDED) return
        connection.offers.asked(requestId)
        if (result === undefined) throw peerNotFound()
        this.#answer(connection, requestId, result, kind)
      })
      answered.catch(fail)
      this.routed++
    }
    return attempt(() => gate.pass(connection, kind, msg), start, fail)
  }

  /** The one that is counted in microseconds: where nobody has a say in it, it makes no promise and no function. */
  #signal(connection: Connection, frame: Addressed): void | Promise<void> {
    if (frame.kind === 'cancel') connection.offers.cancel(frame)
    const msg = new AddressedMsg(connection.id, frame, ignore)
    try {
      const waiting = this.#options.gate.pass(connection, 'signal', msg)
      const running = waiting
        ? waiting.then(() => this.#passOn(connection, msg))
        : this.#passOn(connection, msg)
      return running?.catch(error => this.#options.emit('connection-error', error, connection))
    } catch (error) {
      this.#options.emit('connection-error', error, connection)
    }
  }

  #passOn(connection: Connection, msg: AddressedMsg): void | Promise<void> {
    this.routed++
    const running = this.#options.routes.signal(connection, msg)
    if (running instanceof Promise) return this.#options.within(running)
  }

  async #message(connection: Connection, frame: Addressed): Promise<void> {
    const { limits, gate, routes, within } = this.#options
    const { requestId } = frame
    try {
      const { messages } = connection.rates
      if (!messages.take()) throw limited(messages.wait())
      const { length } = frame.bytes
      const { maxMessage, maxPayload } = limits
      // A guest's signals for one are what offers are for clients.
      const most = gate.guests.has(connection) && !isZero(frame.address) ? maxPayload : maxMessage
      if (length > most)
        throw new SignalError('TOO_LARGE', `a message of ${length} bytes, the limit is ${most}`)
      if (!connection.hasJoined(frame.topic)) throw notJoined()
      const msg = new AddressedMsg(connection.id, frame, ignore)
      await gate.pass(connection, 'message', msg)
      frame.requestId = 0
      await within(Promise.resolve(routes.message(connection, msg)))
      this.routed++
      this.#answer(connection, requestId, undefined, 'message')
    } catch (error) {
      this.#refuse(connection, requestId, error)
    }
  }

  #refuse(connection: Connection, requestId: number, error: unknown): void {
    const refusal = toSignalError(error, 'FORBIDDEN')
    connection.fail(requestId, refusal)
    this.#options.emit('refused', refusal.code, connection)
  }

  #answer(connection: Connection, requestId: number, result: unknown, kind: Frame['kind']): void {
    if (requestId === 0) return
    for (const page of this.#pages(result, kind)) connection.send({ kind: 'result', requestId, ...page })
  }

  #pages(result: unknown, kind: Frame['kind']): Body[] {
    const { maxPayload } = this.#options.limits
    if (kind === 'history') return toPastPages(result as readonly Past[], maxPayload)
    if (kind !== 'join' && kind !== 'lookup') return [encodeBody(result)]
    const value = result ?? []
    return toPages(value, maxPayload) ?? [encodeBody(value)]
  }
}

/** The gate, then the work. What either throws goes to `fail`; a promise is returned only if one of them made one. */
function attempt(
  gate: () => void | Promise<void>,
  run: () => void | Promise<void>,
  fail: (error: unknown) => void
): void | Promise<void> {
  try {
    const waiting = gate()
    const running = waiting ? waiting.then(run) : run()
    return running?.then(undefined, fail)
  } catch (error) {
    fail(error)
  }
}

function ignore(): void {}

function notJoined(): SignalError {
  return new SignalError('NOT_JOINED', 'join the topic first')
}

function limited(retryAfterMs: number): SignalError {
  return new SignalError('RATE_LIMITED', `too many requests, try again in ${retryAfterMs} ms`, {
    retryAfterMs
  })
}
