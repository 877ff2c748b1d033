import { copy, isZero, ZERO_ID } from './bytes.ts'
import { decodeBody, encodeBody } from './codec.ts'
import { SignalError, toSignalError } from './errors.ts'
import { type Addressed, createAddressed } from './frame.ts'
import { FLAG, MAX_MESSAGE } from './protocol.ts'
import type { Waitable } from './resource.ts'
import type { Rpc } from './rpc.ts'
import { NO_SIGNATURE, ReplayWindow, type Seal } from './seal.ts'

export interface PublishOptions extends Waitable {
  /** Only to this peer. 32 bytes. Default: everybody in the topic. */
  to?: Uint8Array
}

export interface TopicMessage {
  topic: Uint8Array
  /** Who sent it: 32 bytes. */
  id: Uint8Array
  /** What was published: bytes as bytes, anything else as JSON holds it. */
  data: unknown
  /** Whether it was sent to you alone. */
  direct: boolean
}

export interface MessagesContext {
  readonly seal: Seal
  requestTimeout(): number
  usable(signal: AbortSignal | undefined): Promise<Rpc>
  deliver(message: TopicMessage): void
  dropped(error: SignalError, id: Uint8Array): void
}

/** Senders whose sequence numbers are remembered. */
const MAX_WINDOWS = 4096

/** Messages to topics and peers: signed and numbered on the way out, checked and told once on the way in. */
export class Messages {
  /** Largest frame of a message, as the server told it. Unit: bytes. */
  limit = MAX_MESSAGE
  readonly #context: MessagesContext
  /** Random at each start, so that the numbers of an earlier start are of another session. */
  readonly #session: Uint8Array
  readonly #windows = new Map<string, ReplayWindow>()
  #seq = 0
  #sending: Promise<unknown> = Promise.resolve()
  #reading: Promise<unknown> = Promise.resolve()

  constructor(context: MessagesContext, session: Uint8Array) {
    this.#context = context
    this.#session = session
  }

  /** At most once: when the socket ends before the server has answered, the promise rejects. */
  async publish(topic: Uint8Array, data: unknown, { to, signal }: PublishOptions): Promise<void> {
    const { flags, bytes: body } = encodeBody(data)
    const rpc = await this.#context.usable(signal)
    const timeout = this.#context.requestTimeout()
    const sent = this.#sending.then(async () => {
      const frame = createAddressed('message', {
        flags: flags | (to ? FLAG.direct : 0) | this.#context.seal.flags,
        address: to ?? ZERO_ID,
        topic,
        session: this.#session,
        seq: ++this.#seq,
        body
      })
      const { length } = frame.bytes
      if (length > this.limit)
        throw new SignalError('TOO_LARGE', `a message takes ${length} bytes, the limit is ${this.limit}`)
      await this.#context.seal.sign(frame, NO_SIGNATURE)
      // Sent from within the chain, so that messages leave in the order of their numbers; answered outside of it.
      return { answer: rpc.request(frame, { signal, timeout }) }
    })
    this.#sending = sent.catch(() => {})
    await (await sent).answer
  }

  receive(frame: Addressed): void {
    this.#reading = this.#reading.then(() => this.#read(frame)).catch(() => {})
  }

  async #read(frame: Addressed): Promise<void> {
    const id = copy(frame.address)
    try {
      if (isZero(id)) throw new SignalError('BAD_SIGNATURE', 'a message from nobody')
      await this.#context.seal.check(frame, NO_SIGNATURE)
      if (!this.#window(frame.addressAndSession).accept(frame.seq)) {
        throw new SignalError('BAD_SIGNATURE', 'this message was seen before')
      }
      const data = decodeBody({ flags: frame.flags, bytes: copy(frame.body) })
      this.#context.deliver({ topic: copy(frame.topic), id, data, direct: (frame.flags & FLAG.direct) !== 0 })
    } catch (error) {
      this.#context.dropped(toSignalError(error), id)
    }
  }

  #window(key: string): ReplayWindow {
    const window = this.#windows.get(key) ?? new ReplayWindow()
    this.#windows.delete(key)
    this.#windows.set(key, window)
    for (const oldest of this.#windows.keys()) {
      if (this.#windows.size <= MAX_WINDOWS) break
      this.#windows.delete(oldest)
    }
    return window
  }
}
