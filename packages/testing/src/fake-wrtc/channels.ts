import { type Carry, FakeDataChannel } from './data-channel.ts'
import { invalidState } from './target.ts'
import type { FakeTransport } from './transport.ts'

/** The data channels of one connection, by the number that both sides know them under. */
export class Channels {
  readonly #transport: FakeTransport
  readonly #onchannel: (channel: FakeDataChannel) => void
  #waiting: FakeDataChannel[] = []
  readonly #open = new Map<number, FakeDataChannel>()
  #next = 0

  constructor(options: {
    transport: FakeTransport
    /** The remote has made a channel. */
    onchannel(channel: FakeDataChannel): void
  }) {
    this.#transport = options.transport
    this.#onchannel = options.onchannel
  }

  /** Whether there ever was one, so that descriptions have a place for them. */
  get used(): boolean {
    return this.#waiting.length > 0 || this.#open.size > 0
  }

  create(label: string, init: RTCDataChannelInit = {}): FakeDataChannel {
    if (init.negotiated && init.id === undefined) throw new TypeError('a negotiated channel needs an id')
    const channel = new FakeDataChannel(label, init)
    this.#waiting.push(channel)
    return channel
  }

  /** The other side can be reached. `even`: whose numbers are even, so that the two sides' never meet. */
  connect(even: boolean): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const channel of waiting) {
      if (channel.readyState !== 'connecting') continue
      const id = channel.id ?? this.#number(even)
      if (this.#open.has(id)) throw invalidState(`channel ${id} is in use`)
      channel.id = id
      this.#add(channel)
      const { label, init, negotiated } = channel
      if (!negotiated)
        this.#transport.lane.push(() => this.#transport.partner?.channels?.announced(label, init))
      channel.tell()
    }
  }

  find(id: number): FakeDataChannel | undefined {
    return this.#open.get(id)
  }

  /** The other side has made a channel. */
  announced(label: string, init: RTCDataChannelInit): void {
    const channel = new FakeDataChannel(label, init)
    this.#add(channel)
    this.#onchannel(channel)
    channel.tell()
  }

  /** The connection is over: with an event where the other side ended it, without one where this side did. */
  end(quiet: boolean): void {
    const channels = [...this.#waiting, ...this.#open.values()]
    this.#waiting = []
    this.#open.clear()
    for (const channel of channels) channel.end(quiet)
  }

  #add(channel: FakeDataChannel): void {
    const id = channel.id as number
    this.#open.set(id, channel)
    channel.addEventListener('close', () => this.#open.delete(id))
    const carry: Carry = act =>
      this.#transport.lane.push(() => act(this.#transport.partner?.channels?.find(id)))
    channel.connect(carry)
  }

  #number(even: boolean): number {
    let id: number
    do id = this.#next++ * 2 + (even ? 0 : 1)
    while (this.#open.has(id))
    return id
  }
}
