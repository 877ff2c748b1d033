// For those who bring another system's clients in: frames, made and read. PROTOCOL.md says what each means.

export { decodeBody, encodeBody } from './codec.ts'
export {
  Addressed,
  type AddressedFields,
  createAddressed,
  decodeFrame,
  decodeMembers,
  encodeFrame,
  type Frame,
  type MemberBytes
} from './frame.ts'
export { type AddressedKind, FLAG, type Kind, VERSION } from './protocol.ts'
export { toRtcSignal } from './signal.ts'
