// The frames of PROTOCOL.md that the load needs, written down once more: a bench that used our own code would slow the
// load down and could not tell what is on the wire.
import { generateKeyPairSync, sign } from 'node:crypto'

export const KIND = {
  challenge: 1,
  welcome: 3,
  ping: 5,
  result: 7,
  error: 8,
  join: 0x10,
  presence: 0x14,
  offer: 0x20,
  answer: 0x21,
  signal: 0x25
}

const ZERO = Buffer.alloc(32)
const LABEL = Buffer.from('socket-signal hello 1')

/** A key pair; the id is its public half. Not exported as JWK: in Node 20 that waits for itself when it collects garbage. */
export function createKeys() {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { id: publicKey.export({ format: 'der', type: 'spki' }).subarray(-32), privateKey }
}

export function hello({ id, privateKey }, challenge, audience) {
  const nonce = challenge.subarray(-32)
  const name = field(audience)
  const unsigned = Buffer.concat([head(2, 1, 1), Buffer.of(1), id, ZERO, Buffer.alloc(4), name, field('')])
  const signature = sign(null, Buffer.concat([LABEL, nonce, name, unsigned]), privateKey)
  return Buffer.concat([unsigned, signature])
}

export function join(requestId, topic, { watch = false, limit = 0 } = {}) {
  return Buffer.concat([head(KIND.join, watch ? 1 : 0, requestId), topic, u16(limit), u16(0)])
}

export function leave(requestId, topic) {
  return Buffer.concat([head(0x11, 0, requestId), topic])
}

export function lookup(requestId, topic) {
  return Buffer.concat([head(0x12, 0, requestId), topic, u16(0), ZERO])
}

/** From peer to peer. The signature is any: the server can't know what it is over. */
export function addressed(kind, to, topic, body) {
  const session = Buffer.alloc(32, 7)
  const signature = Buffer.alloc(64, 9)
  return Buffer.concat([head(kind, 1, 0), to, topic, session, Buffer.alloc(4), signature, body])
}

export function setSeq(frame, seq) {
  frame.writeUInt32BE(seq, 102)
}

export function setRequestId(frame, requestId) {
  frame.writeUInt32BE(requestId, 2)
}

export function requestIdOf(frame) {
  return frame.readUInt32BE(2)
}

export function pong(ping) {
  const frame = Buffer.from(ping)
  frame[0] = 6
  return frame
}

/** The topic of a number: 32 bytes. */
export function topicOf(number) {
  const topic = Buffer.alloc(32, 1)
  topic.writeUInt32BE(number, 0)
  return topic
}

function head(kind, flags, requestId) {
  const bytes = Buffer.alloc(6)
  bytes[0] = kind
  bytes[1] = flags
  bytes.writeUInt32BE(requestId, 2)
  return bytes
}

function u16(value) {
  const bytes = Buffer.alloc(2)
  bytes.writeUInt16BE(value)
  return bytes
}

function field(text) {
  const bytes = Buffer.from(text)
  return Buffer.concat([u16(bytes.length), bytes])
}
