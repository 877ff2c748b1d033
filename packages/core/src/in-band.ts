import { encodeText } from './bytes.ts'
import { CEILING } from './protocol.ts'
import type { Rtc, RtcSignal } from './rtc.ts'

/** Of the data channel that carries signals; simple-peer's has another name. */
const LABEL = 'socket-signal'

/**
 * Signals over the connection itself, for when there is no server: in a data channel of their own, opened by whoever
 * needs it first. DTLS proves who sent them, by the fingerprints that were signed.
 */
export class InBand {
  readonly #pc: RTCPeerConnection | undefined
  readonly #onsignals: (json: Uint8Array) => void
  #channel: RTCDataChannel | undefined

  /** `onsignals` is given what came, unread. */
  constructor(rtc: Rtc, onsignals: (json: Uint8Array) => void) {
    const { _pc: pc } = rtc as { _pc?: RTCPeerConnection } // Another Rtc may have none.
    this.#pc = pc
    this.#onsignals = onsignals
    if (!pc) return
    // simple-peer would take any channel for its own.
    const theirs = pc.ondatachannel
    pc.ondatachannel = event => {
      if (event.channel.label === LABEL) this.#take(event.channel)
      else theirs?.call(pc, event)
    }
  }

  /** Gives whether they go. */
  send(signals: RtcSignal[]): boolean {
    if (!this.#pc) return false
    const bytes = encodeText(JSON.stringify(signals)) as Uint8Array<ArrayBuffer>
    const channel = this.#channel ?? this.#take(this.#pc.createDataChannel(LABEL))
    if (channel.readyState === 'open') return given(channel, bytes)
    if (channel.readyState !== 'connecting') return false
    channel.addEventListener('open', () => given(channel, bytes))
    return true
  }

  #take(channel: RTCDataChannel): RTCDataChannel {
    channel.binaryType = 'arraybuffer'
    channel.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer && data.byteLength <= CEILING.payload)
        this.#onsignals(new Uint8Array(data))
    }
    this.#channel = channel
    return channel
  }
}

/** Whether the channel took them: one that is full, or was closed just now, throws. */
function given(channel: RTCDataChannel, bytes: Uint8Array<ArrayBuffer>): boolean {
  try {
    channel.send(bytes)
    return true
  } catch {
    return false
  }
}
