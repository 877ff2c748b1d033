import { type CloseEvent, SUBPROTOCOL } from 'socket-signal'
import { WebSocket } from 'ws'
import type { Listener, WebSocketLike } from './socket.ts'

// core has the exact limits; this one, its ceiling, bounds what `ws` gathers before it hands on a message.
const options = {
  perMessageDeflate: false,
  maxPayload: 1024 * 1024,
  maxFragments: 16,
  closeTimeout: 2_000
}

/** A WebSocket of `ws`: Node 20 has none of its own. */
export function createWebSocket(url: string): WebSocketLike {
  return new WebSocket(url, SUBPROTOCOL, options) as unknown as WebSocketLike
}

const listener: unique symbol = Symbol('listener')
type Listened = WebSocket & { [listener]: Listener }

/** By functions that all sockets share, and without the objects that `onmessage` makes for each message. */
export function listen(websocket: WebSocketLike, to: Listener): void {
  const emitter = websocket as unknown as Listened
  emitter[listener] = to
  emitter.on('message', onMessage)
  emitter.on('error', onError)
  emitter.on('close', onClose)
}

/** The words of a text are not wanted. */
function onMessage(this: WebSocket, data: unknown, isBinary: boolean): void {
  ;(this as Listened)[listener].onData(isBinary ? (data as Buffer) : '')
}

function onError(this: WebSocket, error: Error): void {
  const event = closeOfError(error)
  if (event) (this as Listened)[listener].onEnd(event)
}

function onClose(this: WebSocket, code: number, reason: Buffer): void {
  ;(this as Listened)[listener].onEnd({ code, reason: reason.toString() })
}

/**
 * `ws` closes by itself what breaks the protocol, and then says 1006 here while the other side was told why. This is
 * what the other side was told.
 */
function closeOfError(error: unknown): CloseEvent | undefined {
  const { code, message = '' } = (error ?? {}) as { code?: unknown; message?: string }
  if (typeof code !== 'string' || !code.startsWith('WS_ERR_')) return undefined
  return { code: CLOSE_OF[code] ?? PROTOCOL_ERROR, reason: message }
}

const PROTOCOL_ERROR = 1002

/** The close codes that `ws` sends for its errors; for all others 1002. */
const CLOSE_OF: { readonly [code: string]: number } = {
  WS_ERR_INVALID_UTF8: 1007,
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 1008,
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 1009,
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 1009
}
