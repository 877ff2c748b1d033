import { MAX } from './bounds.ts'
import { copy, isZero, ZERO_ID } from './bytes.ts'
import { type Body, decodeBody } from './codec.ts'
import { SignalError, toSignalError } from './errors.ts'
import type { Addressed } from './frame.ts'
import type { Host } from './host.ts'
import { Limiter } from './limiter.ts'
import { remember } from './lru.ts'
import { FLAG } from './protocol.ts'
import type { Waitable } from './resource.ts'
import type { Rpc } from './rpc.ts'
import { ReplayWindow } from './seal.ts'

/** To whom a message goes. */
export interface PublishOptions extends Waitable {
  /** Only to this peer. 32 bytes. Default: everybody in the topic. */
  to?: Uint8Array
  /** Asks the server to keep it for those who come later, if it keeps history at all. Not with `to`. Default: `false`. */
  keep?: boolean
}

/** What somebody published: its signature was checked, as `verify` wants it, and it comes once. */
export interface TopicMessage {
  /** 32 bytes. */
  topic: Uint8Array
  /** Who sent it: 32 bytes. */
  id: Uint8Array
  /** What was published: bytes as bytes, anything else as JSON holds it. */
  data: unknown
  /** Whether it was sent to you alone. */
  direct: boolean
}

/** Messages to topics and peers: signed and numbered on the way out, checked and told once on the way in. */
export class Messages {
  readonly #host: Host
  /** Random at each start, so that the numbers of an earlier start are of another session. */
  readonly #session: Uint8Array
  readonly #windows = new Map<string, ReplayWindow>()
  #seq = 0
  readonly #sending = new Limiter(1)
  readonly #reading = new Limiter(1)
  /** Bytes that wait there, or are being checked. */
  #unread = 0

  constructor(host: Host) {
    this.#host = host
    this.#session = copy(host.crypto.randomBytes(32))
  }

  /** At most once: when the socket ends before the server has answered, the promise rejects. */
  async publish(
    rpc: Rpc,
    topic: Uint8Array,
    { flags, body }: Body,
    { to, keep, signal }: PublishOptions
  ): Promise<void> {
    const { seal, requestTimeout: timeout } = this.#host
    const { answer } = await this.#sending.run(async () => {
      const frame = await seal.seal('message', {
        address: to ?? ZERO_ID,
        topic,
        session: this.#session,
        seq: ++this.#seq,
        flags: flags | (to ? FLAG.direct : keep ? FLAG.keep : 0),
        body
      })
      const { length } = frame.bytes
      const { maxMessage } = this.#host
      if (length > maxMessage)
        throw new SignalError('TOO_LARGE', `message takes ${length} bytes, the limit is ${maxMessage}`)
      // Sent from within the chain, so that messages leave in the order of their numbers; answered outside of it.
      return { answer: rpc.request(frame, { signal, timeout }) }
    })
    await answer
  }

  receive(frame: Addressed): void {
    // A server sends as fast as it likes, and a page can't stop reading: what comes on top is lost, as messages may be.
    if (this.#unread > MAX.unread)
      return this.#drop(new SignalError('SLOW_CONSUMER', 'too many wait'), copy(frame.address))
    this.#unread += frame.bytes.length
    void this.#reading.run(async () => {
      const message = await this.read(frame, () => {
        const window = this.#windows.get(frame.route) ?? new ReplayWindow()
        remember(this.#windows, frame.route, window, MAX.windows)
        window.assertNew(frame.seq)
      })
      this.#unread -= frame.bytes.length
      if (message) this.#host.emit('message', message)
    })
  }

  /** Tells of one that is wrong. `onchecked` is called before the body is looked at, and may throw as well. */
  async read(frame: Addressed, onchecked = () => {}): Promise<TopicMessage | undefined> {
    const id = copy(frame.address)
    const { flags } = frame
    try {
      if (isZero(id)) throw new SignalError('BAD_SIGNATURE', 'a message from nobody')
      await this.#host.seal.check(frame)
      onchecked()
      const data = decodeBody({ flags, body: copy(frame.body) })
      return { topic: copy(frame.topic), id, data, direct: (flags & FLAG.direct) !== 0 }
    } catch (error) {
      this.#drop(error, id)
    }
    return undefined
  }

  #drop(error: unknown, id: Uint8Array): void {
    this.#host.emit('dropped', { error: toSignalError(error), id })
  }
}
