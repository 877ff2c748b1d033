import type { Rtc } from 'socket-signal'
import { MAX } from './bounds.ts'

/** Known to both sides beforehand, so that simple-peer, which takes any channel that is announced for its own, hears of none. */
const RESERVED = { label: 'socket-signal-swarm', id: 100 }

/** Messages that are kept, either way, before both sides are there. */
const EARLY = 16

/** The reserved channel of a connection, beside the one that is the app's. */
export class Channel {
  readonly #channel: RTCDataChannel | undefined
  readonly #waiting = new Set<() => void>()
  /** What was said before it was open. */
  #early: Uint8Array[] = []
  /** What came before somebody listened: the other side may be there first. */
  #unheard: Uint8Array[] = []
  #onmessage: ((bytes: Uint8Array) => void) | undefined

  /** `rtc`: before anything is negotiated. Where it is no simple-peer there is no channel, and nothing arrives. */
  constructor(rtc: Rtc) {
    const { _pc: pc } = rtc as { _pc?: RTCPeerConnection }
    const { label, id } = RESERVED
    const channel = pc?.createDataChannel(label, { negotiated: true, id })
    this.#channel = channel
    if (!channel) return
    channel.binaryType = 'arraybuffer'
    channel.bufferedAmountLowThreshold = MAX.soft / 2
    channel.onopen = () => {
      for (const bytes of this.#early.splice(0)) this.send(bytes)
    }
    channel.onmessage = ({ data }) => {
      const bytes = data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(0)
      if (this.#onmessage) this.#onmessage(bytes)
      else if (this.#unheard.length < EARLY) this.#unheard.push(bytes)
    }
    channel.onbufferedamountlow = () => this.#tell()
    channel.onclose = () => this.end()
  }

  /** Hands on what comes, and what has come. */
  listen(onmessage: (bytes: Uint8Array) => void): void {
    this.#onmessage = onmessage
    for (const bytes of this.#unheard.splice(0)) onmessage(bytes)
  }

  /** Whether there is one at all. */
  get there(): boolean {
    return this.#channel !== undefined
  }

  /** Whether more should wait. */
  get full(): boolean {
    return (this.#channel?.bufferedAmount ?? 0) > MAX.soft
  }

  /** Gives whether it goes: not where too much waits already. */
  send(bytes: Uint8Array): boolean {
    const channel = this.#channel
    if (channel?.readyState === 'connecting' && this.#early.length < EARLY) return this.#early.push(bytes) > 0
    if (channel?.readyState !== 'open' || channel.bufferedAmount > MAX.hard) return false
    try {
      channel.send(bytes as Uint8Array<ArrayBuffer>)
      return true
    } catch {
      return false // It closed meanwhile.
    }
  }

  /** Resolves when less waits, or it has ended. */
  async drained(): Promise<void> {
    if (this.full && this.#channel?.readyState === 'open')
      await new Promise<void>(resolve => void this.#waiting.add(resolve))
  }

  end(): void {
    this.#early = this.#unheard = []
    this.#tell()
  }

  #tell(): void {
    for (const resolve of this.#waiting) resolve()
    this.#waiting.clear()
  }
}
