import { FakeTarget, type Handler, invalidState } from './target.ts'

/** How a channel reaches the one at the other side: in order, behind everything that was sent before. */
export type Carry = (act: (other: FakeDataChannel | undefined) => void) => void

const MAX_MESSAGE = 262_144
const EVENTS = ['open', 'message', 'bufferedamountlow', 'error', 'closing', 'close']

/** `RTCDataChannel`: strings and bytes, reliable and in order. */
export class FakeDataChannel extends FakeTarget {
  /** Text of its maker, the same on both sides. */
  readonly label: string
  /** As it was made: everything comes in order all the same. */
  readonly ordered: boolean
  /** As it was made: nothing is lost. */
  readonly maxPacketLifeTime: number | null
  /** As it was made: nothing is lost. */
  readonly maxRetransmits: number | null
  /** Text of its maker. */
  readonly protocol: string
  /** Whether both sides make it, by its id, and none is announced. */
  readonly negotiated: boolean
  /** Given when the connection stands, even for who offered; null before. */
  id: number | null
  /** Kept, and not used: bytes come as an ArrayBuffer. */
  binaryType: BinaryType = 'arraybuffer'
  /** See `onbufferedamountlow`. Unit: bytes. */
  bufferedAmountLowThreshold = 0
  /** `connecting`, `open`, `closing`, `closed`. */
  readyState: RTCDataChannelState = 'connecting'
  /** What was sent and is not with the other side. Unit: bytes. */
  bufferedAmount = 0
  /** Messages can be sent. */
  onopen: Handler = null
  /** `data` is text or an ArrayBuffer of its own. */
  onmessage: Handler = null
  /** What waits has fallen to `bufferedAmountLowThreshold`. */
  onbufferedamountlow: Handler = null
  /** Never called. */
  onerror: Handler = null
  /** Never called. */
  onclosing: Handler = null
  /** Either side closed it, or the other side's connection has gone. */
  onclose: Handler = null
  #carry: Carry | undefined

  constructor(label: string, init: RTCDataChannelInit = {}) {
    super(EVENTS)
    this.label = String(label)
    this.ordered = init.ordered ?? true
    this.maxPacketLifeTime = init.maxPacketLifeTime ?? null
    this.maxRetransmits = init.maxRetransmits ?? null
    this.protocol = init.protocol ?? ''
    this.negotiated = init.negotiated ?? false
    this.id = init.id ?? null
  }

  /** What the other side has to know of it. @internal */
  get init(): RTCDataChannelInit {
    const { ordered, protocol, id } = this
    return { ordered, protocol, ...(id === null ? {} : { id }) }
  }

  /** Throws InvalidStateError unless it is open, `TypeError` for what is no text or bytes, or above 262,144 bytes. */
  send(data: string | ArrayBuffer | ArrayBufferView): void {
    if (this.readyState !== 'open') throw invalidState("RTCDataChannel.readyState is not 'open'")
    const message = typeof data === 'string' ? data : copyBytes(data)
    const size = typeof message === 'string' ? new TextEncoder().encode(message).length : message.byteLength
    if (size > MAX_MESSAGE) throw new TypeError(`a message of ${size} bytes, the limit is ${MAX_MESSAGE}`)
    this.bufferedAmount += size
    this.#carry?.(other => {
      this.#sent(size)
      other?.receive(message)
    })
  }

  /** Closes both sides, behind what was sent. */
  close(): void {
    if (this.readyState === 'closing' || this.readyState === 'closed') return
    const carry = this.readyState === 'open' ? this.#carry : undefined
    this.readyState = 'closing'
    if (!carry) return queueMicrotask(() => this.end())
    carry(other => {
      other?.end()
      this.end()
    })
  }

  /** The other side can be reached. @internal */
  connect(carry: Carry): void {
    this.#carry = carry
    this.readyState = 'open'
  }

  /** Says so. @internal */
  tell(): void {
    if (this.readyState === 'open') this.emit('open')
  }

  /** Something came; ignored unless it is open. @internal */
  receive(data: string | ArrayBuffer): void {
    if (this.readyState === 'open') this.emit('message', { data })
  }

  /** It is over; `quiet` where nobody is told, as when its connection is closed. @internal */
  end(quiet = false): void {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.bufferedAmount = 0
    if (!quiet) this.emit('close')
  }

  #sent(size: number): void {
    if (this.readyState === 'closed') return
    const before = this.bufferedAmount
    this.bufferedAmount -= size
    const threshold = this.bufferedAmountLowThreshold
    if (before > threshold && this.bufferedAmount <= threshold) this.emit('bufferedamountlow')
  }
}

function copyBytes(data: unknown): ArrayBuffer {
  if (data instanceof ArrayBuffer) return data.slice(0)
  if (!ArrayBuffer.isView(data)) throw new TypeError('a message is a string, an ArrayBuffer or a view of one')
  return Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)).buffer
}
