import { assertFits } from './assert.ts'
import type { Socket } from './socket.ts'
import type { DuplexLike } from './stream-socket.ts'

/** `toSocket` where there are no Node streams: in browsers. */
export function toSocket(socket: Socket | DuplexLike, _maxPayload: number): Socket {
  const fits = socket && 'send' in socket && 'close' in socket && 'bufferedAmount' in socket
  assertFits(fits, 'socket', 'a Socket', socket)
  return socket as Socket
}
