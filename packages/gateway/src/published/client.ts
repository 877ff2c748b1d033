import { closeCode, toKey } from 'socket-signal'
import type { Addressed, Frame } from 'socket-signal/wire'
import type { ForeignSocket, Message } from '../door.ts'
import type { Guest, GuestHandler } from '../guest.ts'
import { watch } from '../watch.ts'
import { Calls } from './calls.ts'
import type { Dialect } from './dialect.ts'
import { answerTo, failTo, Line } from './line.ts'
import { type Answer, type Call, decodeMessage, toId } from './nanomessage.ts'
import { Requests } from './requests.ts'
import { splitBatch, toFailure, toSignals } from './words.ts'

export interface PublishedClientOptions {
  dialect: Dialect
  /** Brings it into the server. */
  enter(id: Uint8Array): Promise<Guest>
  /** How long its offers wait for their answers. Unit: ms. */
  requestTimeout: number
}

/** Messages of one who has not said an id yet. */
const MAX_EARLY = 200
/** How long such a one may leave a ping of ours without an answer. Unit: ms. */
const SILENCE = 15_000

/**
 * A published client at its socket. The first id that it names is its own from then on, an unproven one, and brings it
 * into the server; until then it may send pings.
 */
export class PublishedClient implements GuestHandler {
  readonly #socket: ForeignSocket
  readonly #options: PublishedClientOptions
  #id: Uint8Array | undefined
  /** There once it is in. */
  #line: Line | undefined
  #requests: Requests | undefined
  #calls: Calls | undefined
  /** What came while it was being let in. */
  #queue: Message[] = []
  #early = 0
  #gone = false
  readonly #unwatch: () => void

  constructor(socket: ForeignSocket, options: PublishedClientOptions) {
    this.#socket = socket
    this.#options = options
    socket.onmessage = message => this.onmessage(message)
    socket.onclose = () => this.onclose()
    this.#unwatch = watch(socket, SILENCE, () => this.#break('HELLO_TIMEOUT', 'nobody is there'))
  }

  /** From the client. */
  onmessage(message: Message): void {
    if (this.#gone) return
    if (this.#id && !this.#line) return void this.#queue.push(message)
    const read = this.#read(message)
    if (!read) return
    if (!this.#id && ++this.#early > MAX_EARLY)
      return this.#break('RATE_LIMITED', 'many messages, and no id in them')
    if (read.kind === 'call') this.#called(read, message)
    else this.#calls?.take(read)
  }

  /** From the server. */
  onframe(frame: Frame): void {
    if (frame.kind === 'offer' || frame.kind === 'remoteConnect') this.#calls?.ask(frame as Addressed)
    if (frame.kind === 'signal') this.#calls?.pass(frame as Addressed)
    if (frame.kind === 'cancel') this.#calls?.forget(frame as Addressed)
  }

  onclose(): void {
    this.#gone = true
    this.#queue = []
    this.#unwatch()
  }

  #read(message: Message): Call | Answer | undefined {
    try {
      if (typeof message !== 'string') return decodeMessage(message)
      this.#break('BAD_FRAME', 'text, not binary')
    } catch (error) {
      this.#break('BAD_FRAME', (error as Error).message)
    }
  }

  #called(call: Call, message: Message): void {
    const { name, number, data } = call
    const { calls } = this.#options.dialect
    const action = Object.hasOwn(calls, name) ? calls[name] : undefined
    if (action === undefined) return this.#unknown(call)
    if (action === 'ping') return this.#ping(number)
    const { id, topic, remoteId, sessionId, data: batch, metadata } = Object(data)
    const own = toId(id)
    if (!own) return this.#break('BAD_FRAME', 'no id of 32 bytes')
    if (!this.#id) return void this.#comeIn(own, number, message)
    if (toKey(own) !== toKey(this.#id)) return this.#forged(number)
    const [line, requests] = [this.#line as Line, this.#requests as Requests]
    if (action === 'leave' && topic === undefined) return requests.leave(number, undefined)
    const inTopic = toId(topic)
    if (!inTopic) return this.#break('BAD_FRAME', 'no topic of 32 bytes')
    if (action === 'join' || action === 'leave' || action === 'lookup')
      return requests[action](number, inTopic)
    const [remote, session] = [toId(remoteId), toId(sessionId)]
    if (!remote || !session) return this.#break('BAD_FRAME', 'no peer or session of 32 bytes')
    const to = { topic: inTopic, remoteId: remote, session }
    if (action === 'remoteConnect') return requests.dial(action, number, to, { metadata })
    if (action === 'signal') {
      line.answer(number, null)
      const signals = toSignals(batch)
      return void (signals.length > 0 ? line.send('signal', to, signals) : line.count())
    }
    const { description, rest } = splitBatch(batch, 'offer')
    if (!description) return this.#break('BAD_FRAME', 'an offer without an offer')
    requests.dial(action, number, to, { offer: description, metadata }, rest)
  }

  /** What came behind the message with its first id waits until it is in. */
  async #comeIn(id: Uint8Array, number: number, message: Message): Promise<void> {
    this.#unwatch()
    this.#id = id
    this.#queue.push(message)
    this.#socket.pause()
    try {
      const guest = await this.#options.enter(id)
      if (this.#gone) return guest.close()
      this.#line = new Line(this.#socket, guest)
      this.#requests = new Requests(this.#line, this.#options.requestTimeout)
      this.#calls = new Calls(this.#line, this.#options.dialect)
      guest.attach(this.#socket, this)
      this.#socket.resume()
      for (const waiting of this.#queue.splice(0)) this.onmessage(waiting)
    } catch (error) {
      const { code, message: words } = Object(error)
      failTo(this.#socket, number, toFailure(error))
      this.#break(String(code), String(words))
    }
  }

  /** As published servers have it: a call needs a handler, an event does not. */
  #unknown({ number, name, event }: Call): void {
    const unformatMessage = 'missing action handler for: %s'
    if (event) answerTo(this.#socket, number, null)
    else failTo(this.#socket, number, { code: 'NRPC_ERR_NAME_MISSING', unformatMessage, args: [name] })
    this.#line?.count()
  }

  /** One who has only connected has told the server nothing yet. */
  #ping(number: number): void {
    if (this.#requests) this.#requests.ping(number)
    else answerTo(this.#socket, number, { time: Date.now() })
  }

  /** Nobody speaks for another. */
  #forged(number: number): void {
    const words = 'another id than the first one of this connection'
    failTo(this.#socket, number, toFailure({ code: 'BAD_PROOF', message: words }))
    this.#break('BAD_PROOF', words)
  }

  #break(code: string, words: string): void {
    this.onclose()
    if (this.#line) this.#line.guest.close(code, words)
    else this.#socket.close(closeCode(code), words)
  }
}
