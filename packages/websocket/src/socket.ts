import { type CloseEvent, isTerminal, type Socket, type SocketListener } from 'socket-signal'
import { listen } from '#websocket'

/** The part of a WebSocket that is used: the platform's in browsers, the one of `ws` in Node. */
export interface WebSocketLike {
  readonly bufferedAmount: number
  onopen: (() => void) | null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null
  onerror: ((event: { message?: string; error?: unknown }) => void) | null
  onclose: ((event: CloseEvent) => void) | null
  send(data: Uint8Array): void
  close(code?: number, reason?: string): void
  pause?(): void
  resume?(): void
}

enum CLOSE {
  normal = 1000,
  unsupportedData = 1003
}

/** What a WebSocket tells. */
export interface Listener {
  onData(data: Uint8Array | string): void
  onEnd(event: CloseEvent): void
}

const NOBODY: Partial<SocketListener> = {}

/** An open WebSocket as a Socket. It takes over the WebSocket's `on…` properties. */
export class WebsocketSocket implements Socket, Listener {
  protected readonly websocket: WebSocketLike
  #listener: Partial<SocketListener> = NOBODY
  /** What arrived before somebody listened. */
  #inbox: Uint8Array[] | undefined
  #ended: CloseEvent | undefined
  #told = false

  constructor(websocket: WebSocketLike) {
    this.websocket = websocket
    listen(websocket, this)
  }

  get bufferedAmount(): number {
    return this.websocket.bufferedAmount
  }

  get onmessage(): Socket['onmessage'] {
    return this.#listener.onmessage ?? null
  }

  set onmessage(onmessage: Socket['onmessage']) {
    this.listen({ ...this.#listener, onmessage: onmessage ?? undefined })
  }

  get onclose(): Socket['onclose'] {
    return this.#listener.onclose ?? null
  }

  set onclose(onclose: Socket['onclose']) {
    this.listen({ ...this.#listener, onclose: onclose ?? undefined })
  }

  listen(listener: Partial<SocketListener>): void {
    this.#listener = listener
    queueMicrotask(() => {
      this.#drain()
      this.#tell()
    })
  }

  send(message: Uint8Array): void {
    if (!this.#ended) this.websocket.send(message)
  }

  close(code: number = CLOSE.normal, reason = ''): void {
    if (this.#ended) return
    this.#inbox = undefined
    this.onEnd({ code, reason })
    // The other side's goodbye can't be read while paused, and would be waited for.
    this.websocket.resume?.()
    try {
      this.websocket.close(code, reason)
    } catch {
      // Browsers let a page send 1000 and 3000 to 4999 alone, and throw at 1003 for instance.
      this.websocket.close(isTerminal(code) ? 4500 : 4007)
    }
  }

  /** Browsers can't: there it does nothing. */
  pause(): void {
    this.websocket.pause?.()
  }

  resume(): void {
    this.websocket.resume?.()
  }

  onData(message: Uint8Array | string): void {
    if (this.#ended) return
    if (typeof message === 'string') return this.close(CLOSE.unsupportedData, 'text, not binary')
    if (this.#listener.onmessage && !this.#inbox) return this.#listener.onmessage(message)
    this.#inbox ??= []
    this.#inbox.push(message)
  }

  #drain(): void {
    while (this.#listener.onmessage && this.#inbox) {
      const message = this.#inbox.shift()
      if (message) this.#listener.onmessage(message)
      else this.#inbox = undefined
    }
  }

  onEnd(event: CloseEvent): void {
    this.#ended ??= event
    queueMicrotask(() => this.#tell())
  }

  #tell(): void {
    if (!this.#ended || !this.#listener.onclose || this.#told) return
    this.#told = true
    this.#drain() // A last message that waited comes before the end.
    this.#listener.onclose(this.#ended)
  }
}
