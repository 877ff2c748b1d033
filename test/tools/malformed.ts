import { encodeFrame } from '../../packages/core/src/frame.ts'
import { KIND } from '../../packages/core/src/protocol.ts'
import { rawHello } from './raw.ts'
import { frameBytes, OPCODE } from './wire.ts'

const hex = (text: string) => Buffer.from(text.replace(/ /g, ''), 'hex')
const zeros = (size: number) => Buffer.alloc(size)
/** A frame of ours as it travels: its kind, no flags, request id 9, and what follows. */
export const ours = (kind: keyof typeof KIND, ...rest: Uint8Array[]) =>
  frameBytes(Buffer.concat([Buffer.of(KIND[kind]), hex('00 00000009'), ...rest]))
const { continuation, text, close, ping } = OPCODE

/** What is sent, and the code that its socket must be closed with. */
export const MALFORMED: [name: string, bytes: Uint8Array, code: number][] = [
  ['an empty message', frameBytes(zeros(0)), 4500],
  ['half a head', frameBytes(hex('100000')), 4500],
  ['a leave of 64 KiB', ours('leave', zeros(65_530)), 4500],
  ['an offer that ends before its signature', ours('offer', zeros(163)), 4500],
  ['a message without fields', ours('message'), 4500],
  ['a join cut short', ours('join', zeros(33)), 4500],
  ['a join whose info ends early', ours('join', zeros(32), hex('0000 0005 0102')), 4500],
  ['a join whose info is too long', ours('join', zeros(32), hex('0000 0401'), zeros(1025)), 4500],
  ['a leave that goes on', ours('leave', zeros(33)), 4500],
  ['a lookup without its topic', ours('lookup', hex('0001')), 4500],
  ['a watch of half an id', ours('watch', zeros(48)), 4500],
  ['a ping of three bytes', ours('ping', zeros(3)), 4500],
  ['an error with words that are no UTF-8', ours('error', zeros(4), hex('0001 41 0002 c0af')), 4500],
  ['a token that is no UTF-8', ours('token', hex('ff')), 4500],
  ['a second hello', frameBytes(encodeFrame(rawHello({}))), 4500],
  ['a challenge from a client', ours('challenge', hex('01 01'), zeros(32)), 4500],
  ['presence from a client', ours('presence', zeros(32), zeros(8)), 4500],
  ['one byte more than the limit', frameBytes(zeros(65_537)), 1009],
  ['a length of an exabyte', frameBytes(zeros(0), { length: 1n << 60n }), 1009],
  ['a length with its top bit set', frameBytes(zeros(0), { length: 1n << 63n }), 1009],
  ['text', frameBytes(Buffer.from('{"hello":1}'), { opcode: text }), 1003],
  ['text that is no UTF-8', frameBytes(hex('c0af'), { opcode: text }), 1007],
  ['a frame without a mask', frameBytes(zeros(4), { masked: false }), 1002],
  ['compression that was not agreed on', frameBytes(zeros(4), { reserved: 0x40 }), 1002],
  ['a reserved bit', frameBytes(zeros(4), { reserved: 0x10 }), 1002],
  ['an opcode that does not exist', frameBytes(zeros(4), { opcode: 3 }), 1002],
  ['the end of a message that never began', frameBytes(zeros(4), { opcode: continuation }), 1002],
  ['a ping in fragments', frameBytes(zeros(4), { opcode: ping, fin: false }), 1002],
  ['a ping of 126 bytes', frameBytes(zeros(126), { opcode: ping }), 1002],
  ['a close with half a code', frameBytes(zeros(1), { opcode: close }), 1002],
  ['a close with a code that nobody sends', frameBytes(hex('03ee'), { opcode: close }), 1002],
  ['17 fragments', fragments(17), 1008]
]

function fragments(count: number): Buffer {
  const parts = Array.from({ length: count }, (_, at) =>
    frameBytes(Buffer.of(1), { opcode: at ? continuation : OPCODE.binary, fin: at === count - 1 })
  )
  return Buffer.concat(parts)
}
