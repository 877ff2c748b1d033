import { clipText, concat } from './bytes.ts'
import type { CloseEvent, Socket } from './socket.ts'

/** The part of a Node duplex stream that is used. */
export interface DuplexLike {
  /** What it gives is not looked at; see `writableLength`. */
  write(chunk: Uint8Array): boolean
  /** Ends its writing half, behind what was written. */
  end(): unknown
  /** Ends it at once. Called 2 s after `end()`, where the other side does not end its half. */
  destroy(error?: Error): unknown
  /** Hears `data`, `error`, `end` and `close`. */
  on(event: string, listener: (...args: never[]) => void): unknown
  /** Stops reading, so that the sender feels it. */
  pause(): unknown
  /** Goes on reading. */
  resume(): unknown
  /** Bytes that were written and have not left; without it, a slow reader is not noticed. */
  readonly writableLength?: number
}

/** A Socket as it is; a Node duplex stream as one, length-prefixed. Anything else is a `TypeError`. */
export function toSocket(socket: Socket | DuplexLike, maxPayload: number): Socket {
  if (socket && 'send' in socket && 'close' in socket && 'bufferedAmount' in socket) return socket
  if (socket && 'write' in socket && 'on' in socket && 'destroy' in socket)
    return new StreamSocket(socket, maxPayload)
  throw new TypeError('socket must have send, close and bufferedAmount, or be a Node duplex stream')
}

const ABNORMAL = 1006
const NORMAL = 1000
const PREFIX = 4
const CLOSE = 0x80000000
const CLOSE_REASON = 123
const LINGER = 2_000

/**
 * Messages over a byte stream: `size u32be • message`. A size with its top bit set is the other side's goodbye,
 * `code u16be • reason`, so that close codes arrive as they do over WebSocket.
 */
class StreamSocket implements Socket {
  readonly #stream: DuplexLike
  readonly #maxPayload: number
  #onmessage: Socket['onmessage'] = null
  #onclose: Socket['onclose'] = null
  #waiting = new Uint8Array(0)
  /** What has come since, how much that is with what waits, and how much the next message takes. Unit: bytes. */
  #chunks: Uint8Array[] = []
  #size = 0
  #need = PREFIX
  /** The stream is over; the socket is, once what came before is given. */
  #broken: CloseEvent | null = null
  #ended: CloseEvent | null = null
  #told = false
  #linger: ReturnType<typeof setTimeout> | undefined

  constructor(stream: DuplexLike, maxPayload: number) {
    this.#stream = stream
    this.#maxPayload = maxPayload
    stream.on('data', (chunk: Uint8Array) => this.#read(chunk))
    stream.on('error', (error: Error) => this.#break(error.message))
    stream.on('end', () => this.#break('the stream ended'))
    stream.on('close', () => {
      clearTimeout(this.#linger)
      this.#break('the stream closed')
    })
  }

  get bufferedAmount(): number {
    return this.#stream.writableLength ?? 0
  }

  get onmessage(): Socket['onmessage'] {
    return this.#onmessage
  }

  set onmessage(listener: Socket['onmessage']) {
    this.#onmessage = listener
    this.#drain()
  }

  get onclose(): Socket['onclose'] {
    return this.#onclose
  }

  set onclose(listener: Socket['onclose']) {
    this.#onclose = listener
    this.#tell()
  }

  send(message: Uint8Array): void {
    if (this.#ended) return
    this.#stream.write(prefix(message.length))
    this.#stream.write(message)
  }

  close(code = NORMAL, reason = ''): void {
    if (this.#ended) return
    const words = clipText(reason, CLOSE_REASON)
    this.#stream.write(prefix((CLOSE | (words.length + 2)) >>> 0))
    this.#stream.write(Uint8Array.of(code >>> 8, code & 255, ...words))
    this.#waiting = new Uint8Array(0)
    this.#chunks = []
    this.#finish({ code, reason })
  }

  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    this.#stream.resume()
  }

  #read(chunk: Uint8Array): void {
    if (this.#ended) return
    this.#chunks.push(chunk)
    this.#size += chunk.length
    // Put together once it is enough: a message in many small chunks must not be copied for each of them.
    if (this.#size >= this.#need) this.#drain()
  }

  #drain(): void {
    this.#waiting = concat(this.#waiting, ...this.#chunks.splice(0))
    this.#need = PREFIX
    while (!this.#ended && this.#waiting.length >= PREFIX) {
      const head = new DataView(this.#waiting.buffer, this.#waiting.byteOffset).getUint32(0)
      // The goodbye is told to who never listens; messages wait.
      if (!this.#onmessage && !(head & CLOSE)) {
        this.#need = Number.POSITIVE_INFINITY
        return
      }
      const size = head & ~CLOSE
      if (size > this.#maxPayload + CLOSE_REASON) return this.close(1009, 'message too large')
      this.#need = PREFIX + size
      if (this.#waiting.length < this.#need) break
      this.#need = PREFIX
      const message = this.#waiting.slice(PREFIX, PREFIX + size)
      this.#waiting = this.#waiting.subarray(PREFIX + size)
      this.#size = this.#waiting.length
      if (head & CLOSE) return this.#goodbye(message)
      this.#onmessage?.(message)
    }
    if (this.#broken) this.#end(this.#broken)
  }

  #break(reason: string): void {
    this.#broken ??= { code: ABNORMAL, reason }
    this.#drain()
  }

  #goodbye(message: Uint8Array): void {
    const code = message.length < 2 ? NORMAL : ((message[0] as number) << 8) | (message[1] as number)
    this.#finish({ code, reason: new TextDecoder().decode(message.subarray(2)) })
  }

  #finish(event: CloseEvent): void {
    this.#stream.end()
    // The other side may never read or end its half.
    this.#linger = setTimeout(() => this.#stream.destroy(), LINGER)
    this.#end(event)
  }

  #end(event: CloseEvent): void {
    if (this.#ended) return
    this.#ended = event
    this.#tell()
  }

  #tell(): void {
    if (!this.#ended || !this.#onclose || this.#told) return
    this.#told = true
    this.#onclose(this.#ended)
  }
}

function prefix(size: number): Uint8Array {
  const bytes = new Uint8Array(PREFIX)
  new DataView(bytes.buffer).setUint32(0, size)
  return bytes
}
