import { type Clock, type Peer, type Rtc, SignalError, toKey } from 'socket-signal'
import { Bucket, isObject } from 'socket-signal/wire'
import { MS, RATE } from './bounds.ts'
import type { Channel } from './channel.ts'
import { NAME } from './host.ts'
import { encodeWord, type Said } from './wire.ts'

/** Who a connection is with. */
export interface ConnectionInfo {
  /** 32 bytes. */
  readonly id: Uint8Array
  /** The topics that are shared with it, as they stand: 32 bytes each. */
  readonly topics: Uint8Array[]
  /** The client's own Peer: `explain()`, metadata, the topic that it was dialed in. */
  readonly peer: Peer
}

/** One for each peer, however many topics are shared with it. */
export interface Connection {
  /** A duplex stream, which is the app's alone. */
  readonly stream: Rtc
  /** Who it is with, and for which topics: as it stands, not a copy. */
  readonly info: ConnectionInfo
}

/** One connected peer, however many topics are shared with it. */
export class Neighbour {
  /** A key of Maps. */
  readonly key: string
  readonly peer: Peer
  readonly channel: Channel
  /** The topics that are shared with it, by their keys. */
  readonly shared = new Map<string, Uint8Array>()
  /** Topics in which the server was asked to tell of it. */
  readonly watched = new Set<string>()
  /** Topics that it was asked to share, and the timers that wait for its word. */
  readonly asked = new Map<string, unknown>()
  readonly connection: Connection
  readonly since: number
  /** Unit: ms, by the clock. */
  heardAt: number
  /** While somebody waits for a sign of life of it. */
  probe: unknown
  readonly #clock: Clock
  readonly #said: Bucket
  readonly #carried: Bucket
  readonly #shares: Bucket
  #turn: Promise<unknown> = Promise.resolve()
  #stuck = false

  constructor(peer: Peer, channel: Channel, clock: Clock) {
    this.key = toKey(peer.id)
    this.peer = peer
    this.channel = channel
    const { shared } = this
    const info: ConnectionInfo = {
      id: peer.id,
      peer,
      get topics() {
        return [...shared.values()]
      }
    }
    this.connection = { stream: peer.stream, info }
    this.since = this.heardAt = clock.now()
    this.#clock = clock
    this.#said = new Bucket(clock, RATE.channel.rate, RATE.channel.burst)
    this.#carried = new Bucket(clock, RATE.carry.rate, RATE.carry.burst)
    this.#shares = new Bucket(clock, RATE.share.rate, RATE.share.burst)
  }

  /** Whether signals can be brought to it. */
  get carries(): boolean {
    const said = this.peer.remoteMetadata[NAME]
    return isObject(said) && said.carry !== false
  }

  get info(): ConnectionInfo {
    return this.connection.info
  }

  /** Gives whether it goes. */
  say(word: Said): boolean {
    return this.channel.send(encodeWord(word))
  }

  /** Whether it may say one more thing. */
  maySay(): boolean {
    return this.#said.take()
  }

  /** Whether it may have one more signal carried. */
  mayCarry(): boolean {
    return this.#carried.take()
  }

  /** Whether it may share one more topic: the server is asked to tell of it there. */
  mayShare(): boolean {
    return this.#shares.take()
  }

  /** Does what it said when all that it said before is done: who is found out with one thing has said no other. */
  inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  /** Resolves when less waits in its channel. One that takes nothing is waited for once, so it holds up nobody else. */
  async drained(): Promise<void> {
    const { channel } = this
    if (!channel.full || this.#stuck) return
    let late: (() => void) | undefined
    const timer = this.#clock.setTimeout(() => {
      this.#stuck = true
      late?.()
    }, MS.drain)
    const drained = channel.drained().then(() => {
      this.#clock.clearTimeout(timer)
      this.#stuck = false
    })
    await Promise.race([drained, new Promise<void>(resolve => void (late = resolve))])
  }

  /** Ends the connection where the app reads too little of it: WebRTC can't make the other side wait. Unit: bytes. */
  limitUnread(most: number): void {
    const stream = this.peer.stream as Rtc & { _channel?: RTCDataChannel; readableLength?: number }
    stream._channel?.addEventListener('message', () => {
      if ((stream.readableLength ?? 0) <= most) return
      this.peer.destroy(new SignalError('SLOW_CONSUMER', `more than ${most} bytes wait to be read`))
    })
  }
}
