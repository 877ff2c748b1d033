import type { Socket } from 'socket-signal'
import { type Addressed, decodeFrame, type Frame } from '../../packages/core/src/frame.ts'
import { type WrappedSocket, wrapped } from './wrapped.ts'

/** What a hostile server makes of a frame on its way: the same, others in its place, or nothing. */
export type Tamper = (frame: Frame, bytes: Uint8Array) => Uint8Array | Uint8Array[] | null

/** A socket to an honest server as a hostile one between them would have it. `down` is what the client is given. */
export function evil(
  socket: Socket,
  { up = same, down = same }: { up?: Tamper; down?: Tamper }
): WrappedSocket {
  const apply = (tamper: Tamper) => (bytes: Uint8Array, pass: (bytes: Uint8Array) => void) => {
    const result = tamper(decodeFrame(Uint8Array.from(bytes)), bytes)
    for (const each of Array.isArray(result) ? result : result ? [result] : []) pass(each)
  }
  return wrapped(socket, { up: apply(up), down: apply(down) })
}

function same(_frame: Frame, bytes: Uint8Array): Uint8Array {
  return bytes
}

/** An addressed frame with another body, all else kept, as somebody without the key would send it. */
export function withBody(frame: Addressed, change: (body: string) => string): Uint8Array {
  const body = Buffer.from(change(Buffer.from(frame.body).toString()))
  return Buffer.concat([frame.bytes.subarray(0, frame.bytes.length - frame.body.length), body])
}
