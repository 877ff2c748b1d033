import { type Company, SignalError, toKey } from 'socket-signal'
import { Addressed, Bucket, concat, decodeBody, decodeFrame, encodeBody } from 'socket-signal/wire'
import { MAX, MS, RATE } from './bounds.ts'
import type { Neighbour } from './neighbour.ts'
import { Origins } from './origins.ts'

/** What came by `broadcast`. */
export interface Broadcast {
  /** The topic it was for, one of those that were joined: 32 bytes. */
  topic: Uint8Array
  /** Who sent it, proven by its signature: 32 bytes. */
  id: Uint8Array
  /** Bytes as bytes, anything else as JSON holds it. */
  data: unknown
  /** Over how many peers it came. Unsigned: whoever handed it on may lie. */
  hops: number
}

/** Broadcasts, counted. */
export interface BroadcastCounts {
  /** Of this peer. */
  sent: number
  /** New ones that came. */
  received: number
  /** Those that had come before. */
  repeated: number
  /** Copies that were handed on. */
  forwarded: number
  /** Copies that found no room in a channel: 256 KiB wait in each. */
  crowded: number
  /** Left out: too many of one sender, too many steps, or no longer of a topic that is shared. */
  dropped: number
}

export interface BroadcasterHost {
  readonly company: Company
  self(): Uint8Array
  /** Those who share a topic. */
  neighbours(topic: string): Neighbour[]
  onmessage(message: Broadcast): void
}

const SESSION = 32

/** Messages to everybody in a topic, handed on from peer to peer: signed by their sender, taken once. */
export class Broadcaster {
  readonly counts: BroadcastCounts = {
    sent: 0,
    received: 0,
    repeated: 0,
    forwarded: 0,
    crowded: 0,
    dropped: 0
  }
  readonly #host: BroadcasterHost
  /** Names this start of ours: when it was, and something random. */
  #session: Uint8Array
  #began = 0
  readonly #origins = new Origins()
  /** A copy of what is being checked waits: it costs nothing where that one is good, and that one may be forged. */
  readonly #checking = new Map<string, Promise<void>>()
  readonly #rates = new Map<string, Bucket>()
  #seq = 0

  constructor(host: BroadcasterHost) {
    this.#host = host
    this.#session = this.#start(Date.now())
  }

  /** Somebody knows a later start of ours, by a clock that was set back since: this one is later still. Unit: ms. */
  late(began: number): void {
    // Who lies must not bring it to its end.
    if (began >= this.#began && began < Date.now() + MS.century) this.#session = this.#start(began + 1)
  }

  /** Gives how many neighbours it went to. Waits while their channels are full. Throws TOO_LARGE, UNPROVEN_ID. */
  async send(topic: Uint8Array, data: unknown): Promise<number> {
    const { company, neighbours, self } = this.#host
    const { flags, body } = encodeBody(data)
    if (body.length > MAX.broadcast)
      throw new SignalError('TOO_LARGE', `a broadcast takes ${MAX.broadcast} bytes at most`)
    const key = toKey(topic)
    const seq = ++this.#seq
    const frame = await company.seal({ flags, topic, session: this.#session, seq, body })
    // Whoever it came to would blame who handed it on.
    if (!frame.signature.some(Boolean))
      throw new SignalError('UNPROVEN_ID', 'a broadcast needs a client with a key')
    frame.address = self()
    this.counts.sent++
    const sent = neighbours(key).filter(neighbour =>
      neighbour.say({ kind: 'broadcast', hops: 0, frame: frame.bytes })
    )
    await Promise.all(sent.map(neighbour => neighbour.drained()))
    return sent.length
  }

  /** Takes one that a neighbour hands on. Rejects with BAD_FRAME or BAD_SIGNATURE where only that neighbour can be to blame. */
  async receive(from: Neighbour, hops: number, bytes: Uint8Array): Promise<void> {
    const { company, neighbours, onmessage, self } = this.#host
    const { counts } = this
    const frame = decodeFrame(bytes)
    if (!(frame instanceof Addressed) || frame.body.length > MAX.broadcast)
      throw new SignalError('BAD_FRAME', 'no broadcast')
    const [id, topic, session] = [frame.address, frame.topic, frame.session].map(toKey) as [
      string,
      string,
      string
    ]
    const { seq } = frame
    const began = Number(new DataView(frame.session.slice().buffer).getBigUint64(0))
    if (hops >= MAX.hops || !from.shared.has(topic)) return void counts.dropped++
    const key = `${id}${session}${seq}`
    while (this.#checking.has(key)) await this.#checking.get(key)
    // From nobody but itself is it no replay.
    const latest = this.#origins.began(id)
    if (from.key === id && began < latest) from.say({ kind: 'late', began: latest })
    if (id === toKey(self()) || this.#origins.has(id, session, began, seq)) return void counts.repeated++
    if (!this.#mayRun(id)) return void counts.dropped++
    const checking = company.check(frame).finally(() => this.#checking.delete(key))
    this.#checking.set(
      key,
      checking.catch(() => {})
    )
    await checking
    if (!this.#origins.accept(id, session, began, seq)) return void counts.repeated++
    const data = decodeBody({ flags: frame.flags, body: frame.body.slice() })
    counts.received++
    for (const neighbour of neighbours(topic)) {
      if (neighbour === from || neighbour.key === id) continue
      const goes =
        !neighbour.channel.full && neighbour.say({ kind: 'broadcast', hops: hops + 1, frame: bytes })
      if (goes) counts.forwarded++
      else counts.crowded++
    }
    onmessage({ topic: frame.topic.slice(), id: frame.address.slice(), data, hops })
  }

  #start(began: number): Uint8Array {
    this.#began = began
    const time = new DataView(new ArrayBuffer(8))
    time.setBigUint64(0, BigInt(began))
    const random = Array.from({ length: SESSION - 8 }, () => Math.floor(this.#host.company.random() * 256))
    return concat(new Uint8Array(time.buffer), Uint8Array.from(random))
  }

  /** Whoever hands it on: what one sender says to all is limited at the first step already. */
  #mayRun(id: string): boolean {
    const { rate, burst } = RATE.origin
    const bucket = this.#rates.get(id) ?? new Bucket(this.#host.company.clock, rate, burst)
    this.#rates.delete(id)
    this.#rates.set(id, bucket)
    for (const oldest of this.#rates.keys()) {
      if (this.#rates.size <= MAX.origins) break
      this.#rates.delete(oldest)
    }
    return bucket.take()
  }
}
