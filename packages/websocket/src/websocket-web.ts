import { SUBPROTOCOL } from 'socket-signal'
import type { Listener, WebSocketLike } from './socket.ts'

/** A WebSocket of the platform. */
export function createWebSocket(url: string): WebSocketLike {
  const websocket = new WebSocket(url, SUBPROTOCOL)
  websocket.binaryType = 'arraybuffer'
  return websocket as unknown as WebSocketLike
}

export function listen(websocket: WebSocketLike, to: Listener): void {
  websocket.onmessage = ({ data }) => to.onData(typeof data === 'string' ? data : new Uint8Array(data))
  websocket.onclose = ({ code, reason }) => to.onEnd({ code, reason })
}
