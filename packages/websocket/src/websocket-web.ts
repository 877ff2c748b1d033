import { type CloseEvent, SUBPROTOCOL } from 'socket-signal'
import type { WebSocketLike } from './socket.ts'

/** A WebSocket of the platform. */
export function createWebSocket(url: string): WebSocketLike {
  const websocket = new WebSocket(url, SUBPROTOCOL)
  websocket.binaryType = 'arraybuffer'
  return websocket as unknown as WebSocketLike
}

export function onData(websocket: WebSocketLike, listener: (data: Uint8Array | string) => void): void {
  websocket.onmessage = ({ data }) => listener(typeof data === 'string' ? data : new Uint8Array(data))
}

/** The platform tells in `onclose` why it closed. */
export function closeOfError(_error: unknown): CloseEvent | undefined {
  return undefined
}
