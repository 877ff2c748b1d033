/**
 * For those who bring another system's clients in: frames, made and read. PROTOCOL.md says what each means.
 *
 * @module socket-signal/wire
 */

export { Bucket } from './bucket.ts'
export {
  assertBytes,
  clipText,
  concat,
  DOOR,
  decodeText,
  encodeText,
  equals,
  fromKey,
  isDoorId,
  ZERO_ID
} from './bytes.ts'
export { systemClock } from './clock.ts'
export { type Body, decodeBody, encodeBody, isObject } from './codec.ts'
export { toSignalError } from './errors.ts'
export {
  Addressed,
  type AddressedFields,
  createAddressed,
  decodeFrame,
  decodeMembers,
  encodeFrame,
  type Frame,
  type MemberBytes,
  type Result,
  type Sendable,
  type Unknown
} from './frame.ts'
export { type AddressedKind, CEILING, FLAG, type Kind, VERSION } from './protocol.ts'
export { asyncDispose } from './resource.ts'
export { type RequestOptions, Rpc } from './rpc.ts'
export { toRtcSignal } from './signal.ts'
