import { deepStrictEqual } from 'node:assert'
import fc, { type Arbitrary } from 'fast-check'
import { encodeText, toHex } from '../../packages/core/src/bytes.ts'
import {
  Addressed,
  createAddressed,
  decodeFrame,
  decodeMembers,
  encodeFrame,
  encodeIds,
  encodeMembers,
  type Frame
} from '../../packages/core/src/frame.ts'
import { type AddressedKind, CEILING, KIND } from '../../packages/core/src/protocol.ts'
import { readable } from '../tools/golden.ts'
import { test } from '../tools/test.ts'

const SEED = 20_260_102

for (const [kind, arbitrary] of Object.entries(arbitraries())) {
  test(`frame: every ${kind} that is encoded is decoded as it was`, t => {
    fc.assert(
      fc.property(arbitrary, frame => {
        const encoded =
          frame instanceof Addressed ? frame.bytes : encodeFrame(frame as Parameters<typeof encodeFrame>[0])
        deepStrictEqual(readable(decodeFrame(encoded)), readable(frame))
      }),
      { seed: SEED, numRuns: 300 }
    )
    t.pass('300 of them')
    t.end()
  })
}

test('frame: every list of members that is encoded is decoded as it was', t => {
  const { id, info } = parts()
  fc.assert(
    fc.property(fc.array(fc.record({ id, info }), { maxLength: 30 }), fc.boolean(), (members, details) => {
      const body = details ? encodeMembers(members) : encodeIds(members.map(({ id }) => id))
      const decoded = decodeMembers(body, details)
      const expected = details ? members : members.map(({ id }) => ({ id, info: new Uint8Array(0) }))
      deepStrictEqual(decoded.map(hexed), expected.map(hexed))
    }),
    { seed: SEED }
  )
  t.pass('100 lists')
  t.end()
})

test('frame: the properties know every kind', t => {
  t.deepEqual(Object.keys(arbitraries()).sort(), Object.keys(KIND).sort())
  t.end()
})

function hexed({ id, info }: { id: Uint8Array; info: Uint8Array }): string {
  return `${toHex(id)} ${toHex(info)}`
}

function parts() {
  const u32 = fc.integer({ min: 0, max: 0xffffffff })
  const id = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const text = (max: number) =>
    fc.string({ unit: 'binary', maxLength: max }).filter(text => encodeText(text).length <= max)
  return {
    u16: fc.integer({ min: 0, max: 0xffff }),
    u32,
    id,
    signature: fc.uint8Array({ minLength: 64, maxLength: 64 }),
    body: fc.uint8Array({ maxLength: 400 }),
    info: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ maxLength: CEILING.info })),
    flags: fc.nat(255),
    text
  }
}

/** Frames of every kind, their fields in the order in which they are decoded. */
function arbitraries(): { [kind: string]: Arbitrary<Frame> } {
  const { u16, u32, id, signature, body, info, flags, text } = parts()
  const frame = (kind: string, fields: { [name: string]: Arbitrary<unknown> }) =>
    fc.record({ kind: fc.constant(kind), requestId: u32, ...fields }) as unknown as Arbitrary<Frame>
  const ids = fc.array(id, { maxLength: 8 })
  const code = fc.stringMatching(/^[A-Z][A-Z0-9_]{0,39}$/)
  const fields = { flags, address: id, topic: id, session: id, seq: u32, body }
  const addressed = (kind: AddressedKind) =>
    fc.record({ ...fields, requestId: u32, signature }).map(({ requestId, signature, ...fields }) => {
      const made = createAddressed(kind, fields)
      made.requestId = requestId
      made.signature = signature
      return made
    })
  return {
    challenge: frame('challenge', {
      versions: fc.array(fc.nat(255), { maxLength: CEILING.versions }),
      nonce: id
    }),
    hello: frame('hello', {
      proven: fc.boolean(),
      resume: fc.boolean(),
      version: fc.nat(255),
      id,
      resumeKey: id,
      received: u32,
      audience: text(CEILING.audience),
      token: text(2000),
      signature
    }),
    welcome: frame('welcome', {
      resumed: fc.boolean(),
      pingInterval: u32,
      maxPayload: u32,
      maxMessage: u32,
      resumeWindow: u32,
      received: u32,
      lost: u32,
      resumeKey: id,
      body
    }),
    update: frame('update', { body }),
    goodbye: frame('goodbye', { code: u16, retryAfterMs: u32, reason: text(CEILING.reason) }),
    ping: frame('ping', { received: u32 }),
    pong: frame('pong', { received: u32 }),
    result: frame('result', { flags, body }),
    error: frame('error', {
      code,
      message: text(CEILING.message),
      retryAfterMs: u32,
      retryable: fc.boolean()
    }),
    join: frame('join', { topic: id, limit: u16, info, watch: fc.boolean() }),
    leave: frame('leave', { topic: id }),
    lookup: frame('lookup', {
      topic: id,
      limit: u16,
      after: fc.option(id, { nil: undefined }),
      details: fc.boolean()
    }),
    watch: frame('watch', { topic: id, id, watch: fc.boolean() }),
    presence: frame('presence', {
      resync: fc.boolean(),
      topic: id,
      joined: fc.array(fc.record({ id, info }), { maxLength: 8 }),
      left: ids,
      away: ids,
      back: ids
    }),
    token: frame('token', { token: text(2000) }),
    moderate: frame('moderate', { flags, topic: id, id, body }),
    history: frame('history', { topic: id, limit: u16, before: fc.maxSafeNat() }),
    offer: addressed('offer'),
    answer: addressed('answer'),
    refusal: addressed('refusal'),
    remoteConnect: addressed('remoteConnect'),
    cancel: addressed('cancel'),
    signal: addressed('signal'),
    message: addressed('message')
  }
}
