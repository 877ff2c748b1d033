import { once } from 'node:events'
import { connect, type Socket as Tcp } from 'node:net'
import type { CloseEvent, Socket } from 'socket-signal'
import { SUBPROTOCOL } from 'socket-signal'

/** RFC 6455 section 5.2. */
export const OPCODE = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 }

export interface FrameOptions {
  opcode?: number
  fin?: boolean
  masked?: boolean
  /** The three reserved bits as they stand in the first byte. */
  reserved?: number
  /** The length that the head claims. Default: the true one. */
  length?: bigint
}

/** A WebSocket client over bare TCP that keeps no rules: sends any bytes, and stops reading when it is told to. */
export class Wire implements Socket {
  readonly tcp: Tcp
  /** How the server ended it: its close frame, or 1006. */
  closed: CloseEvent | undefined
  #onmessage: Socket['onmessage'] = null
  #onclose: Socket['onclose'] = null
  #early: Buffer[] = []
  #rest: Buffer = Buffer.alloc(0)

  private constructor(tcp: Tcp) {
    this.tcp = tcp
    tcp.on('data', chunk => this.#read(chunk))
    tcp.on('close', () => this.#end({ code: 1006, reason: '' }))
  }

  /** Says the upgrade and waits for its answer. Rejects with the head of any answer but 101. */
  static async dial(url: string, headers: { [name: string]: string } = {}): Promise<Wire> {
    const { hostname, port, host, pathname } = new URL(url)
    const tcp = connect(Number(port), hostname)
    tcp.on('error', () => {})
    tcp.write(upgradeRequest(host, pathname, headers))
    const head = await readHead(tcp)
    if (!head.startsWith('HTTP/1.1 101 ')) {
      tcp.destroy()
      throw new Error(head || 'the socket ended before an answer')
    }
    return new Wire(tcp)
  }

  get bufferedAmount(): number {
    return this.tcp.writableLength
  }

  get onmessage(): Socket['onmessage'] {
    return this.#onmessage
  }

  set onmessage(listener: Socket['onmessage']) {
    this.#onmessage = listener
    for (const message of this.#early.splice(0)) listener?.(message)
  }

  get onclose(): Socket['onclose'] {
    return this.#onclose
  }

  set onclose(listener: Socket['onclose']) {
    this.#onclose = listener
    if (this.closed) listener?.(this.closed)
  }

  send(message: Uint8Array): void {
    this.write(frameBytes(message))
  }

  /** Any bytes, whether they are a frame or not. */
  write(bytes: Uint8Array | string): void {
    if (this.tcp.writable) this.tcp.write(bytes)
  }

  close(code = 1000): void {
    this.write(frameBytes(Buffer.of(code >> 8, code & 255), { opcode: OPCODE.close }))
    this.tcp.end()
  }

  /** Ends it without a word. */
  destroy(): void {
    this.tcp.destroy()
  }

  pause(): void {
    this.tcp.pause()
  }

  resume(): void {
    this.tcp.resume()
  }

  #read(chunk: Buffer): void {
    this.#rest = this.#rest.length ? Buffer.concat([this.#rest, chunk]) : chunk
    for (let frame = takeFrame(this.#rest); frame; frame = takeFrame(this.#rest)) {
      this.#rest = this.#rest.subarray(frame.end)
      if (frame.opcode === OPCODE.close) this.#end(closeEvent(frame.payload))
      else if (frame.opcode === OPCODE.ping) this.write(frameBytes(frame.payload, { opcode: OPCODE.pong }))
      else if (this.#onmessage) this.#onmessage(frame.payload)
      else this.#early.push(frame.payload)
    }
  }

  #end(event: CloseEvent): void {
    if (this.closed) return
    this.closed = event
    this.tcp.destroySoon()
    this.#onclose?.(event)
  }
}

/** The bytes of a frame as a client sends it; its mask is zero, which masks nothing. */
export function frameBytes(
  payload: Uint8Array,
  { opcode = OPCODE.binary, fin = true, masked = true, reserved = 0, length }: FrameOptions = {}
): Buffer {
  const size = length ?? BigInt(payload.length)
  const [mark, extended] =
    size < 126n
      ? [Number(size), Buffer.alloc(0)]
      : size < 65_536n
        ? [126, Buffer.alloc(2)]
        : [127, Buffer.alloc(8)]
  if (extended.length === 2) extended.writeUInt16BE(Number(size))
  if (extended.length === 8) extended.writeBigUInt64BE(size)
  const head = Buffer.of((fin ? 0x80 : 0) | reserved | opcode, (masked ? 0x80 : 0) | mark)
  return Buffer.concat([head, extended, Buffer.alloc(masked ? 4 : 0), payload])
}

/** A request to upgrade. A header whose value is empty is left out. */
function upgradeRequest(host: string, path = '/', headers: { [name: string]: string } = {}): string {
  const all = {
    Host: host,
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Protocol': SUBPROTOCOL,
    ...headers
  }
  const lines = Object.entries(all).flatMap(([name, value]) => (value ? [`${name}: ${value}\r\n`] : []))
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** Reads up to the end of the head and leaves the rest to be read. Gives what came when the socket ended first. */
async function readHead(tcp: Tcp): Promise<string> {
  let bytes = Buffer.alloc(0)
  const ended = once(tcp, 'close')
  for (;;) {
    const chunk = tcp.read() as Buffer | null
    if (chunk) bytes = Buffer.concat([bytes, chunk])
    const end = bytes.indexOf('\r\n\r\n')
    if (end >= 0) tcp.unshift(bytes.subarray(end + 4))
    if (end >= 0 || tcp.destroyed) return bytes.toString('latin1', 0, end < 0 ? undefined : end)
    await Promise.race([once(tcp, 'readable'), ended])
  }
}

function takeFrame(bytes: Buffer): { opcode: number; payload: Buffer; end: number } | undefined {
  if (bytes.length < 2) return undefined
  const mark = (bytes[1] as number) & 127
  const head = mark === 127 ? 10 : mark === 126 ? 4 : 2
  if (bytes.length < head) return undefined
  const size = mark === 127 ? Number(bytes.readBigUInt64BE(2)) : mark === 126 ? bytes.readUInt16BE(2) : mark
  const end = head + size
  if (bytes.length < end) return undefined
  return { opcode: (bytes[0] as number) & 15, payload: bytes.subarray(head, end), end }
}

function closeEvent(payload: Buffer): CloseEvent {
  return payload.length < 2
    ? { code: 1005, reason: '' }
    : { code: payload.readUInt16BE(0), reason: payload.toString('utf8', 2) }
}
