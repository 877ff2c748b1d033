import { SUBPROTOCOL } from 'socket-signal'
import { WebSocket } from 'ws'
import type { WebSocketLike } from './socket.ts'

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
