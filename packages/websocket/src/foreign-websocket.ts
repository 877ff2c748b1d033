import { clipText, decodeText } from 'socket-signal/wire'
import type { WebSocket } from 'ws'
import type { ForeignSocket } from './foreign.ts'

/** A WebSocket of `ws` as a ForeignSocket. */
export class ForeignWebsocket implements ForeignSocket {
  onmessage: ForeignSocket['onmessage'] = null
  onpong: ForeignSocket['onpong'] = null
  onclose: ForeignSocket['onclose'] = null
  readonly #websocket: WebSocket

  constructor(websocket: WebSocket, all: Set<WebSocket>) {
    this.#websocket = websocket
    all.add(websocket)
    // What waits in `ws` when it is closed is not for anybody any more.
    websocket.on('message', (data: Buffer, isBinary: boolean) => {
      if (this.#isOpen) this.onmessage?.(isBinary ? data : data.toString())
    })
    websocket.on('pong', () => this.onpong?.())
    websocket.on('error', () => {}) // Its close follows.
    websocket.on('close', (code: number, reason: Buffer) => {
      all.delete(websocket)
      this.onclose?.({ code, reason: reason.toString() })
    })
  }

  get #isOpen(): boolean {
    return this.#websocket.readyState === this.#websocket.OPEN
  }

  get bufferedAmount(): number {
    return this.#websocket.bufferedAmount
  }

  send(message: string | Uint8Array): void {
    if (this.#isOpen) this.#websocket.send(message)
  }

  close(code = 1000, reason = ''): void {
    if (!this.#isOpen) return
    // The other side's goodbye can't be read while paused, and would be waited for.
    this.#websocket.resume()
    this.#websocket.close(code, decodeText(clipText(reason, MAX_REASON)))
  }

  ping(): void {
    if (this.#isOpen) this.#websocket.ping()
  }

  pause(): void {
    this.#websocket.pause()
  }

  resume(): void {
    this.#websocket.resume()
  }
}

/** Of a close reason (RFC 6455 section 5.5): a longer one would be an exception. Unit: bytes. */
const MAX_REASON = 123
