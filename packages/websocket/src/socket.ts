import { type CloseEvent, isTerminal, type Socket } from 'socket-signal'
import { closeOfError, onData } from '#websocket'

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

const NORMAL = 1000
const UNSUPPORTED_DATA = 1003

/** An open WebSocket as a Socket. It takes over the WebSocket's `on…` properties. */
export class WebsocketSocket implements Socket {
  pause?: () => void
  resume?: () => void
  readonly #websocket: WebSocketLike
  #onmessage: Socket['onmessage'] = null
  #onclose: Socket['onclose'] = null
  /** What arrived before somebody listened. */
  #inbox: Uint8Array[] = []
  #ended: CloseEvent | undefined
  #told = false

  constructor(websocket: WebSocketLike) {
    this.#websocket = websocket
    onData(websocket, data => this.#receive(data))
    websocket.onerror = ({ error }) => {
      const event = closeOfError(error)
      if (event) this.#end(event)
    }
    websocket.onclose = ({ code, reason }) => this.#end({ code, reason })
    if (!websocket.pause) return
    this.pause = () => websocket.pause?.()
    this.resume = () => websocket.resume?.()
  }

  get bufferedAmount(): number {
    return this.#websocket.bufferedAmount
  }

  get onmessage(): Socket['onmessage'] {
    return this.#onmessage
  }

  set onmessage(listener: Socket['onmessage']) {
    this.#onmessage = listener
    queueMicrotask(() => this.#drain())
  }

  get onclose(): Socket['onclose'] {
    return this.#onclose
  }

  set onclose(listener: Socket['onclose']) {
    this.#onclose = listener
    queueMicrotask(() => this.#tell())
  }

  send(message: Uint8Array): void {
    if (!this.#ended) this.#websocket.send(message)
  }

  close(code = NORMAL, reason = ''): void {
    if (this.#ended) return
    this.#inbox = []
    this.#end({ code, reason })
    // The other side's goodbye can't be read while paused, and would be waited for.
    this.#websocket.resume?.()
    try {
      this.#websocket.close(code, reason)
    } catch {
      // Browsers let a page send 1000 and 3000 to 4999 alone, and throw at 1003 for instance.
      this.#websocket.close(isTerminal(code) ? 4500 : 4007)
    }
  }

  #receive(message: Uint8Array | string): void {
    if (this.#ended) return
    if (typeof message === 'string') return this.close(UNSUPPORTED_DATA, 'text where binary is spoken')
    if (this.#onmessage && this.#inbox.length === 0) this.#onmessage(message)
    else this.#inbox.push(message)
  }

  #drain(): void {
    while (this.#onmessage) {
      const message = this.#inbox.shift()
      if (!message) return
      this.#onmessage(message)
    }
  }

  #end(event: CloseEvent): void {
    this.#ended ??= event
    queueMicrotask(() => this.#tell())
  }

  #tell(): void {
    if (!this.#ended || !this.#onclose || this.#told) return
    this.#told = true
    this.#drain() // A last message that waited comes before the end.
    this.#onclose(this.#ended)
  }
}
