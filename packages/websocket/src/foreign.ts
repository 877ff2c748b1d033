import type { IncomingMessage } from 'node:http'
import type { CloseEvent, SocketSignalServerMap } from 'socket-signal'
import type { WebSocket } from 'ws'
import type { Upgrade } from './upgrade.ts'

/** An open WebSocket of another system's client. A string is a text message, bytes are a binary one. */
export interface ForeignSocket {
  send(message: string | Uint8Array): void
  close(code?: number, reason?: string): void
  readonly bufferedAmount: number
  ping(): void
  pause(): void
  resume(): void
  onmessage: ((message: string | Uint8Array) => void) | null
  onpong: (() => void) | null
  onclose: ((event: CloseEvent) => void) | null
}

/** What takes clients of other systems in, for instance `createGateway` of socket-signal-gateway. */
export interface GatewayLike {
  /** Gives what takes the socket once it is open, or nothing: then `_onForeignUpgrade` is asked. A throw refuses it. */
  knock(
    visit: Upgrade & { address: string; home: boolean },
    server: SocketSignalServerMap
  ): Promise<{ protocol?: string | undefined; open(socket: ForeignSocket): void; lost(): void } | undefined>
  /** Answers a plain HTTP request, or not. */
  respond(visit: {
    path: string
    request: IncomingMessage
  }): { status: number; headers?: { readonly [name: string]: string }; body: string } | undefined
}

/** A WebSocket of `ws` as one. */
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
    this.#websocket.close(code, reason)
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
