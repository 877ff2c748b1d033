import { deepStrictEqual } from 'node:assert'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { concat, encodeText, toHex, u16 } from '../../packages/core/src/bytes.ts'
import { isCode, SignalError } from '../../packages/core/src/errors.ts'
import {
  Addressed,
  createAddressed,
  decodeFrame,
  decodeMembers,
  encodeFrame
} from '../../packages/core/src/frame.ts'
import { CEILING, KIND, KINDS, type Kind } from '../../packages/core/src/protocol.ts'
import { bytes } from '../tools/bytes.ts'
import { GOLDEN_FILE, type Golden, readable } from '../tools/golden.ts'
import { test } from '../tools/test.ts'

const SEED = 20_260_102
const golden = JSON.parse(readFileSync(GOLDEN_FILE, 'utf8')) as { [name: string]: Golden }
const frames = Object.entries(golden).map(([name, { hex }]) => [name, bytes(hex)] as const)

/** Kinds whose last field goes on to the end of the frame, and the bytes before it. */
const OPEN: { readonly [kind in Kind]?: number } = {
  welcome: 62,
  update: 6,
  goodbye: 12,
  result: 6,
  token: 6,
  moderate: 70,
  offer: 170,
  answer: 170,
  refusal: 170,
  remoteConnect: 170,
  cancel: 170,
  signal: 170,
  message: 170
}

test('frame: cut anywhere, a frame is BAD_FRAME, or a shorter one where its last field is open', t => {
  for (const [name, frame] of frames) {
    const kind = KINDS[frame[0] as number] as Kind
    const open = OPEN[kind] ?? frame.length
    const wrong: number[] = []
    for (let size = 0; size < frame.length; size++) {
      const outcome = decode(frame.subarray(0, size))
      if (outcome !== (size < open ? 'BAD_FRAME' : kind)) wrong.push(size)
    }
    t.deepEqual(wrong, [], `${name}: all ${frame.length} lengths`)
  }
  t.end()
})

test('frame: a byte behind the last field is BAD_FRAME, or belongs to it where it is open', t => {
  for (const [name, frame] of frames) {
    const kind = KINDS[frame[0] as number] as Kind
    const expected = kind in OPEN ? kind : 'BAD_FRAME'
    t.equal(decode(concat(frame, bytes('20'))), expected, name)
  }
  t.end()
})

test('frame: counts and lengths at their ceiling pass, one past it they are refused', t => {
  const id = new Uint8Array(32)
  const text = (size: number) => new Uint8Array(size).fill(0x41)
  const field = (size: number) => concat(u16(size), text(size))
  const ids = (count: number) => concat(u16(count), new Uint8Array(count * 32))
  const members = (count: number) => concat(u16(count), new Uint8Array(count * 34))
  const none = u16(0)
  const hello = (audience: number, token: number) =>
    concat(head('hello'), bytes('01'), id, id, bytes('00000000'), field(audience), field(token), id, id)
  const presence = (...lists: Uint8Array[]) => concat(head('presence'), id, ...lists)
  const table: [string, number, (size: number) => Uint8Array][] = [
    ['versions', CEILING.versions, size => concat(head('challenge'), Uint8Array.of(size), text(size), id)],
    ['audience', CEILING.audience, size => hello(size, 0)],
    ['token of hello', CEILING.token, size => hello(0, size)],
    ['token', CEILING.token, size => concat(head('token'), text(size))],
    ['reason', CEILING.reason, size => concat(head('goodbye'), bytes('03e800000000'), text(size))],
    ['info of join', CEILING.info, size => concat(head('join'), id, bytes('0000'), field(size))],
    ['code', CEILING.code, size => concat(head('error'), bytes('00000000'), field(size), field(0))],
    [
      'words of error',
      CEILING.message,
      size => concat(head('error'), bytes('00000000'), field(1), field(size))
    ],
    ['joined', CEILING.ids, size => presence(members(size), none, none, none)],
    ['left', CEILING.ids, size => presence(none, ids(size), none, none)],
    ['away', CEILING.ids, size => presence(none, none, ids(size), none)],
    ['back', CEILING.ids, size => presence(none, none, none, ids(size))],
    ['info in presence', CEILING.info, size => presence(u16(1), id, field(size), none, none, none)]
  ]
  for (const [name, most, make] of table) {
    t.notEqual(decode(make(most)), 'BAD_FRAME', `${name}: ${most}`)
    t.equal(decode(make(most + 1)), 'BAD_FRAME', `${name}: ${most + 1}`)
  }
  t.equal(decodeMembers(members(CEILING.ids), true).length, CEILING.ids)
  t.throws(() => decodeMembers(members(CEILING.ids + 1), true), /1001 where 1000/)
  t.throws(() => decodeMembers(concat(ids(1), bytes('00')), false), /too late/)
  t.end()
})

test('frame: what claims the most and holds nothing is refused without taking memory', t => {
  const giants = [
    concat(head('presence'), new Uint8Array(32), bytes('03e8')),
    concat(head('presence'), new Uint8Array(32), bytes('ffff')),
    concat(head('join'), new Uint8Array(34), bytes('ffff')),
    concat(head('challenge'), bytes('ff')),
    concat(head('hello'), new Uint8Array(69), bytes('ffff'))
  ]
  const used = () => process.memoryUsage().external + process.memoryUsage().arrayBuffers
  const before = used()
  for (let i = 0; i < 1000; i++) {
    for (const giant of giants) if (decode(giant) !== 'BAD_FRAME') t.fail(toHex(giant))
  }
  t.ok(used() - before < 5_000_000, `${used() - before} bytes`)
  t.end()
})

test('frame: text that is not UTF-8 is BAD_FRAME wherever text stands', t => {
  const id = new Uint8Array(32)
  const hello = (audience: string, token: string) =>
    concat(head('hello'), bytes('01'), id, id, bytes(`00000000${audience}${token}`), id, id)
  const table = {
    audience: hello('0001ff', '0000'),
    'token of hello': hello('0000', '0002c0af'),
    token: concat(head('token'), bytes('eda080')),
    reason: concat(head('goodbye'), bytes('03e80000000080')),
    code: concat(head('error'), bytes('000000000001ff0000')),
    words: concat(head('error'), bytes('000000000001410002e282'))
  }
  for (const [name, frame] of Object.entries(table)) t.equal(decode(frame), 'BAD_FRAME', name)
  t.end()
})

test('frame: an error code is capitals, digits and underscores, at most 40, and begins with a letter', t => {
  const error = (code: string) =>
    concat(head('error'), bytes('00000000'), u16(code.length), encodeText(code), u16(0))
  for (const code of ['A', 'PEER_NOT_FOUND', 'X509', `A${'B'.repeat(39)}`])
    t.equal(decode(error(code)), 'error', code)
  for (const code of ['', 'a', '1A', '_A', 'A B', 'A-B', 'A\n', '__proto__', 'constructor', 'ERR$'])
    t.equal(decode(error(code)), 'BAD_FRAME', JSON.stringify(code))
  t.end()
})

test('frame: an error with an odd code or long words is encoded so that it can be decoded', t => {
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary', maxLength: 60 }),
      fc.string({ unit: 'binary', maxLength: 2000 }),
      (code, message) => {
        const frame = decodeFrame(
          encodeFrame({ kind: 'error', requestId: 1, code, message, retryable: false, retryAfterMs: 0 })
        )
        return (
          frame.kind === 'error' &&
          frame.code === (isCode(code) ? code : 'INTERNAL') &&
          message.startsWith(frame.message)
        )
      }
    ),
    {
      seed: SEED,
      examples: [
        ['not_found', 'lower case'],
        ['', ''],
        ['OK', '😀'.repeat(300)]
      ]
    }
  )
  const goodbye = {
    kind: 'goodbye',
    requestId: 0,
    code: 4000,
    retryAfterMs: 0,
    reason: 'ü'.repeat(100)
  } as const
  const { reason } = decodeFrame(encodeFrame(goodbye)) as typeof goodbye
  t.equal(reason, 'ü'.repeat(61), 'a reason is clipped to 123 bytes')
  t.end()
})

test('frame: a kind that is not known is told by its request id, never more', t => {
  let unknown = 0
  for (let byte = 0; byte < 256; byte++) {
    if (KINDS[byte] !== undefined) continue
    unknown++
    const frame = decodeFrame(concat(Uint8Array.of(byte, 0xff), bytes('01020304'), new Uint8Array(byte)))
    if (frame.kind !== 'unknown' || frame.requestId !== 0x01020304) t.fail(`0x${byte.toString(16)}`)
  }
  t.equal(unknown, 256 - Object.keys(KIND).length)
  t.equal(decode(bytes('7f00000000')), 'BAD_FRAME', 'five bytes are no frame')
  t.equal(decode(new Uint8Array(0)), 'BAD_FRAME', 'nor is nothing')
  t.end()
})

test('frame: flags that a kind does not know are ignored', t => {
  for (const [name, frame] of frames) {
    if (decodeFrame(frame) instanceof Addressed || ['result', 'moderate'].includes(decodeFrame(frame).kind))
      continue
    const more = Uint8Array.from(frame)
    more[1] = (more[1] as number) | 0xe0
    t.deepEqual(readable(decodeFrame(more)), readable(decodeFrame(frame)), name)
  }
  t.end()
})

test('frame: an addressed frame is a view that patches its own bytes and nothing else', t => {
  const frame = createAddressed('offer', {
    flags: 1,
    address: new Uint8Array(32).fill(1),
    topic: new Uint8Array(32).fill(2),
    session: new Uint8Array(32).fill(3),
    seq: 0xfffffffe,
    body: bytes('7b7d')
  })
  const before = toHex(frame.bytes)
  frame.requestId = 0xdeadbeef
  frame.address = new Uint8Array(32).fill(9)
  frame.signature = new Uint8Array(64).fill(8)
  t.equal(frame.requestId, 0xdeadbeef)
  t.equal(frame.seq, 0xfffffffe)
  t.equal(
    toHex(frame.bytes),
    `2001deadbeef${'09'.repeat(32)}${'02'.repeat(32)}${'03'.repeat(32)}fffffffe${'08'.repeat(64)}7b7d`
  )
  t.equal(frame.bytes.length, before.length / 2)
  frame.requestId = 0
  frame.address = new Uint8Array(32).fill(1)
  frame.signature = new Uint8Array(64)
  t.equal(toHex(frame.bytes), before, 'and back')
  t.end()
})

test('frame: random bytes throw nothing but BAD_FRAME, and nothing past the end is read', t => {
  const kinds = fc.constantFrom(...Object.values(KIND))
  const random = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .tuple(kinds, fc.uint8Array({ maxLength: 300 }))
      .map(([kind, rest]) => concat(Uint8Array.of(kind), rest)),
    // Small numbers, so that counts and lengths fit more often.
    fc
      .tuple(
        kinds,
        fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3 }), fc.nat(255)), { maxLength: 300 })
      )
      .map(([kind, rest]) => Uint8Array.of(kind, ...rest))
  )
  let read = 0
  fc.assert(
    fc.property(random, message => {
      const alone = outcome(message)
      if (typeof alone === 'object') read++
      for (const poison of [0, 0x41, 0xff]) {
        const around = new Uint8Array(message.length + 2000).fill(poison)
        around.set(message, 1000)
        deepStrictEqual(outcome(around.subarray(1000, 1000 + message.length)), alone)
      }
    }),
    { seed: SEED, numRuns: 5000 }
  )
  t.ok(read > 500, `${read} of 5,000 were frames`)
  t.end()
})

test('frame: changed golden frames throw nothing but BAD_FRAME', t => {
  const change = fc.record({
    how: fc.constantFrom('set', 'insert', 'delete', 'repeat', 'swap'),
    at: fc.nat(),
    to: fc.nat(),
    byte: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff))
  })
  let refused = 0
  fc.assert(
    fc.property(
      fc.constantFrom(...frames),
      fc.array(change, { minLength: 1, maxLength: 4 }),
      ([, frame], changes) => {
        let message = [...frame]
        for (const { how, at, to, byte } of changes) {
          const [a, b] = [at % (message.length + 1), to % (message.length + 1)]
          if (how === 'set') message[a] = byte
          else if (how === 'insert') message.splice(a, 0, byte)
          else if (how === 'delete') message.splice(a, 1)
          else if (how === 'repeat') message = [...message.slice(0, a), ...message.slice(b)]
          else [message[a], message[b]] = [message[b] ?? 0, message[a] ?? 0]
        }
        if (typeof outcome(Uint8Array.from(message)) === 'string') refused++
      }
    ),
    { seed: SEED, numRuns: 5000 }
  )
  t.ok(refused > 500, `${refused} of 5,000 were refused`)
  t.end()
})

function head(kind: Kind): Uint8Array {
  return concat(Uint8Array.of(KIND[kind], 0), bytes('00000001'))
}

/** The kind that a message decodes to, or BAD_FRAME. Anything else that is thrown fails the test. */
function decode(message: Uint8Array): string {
  const result = outcome(message)
  return typeof result === 'string' ? result : String(result.kind)
}

function outcome(message: Uint8Array): { [name: string]: unknown } | 'BAD_FRAME' {
  try {
    return readable(decodeFrame(message))
  } catch (error) {
    if (error instanceof SignalError && error.code === 'BAD_FRAME') return 'BAD_FRAME'
    throw error
  }
}
