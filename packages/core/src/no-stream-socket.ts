import type { Socket } from './socket.ts'
import type { DuplexLike } from './stream-socket.ts'

/** `toSocket` where there are no Node streams: in browsers. */
export function toSocket(socket: Socket | DuplexLike, _maxPayload: number): Socket {
  if (socket && 'send' in socket && 'close' in socket && 'bufferedAmount' in socket) return socket
  throw new TypeError('socket must have send, close and bufferedAmount')
}
