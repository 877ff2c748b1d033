import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { concat, encodeText, NO_SIGNATURE, toHex, ZERO_ID } from '../../packages/core/src/bytes.ts'
import { encodeBody } from '../../packages/core/src/codec.ts'
import {
  Addressed,
  createAddressed,
  encodeFrame,
  encodeIds,
  encodeMembers,
  encodePast,
  type Frame,
  type Hello,
  sealedBytes,
  type Unknown
} from '../../packages/core/src/frame.ts'
import { createCrypto, helloBytes } from '../../packages/core/src/identity.ts'
import { topicFromName } from '../../packages/core/src/names.ts'
import { type AddressedKind, FLAG } from '../../packages/core/src/protocol.ts'
import { bytes, helloUnsigned, RFC8032 } from './bytes.ts'

/** One frame as it stands on the wire, and what it says. Bytes as hex. */
export interface Golden {
  hex: string
  fields: { [name: string]: unknown }
  /** Of a frame that is signed: by whose key, and what the frame itself does not hold. */
  signed?: { from: string; to: string; re: string } | { from: string; nonce: string }
}

export const GOLDEN_FILE = fileURLToPath(new URL('../core/golden/v1.json', import.meta.url))

const [ALICE, BOB] = RFC8032
const TOPIC = await topicFromName('lobby')
const SESSION = Uint8Array.from({ length: 32 }, (_, i) => 0x40 + i)
const NONCE = Uint8Array.from({ length: 32 }, (_, i) => i)
const CAROL = new Uint8Array(32).fill(0xca)
const INFO = encodeText('{"name":"bob"}')
const crypto = createCrypto()

type Plain = Exclude<Frame, Unknown>

/** Every golden frame, made anew. The file holds what they were when version 1 was fixed. */
export async function makeGolden(): Promise<{ [name: string]: Golden }> {
  const all: { [name: string]: Golden } = {}
  const plain = (name: string, frame: Plain) => {
    all[name] = { hex: toHex(encodeFrame(frame)), fields: readable(frame) }
  }
  await greetings(all, plain)
  requests(plain)
  answers(plain)
  await addressed(all)
  return all
}

type Add = (name: string, frame: Plain) => void

async function greetings(all: { [name: string]: Golden }, plain: Add): Promise<void> {
  plain('challenge', { kind: 'challenge', requestId: 0, versions: [1], nonce: NONCE })
  plain('challenge, several versions', { kind: 'challenge', requestId: 0, versions: [1, 2, 7], nonce: NONCE })
  const hello: Hello = {
    kind: 'hello',
    requestId: 1,
    version: 1,
    id: ALICE.publicKey,
    proven: true,
    resume: false,
    resumeKey: ZERO_ID,
    received: 0,
    audience: 'wss://signal.example',
    token: '',
    signature: NO_SIGNATURE
  }
  const identity = await crypto.identity(ALICE)
  const proven = async (name: string, change: Partial<Hello>) => {
    const frame = { ...hello, ...change }
    frame.signature = await identity.sign(helloBytes(NONCE, frame.audience, helloUnsigned(frame)))
    plain(name, frame)
    Object.assign(all[name] as Golden, { signed: { from: toHex(ALICE.publicKey), nonce: toHex(NONCE) } })
  }
  await proven('hello', {})
  await proven('hello, with a token, going on with a session', {
    requestId: 7,
    resume: true,
    resumeKey: new Uint8Array(32).fill(0x55),
    received: 1234,
    token: 'eyJhbGciOiJFUzI1NiJ9.e30.AAAA'
  })
  plain('hello, an id without a key', { ...hello, id: CAROL, proven: false, audience: 'local' })
  const welcome = {
    kind: 'welcome',
    requestId: 1,
    resumed: false,
    pingInterval: 15_000,
    maxPayload: 65_536,
    maxMessage: 16_384,
    resumeWindow: 0,
    received: 0,
    lost: 0,
    resumeKey: ZERO_ID
  } as const
  plain('welcome', { ...welcome, body: encodeText('{}') })
  plain('welcome, a session that goes on, with ICE servers', {
    ...welcome,
    requestId: 7,
    resumed: true,
    resumeWindow: 30_000,
    received: 4321,
    lost: 2,
    resumeKey: new Uint8Array(32).fill(0xaa),
    body: encodeText('{"iceServers":[{"urls":"stun:stun.example:3478"}]}')
  })
  const iceServers =
    '[{"urls":["turn:turn.example:3478"],"username":"1767225600:bob","credential":"c2VjcmV0"}]'
  plain('update', { kind: 'update', requestId: 0, body: encodeText(`{"iceServers":${iceServers}}`) })
  plain('goodbye', {
    kind: 'goodbye',
    requestId: 0,
    code: 4000,
    retryAfterMs: 2_500,
    reason: 'the server is shutting down'
  })
  plain('goodbye, without words', { kind: 'goodbye', requestId: 0, code: 1000, retryAfterMs: 0, reason: '' })
  plain('ping', { kind: 'ping', requestId: 9, received: 17 })
  plain('pong', { kind: 'pong', requestId: 9, received: 4_294_967_295 })
}

function requests(plain: Add): void {
  plain('join', {
    kind: 'join',
    requestId: 2,
    topic: TOPIC,
    watch: false,
    limit: 0,
    info: new Uint8Array(0)
  })
  plain('join, watching, with info', {
    kind: 'join',
    requestId: 3,
    topic: TOPIC,
    watch: true,
    limit: 1000,
    info: INFO
  })
  plain('leave', { kind: 'leave', requestId: 4, topic: TOPIC })
  const lookup = { kind: 'lookup', requestId: 5, topic: TOPIC, limit: 0, details: false } as const
  plain('lookup', { ...lookup, after: undefined })
  plain('lookup, behind an id', { ...lookup, limit: 500, after: CAROL })
  plain('lookup, with details', { ...lookup, details: true, after: undefined })
  plain('lookup, behind an id, with details', { ...lookup, details: true, after: CAROL })
  const watch = { kind: 'watch', requestId: 6, topic: TOPIC, id: BOB.publicKey } as const
  plain('watch, start', { ...watch, watch: true })
  plain('watch, stop', { ...watch, watch: false })
  const presence = { kind: 'presence', requestId: 0, topic: TOPIC } as const
  plain('presence', {
    ...presence,
    resync: false,
    joined: [
      { id: BOB.publicKey, info: INFO },
      { id: CAROL, info: new Uint8Array(0) }
    ],
    left: [CAROL],
    away: [ALICE.publicKey],
    back: [BOB.publicKey, ALICE.publicKey]
  })
  plain('presence, resync', { ...presence, resync: true, joined: [], left: [], away: [], back: [] })
  plain('token', { kind: 'token', requestId: 8, token: 'eyJhbGciOiJFUzI1NiJ9.e30.BBBB' })
  const moderate = { kind: 'moderate', requestId: 10, topic: TOPIC, id: BOB.publicKey } as const
  plain('moderate', { ...moderate, flags: FLAG.json, body: encodeText('{"action":"kick"}') })
  plain('moderate, bytes', { ...moderate, flags: 0, body: bytes('00ff') })
  const history = { kind: 'history', requestId: 11, topic: TOPIC } as const
  plain('history', { ...history, limit: 0, before: 0 })
  plain('history, before a time', { ...history, limit: 50, before: 1_795_363_200_000_001 })
}

function answers(plain: Add): void {
  const result = { kind: 'result', requestId: 2 } as const
  plain('result', { ...result, flags: FLAG.json, body: encodeText('{"present":true}') })
  plain('result, bytes', { ...result, flags: 0, body: bytes('00ff') })
  const members = [
    { id: BOB.publicKey, info: INFO },
    { id: CAROL, info: new Uint8Array(0) }
  ]
  plain('result, members', { ...result, flags: FLAG.members, body: encodeIds([BOB.publicKey, CAROL]) })
  plain('result, members with details', {
    ...result,
    flags: FLAG.members | FLAG.details,
    body: encodeMembers(members)
  })
  plain('result, members, more follow', {
    ...result,
    flags: FLAG.members | FLAG.more,
    body: encodeIds([BOB.publicKey])
  })
  plain('result, members who are away', {
    ...result,
    flags: FLAG.members | FLAG.details | FLAG.away,
    body: encodeMembers(members)
  })
  plain('result, kept messages', {
    ...result,
    flags: FLAG.more,
    body: encodePast([{ at: 1_795_363_200_000_001, frame: bytes('00ff') }])
  })
  plain('error', {
    kind: 'error',
    requestId: 2,
    code: 'PEER_NOT_FOUND',
    message: 'peer not found',
    retryable: false,
    retryAfterMs: 0
  })
  plain('error, retryable', {
    kind: 'error',
    requestId: 3,
    code: 'RATE_LIMITED',
    message: 'too many requests, try again in 100 ms',
    retryable: true,
    retryAfterMs: 100
  })
}

async function addressed(all: { [name: string]: Golden }): Promise<void> {
  const add = async (
    name: string,
    kind: AddressedKind,
    value: unknown,
    {
      from = ALICE,
      to = BOB.publicKey as Uint8Array,
      seq = 1,
      flags = 0,
      requestId = 0,
      re = NO_SIGNATURE
    } = {}
  ): Promise<Addressed> => {
    const encoded = encodeBody(value)
    const frame = createAddressed(kind, {
      flags: flags | encoded.flags,
      address: to,
      topic: TOPIC,
      session: SESSION,
      seq,
      body: encoded.body
    })
    frame.requestId = requestId
    const identity = await crypto.identity(from)
    if ((flags & FLAG.bare) === 0) {
      frame.signature = await identity.sign(sealedBytes(frame, from.publicKey, to, re))
    }
    all[name] = { hex: toHex(frame.bytes), fields: readable(frame) }
    if ((flags & FLAG.bare) === 0) {
      Object.assign(all[name], { signed: { from: toHex(from.publicKey), to: toHex(to), re: toHex(re) } })
    }
    return frame
  }
  const back = { from: BOB, to: ALICE.publicKey }
  const description = (type: string) => ({ type, sdp: 'v=0\r\n' })
  const offer = await add(
    'offer',
    'offer',
    { offer: description('offer'), metadata: { name: 'alice' } },
    { requestId: 3 }
  )
  delivered(all, 'offer, as it is delivered', offer, ALICE.publicKey, 41)
  await add(
    'offer, deduplicated',
    'offer',
    { offer: description('offer'), dedupe: true, metadata: {} },
    { requestId: 4 }
  )
  const re = offer.signature.slice()
  const answer = { answer: description('answer'), metadata: { name: 'bob' } }
  await add('answer', 'answer', answer, { ...back, requestId: 41, re })
  const words = { code: 'REJECTED', message: 'not today', retryable: false }
  await add('refusal', 'refusal', words, { ...back, requestId: 41, re })
  const wish = await add('remoteConnect', 'remoteConnect', { metadata: { name: 'alice' } }, { requestId: 5 })
  await add(
    'answer, to remoteConnect',
    'answer',
    { metadata: { name: 'bob' } },
    { ...back, requestId: 42, re: wish.signature.slice() }
  )
  await add('cancel', 'cancel', null, { seq: 2 })
  const candidate = { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }
  await add(
    'signal',
    'signal',
    [
      { type: 'candidate', candidate },
      { type: 'renegotiate', renegotiate: true }
    ],
    { seq: 3 }
  )
  await add('message, to everybody', 'message', { text: 'hello' }, { to: ZERO_ID, requestId: 6, seq: 1 })
  await add('message, to be kept', 'message', 'hello', {
    to: ZERO_ID,
    flags: FLAG.keep,
    requestId: 9,
    seq: 2
  })
  await add('message, to one, bytes', 'message', bytes('00ff80'), {
    flags: FLAG.direct,
    requestId: 7,
    seq: 4_294_967_295
  })
  await add('message, of an id without a key', 'message', 'hello', {
    to: ZERO_ID,
    flags: FLAG.bare,
    requestId: 8
  })
}

/** The same bytes with two fields rewritten, as a server hands them on. */
function delivered(
  all: { [name: string]: Golden },
  name: string,
  sent: Addressed,
  from: Uint8Array,
  requestId: number
): void {
  const frame = new Addressed(sent.bytes.slice(), sent.kind)
  const signed = { from: toHex(from), to: toHex(sent.address), re: toHex(NO_SIGNATURE) }
  frame.address = from
  frame.requestId = requestId
  all[name] = { hex: toHex(frame.bytes), fields: readable(frame), signed }
}

/** A frame as plain JSON: its own fields, bytes as hex. */
export function readable(frame: Frame): { [name: string]: unknown } {
  if (!(frame instanceof Addressed)) {
    const { unsigned: _, ...fields } = frame as Hello
    return JSON.parse(JSON.stringify(fields, hexOfBytes))
  }
  const { kind, flags, requestId, address, topic, session, seq, signature, body } = frame
  const fields = { kind, flags, requestId, address, topic, session, seq, signature, body }
  return JSON.parse(JSON.stringify(fields, hexOfBytes))
}

function hexOfBytes(this: { [key: string]: unknown }, key: string, value: unknown): unknown {
  const own = this[key] // Before a Buffer's toJSON.
  return own instanceof Uint8Array ? toHex(own) : value
}

/** The signed bytes of a golden frame, put together by the formulas of PROTOCOL.md and not by the library. */
export function signedBytes({ hex, fields, signed }: Golden): Uint8Array {
  if (!signed) throw new TypeError('a frame that is not signed')
  const frame = bytes(hex)
  if ('nonce' in signed) {
    const audience = encodeText(String(fields.audience))
    const size = Uint8Array.of(audience.length >> 8, audience.length & 255)
    return concat(
      encodeText('socket-signal hello 1'),
      bytes(signed.nonce),
      size,
      audience,
      frame.subarray(0, -64)
    )
  }
  const [head, fixed, body] = [frame.subarray(0, 2), frame.subarray(38, 106), frame.subarray(170)]
  const parts = [bytes(signed.from), bytes(signed.to), fixed, bytes(signed.re), body]
  return concat(encodeText('socket-signal frame 1'), head, ...parts)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(GOLDEN_FILE, `${JSON.stringify(await makeGolden(), null, 2)}\n`)
}
