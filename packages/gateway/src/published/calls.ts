import type { Addressed } from 'socket-signal/wire'
import type { Dialect } from './dialect.ts'
import type { Line, Route } from './line.ts'
import type { Answer } from './nanomessage.ts'
import { formatFailure, type RtcSignal, readBody, splitBatch, toSignals } from './words.ts'

/** What the client was asked. */
interface Call {
  readonly kind: 'offer' | 'remoteConnect'
  readonly requestId: number
  readonly from: Route
  /** Sender and session. */
  readonly key: string
  readonly at: number
  /** Candidates: the client would drop what comes before it has made its peer. */
  readonly held: RtcSignal[]
}

/** Candidates that are held for one session, as our own clients do. */
const MAX_HELD = 32
/** From then on nobody waits for the client's answer. Unit: ms. */
const LONGEST = 60_000

/** What a published client is asked and told, and what it answers. */
export class Calls {
  readonly #line: Line
  readonly #dialect: Dialect
  /** By number. The server lets only so many wait. */
  readonly #waiting = new Map<number, Call>()

  constructor(line: Line, dialect: Dialect) {
    this.#line = line
    this.#dialect = dialect
  }

  /** A peer's offer, or its wish to be dialed. */
  ask(frame: Addressed): void {
    const { requestId, route: key } = frame
    const kind = frame.kind === 'offer' ? 'offer' : 'remoteConnect'
    const from = routeOf(frame)
    const { offer, metadata } = readBody(frame)
    const name = kind === 'offer' ? 'offer' : this.#dialect.remoteConnect
    if (name === undefined) return this.#refuse(from, requestId, 'this peer is too old to be asked to dial')
    const [signal] = toSignals([offer])
    if (kind === 'offer' && signal?.type !== 'offer') return this.#refuse(from, requestId, 'no offer in it')
    const at = performance.now()
    for (const [number, call] of this.#waiting) if (at - call.at > LONGEST) this.#waiting.delete(number)
    const number = this.#line.takeNumber(this.#waiting)
    this.#waiting.set(number, { kind, requestId, from, key, at, held: [] })
    const data = { ...this.#line.words(from), ...(kind === 'offer' && { data: [signal] }), metadata }
    this.#line.call(number, name, data)
  }

  /** A peer's signals. */
  pass(frame: Addressed): void {
    const signals = toSignals(readBody(frame).value)
    for (const { key, held } of this.#waiting.values()) {
      if (key !== frame.route) continue
      const candidates = signals.filter(({ type }) => type === 'candidate')
      return void held.push(...candidates.slice(0, MAX_HELD - held.length))
    }
    this.#tell(routeOf(frame), signals)
  }

  /** A peer gives its offer up: what the client answers to it from then on is for nobody. */
  forget({ route }: Addressed): void {
    for (const [number, { key }] of this.#waiting) if (key === route) this.#waiting.delete(number)
  }

  /** The client answers. */
  take({ number, failed, data }: Answer): void {
    const call = this.#waiting.get(number)
    this.#waiting.delete(number)
    if (!call) return this.#line.count()
    const { kind, from, requestId, held } = call
    if (failed) return this.#refuse(from, requestId, formatFailure(data))
    const { data: batch, metadata = {} } = Object(data)
    const { description, rest } = splitBatch(batch, 'answer')
    if (!description && kind === 'offer') return this.#refuse(from, requestId, 'no answer in its answer')
    const answer = kind === 'offer' ? { answer: description, metadata } : { metadata }
    // Numbers take more room than they came with: 1e20.
    if (!this.#line.send('answer', from, answer, requestId))
      return this.#refuse(from, requestId, 'its answer is too large')
    if (rest.length > 0) this.#line.send('signal', from, rest)
    this.#tell(from, held)
  }

  #tell(from: Route, signals: RtcSignal[]): void {
    if (signals.length > 0)
      this.#line.call(0, 'signal', { ...this.#line.words(from), data: signals, metadata: {} })
  }

  #refuse(from: Route, requestId: number, message: string): void {
    this.#line.send('refusal', from, { code: 'REJECTED', message, retryable: false }, requestId)
  }
}

/** Of its own: the frame may be part of something large. */
function routeOf({ topic, address, session }: Addressed): Route {
  return { topic: topic.slice(), remoteId: address.slice(), session: session.slice() }
}
