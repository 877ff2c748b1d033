import fc from 'fast-check'
import {
  assertBytes,
  clipText,
  concat,
  copy,
  decodeText,
  describe,
  encodeText,
  equals,
  isZero,
  Reader,
  toHex,
  toKey,
  u16,
  Writer,
  ZERO_ID
} from '../../packages/core/src/bytes.ts'
import { bytes } from '../tools/bytes.ts'
import { test } from '../tools/test.ts'

const SEED = 20_260_101
const someBytes = fc.uint8Array({ maxLength: 40 })

test('bytes: a writer gives back what was written, however often it has to grow', t => {
  const part = fc.oneof(
    fc.record({ size: fc.constant('u8'), value: fc.integer({ min: 0, max: 0xff }) }),
    fc.record({ size: fc.constant('u16'), value: fc.integer({ min: 0, max: 0xffff }) }),
    fc.record({ size: fc.constant('u32'), value: fc.integer({ min: 0, max: 0xffffffff }) }),
    fc.record({ size: fc.constant('bytes'), value: someBytes }),
    fc.record({ size: fc.constant('field'), value: someBytes })
  )
  const parts = fc.array(part, { maxLength: 60 })
  fc.assert(
    fc.property(parts, written => {
      const writer = new Writer()
      for (const { size, value } of written) {
        if (size === 'field') writer.field(40, value as Uint8Array)
        else (writer[size as 'u8'] as (value: unknown) => void)(value)
      }
      const reader = new Reader(writer.done())
      for (const { size, value } of written) {
        if (size === 'bytes')
          assertSame(reader.bytes(undefined, (value as Uint8Array).length), value as Uint8Array)
        else if (size === 'field') assertSame(reader.field(40), value as Uint8Array)
        else if (reader[size as 'u8']() !== value) throw new Error(`${size} ${value} came out otherwise`)
      }
      reader.end()
    }),
    { seed: SEED, numRuns: 500 }
  )
  t.pass('500 random sequences, from buffers of 0 to 8 bytes')
  t.end()
})

test('bytes: a number that does not fit is written as the largest that does', t => {
  const hex = (write: (writer: Writer) => unknown) => {
    const writer = new Writer()
    write(writer)
    return toHex(writer.done())
  }
  t.equal(
    hex(writer => writer.u16(70_000)),
    'ffff'
  )
  t.equal(
    hex(writer => writer.u16(Number.POSITIVE_INFINITY)),
    'ffff'
  )
  t.equal(
    hex(writer => writer.u32(2 ** 32)),
    'ffffffff'
  )
  t.equal(
    hex(writer => writer.u32(Number.POSITIVE_INFINITY)),
    'ffffffff'
  )
  t.equal(
    hex(writer => writer.u32(2 ** 32 - 1)),
    'ffffffff'
  )
  t.equal(
    hex(writer => writer.u32(1.5)),
    '00000001'
  )
  t.equal(
    hex(writer => writer.field(2, bytes('0102'))),
    '00020102'
  )
  for (const size of [3, 65_536])
    t.throws(
      () => new Writer().field(2, new Uint8Array(size)),
      { code: 'BAD_FRAME' },
      `a field of ${size} bytes is not written where 2 are allowed`
    )
  t.end()
})

test('bytes: a reader never reads past the end', t => {
  const three = bytes('010203')
  for (const [name, read] of Object.entries({
    bytes: (reader: Reader) => reader.bytes(undefined, 4),
    u32: (reader: Reader) => reader.u32(),
    'a field longer than the rest': (reader: Reader) => reader.field(1000),
    end: (reader: Reader) => reader.end()
  })) {
    t.throws(() => read(new Reader(three)), { code: 'BAD_FRAME' }, name)
  }
  const inside = new Uint8Array(8).fill(9).subarray(2, 5)
  const reader = new Reader(inside)
  t.equal(toHex(reader.bytes()), '090909', 'of a view it reads the view')
  t.throws(() => reader.u8(), { code: 'BAD_FRAME' }, 'though the buffer goes on')
  t.equal(toHex(new Reader(three, 3).bytes()), '', 'an empty rest is one')
  t.end()
})

test('bytes: a field past its ceiling is refused by its length alone', t => {
  const reader = new Reader(bytes('ffff00'))
  t.throws(() => reader.field(1024), /65535 where 1024 are allowed/)
  t.same(new Reader(bytes('00026162')).field(2), bytes('6162'))
  t.throws(() => new Reader(bytes('00026162')).field(1), { code: 'BAD_FRAME' })
  t.end()
})

test('bytes: text that is not UTF-8 is refused, and every text survives', t => {
  for (const hex of ['ff', 'c0af', 'eda080', 'f4908080', 'e282', '80']) {
    t.throws(() => decodeText(bytes(hex)), { code: 'BAD_FRAME' }, hex)
  }
  for (const text of ['', 'a', 'ü', '€', '😀', '\u0000', '\ufeffbyte order mark', 'x\ufeff'])
    t.equal(decodeText(encodeText(text)), text, JSON.stringify(text))
  t.end()
})

test('bytes: text is clipped to a number of bytes, never within a character', t => {
  t.equal(decodeText(clipText('abc', 3)), 'abc')
  t.equal(decodeText(clipText('abcd', 3)), 'abc')
  t.equal(decodeText(clipText('aü', 2)), 'a')
  t.equal(decodeText(clipText('😀😀', 7)), '😀')
  t.equal(clipText('😀', 3).length, 0)
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.integer({ min: 0, max: 30 }), (text, max) => {
      const clipped = clipText(text, max)
      return (
        clipped.length <= max &&
        clipped.length > Math.min(max, encodeText(text).length) - 4 &&
        text.startsWith(decodeText(clipped))
      )
    }),
    { seed: SEED }
  )
  t.end()
})

test('bytes: one key for the same bytes, whether Buffer or not, another for others', t => {
  const all = Uint8Array.from({ length: 256 }, (_, i) => i)
  for (let at = 0; at <= 224; at += 32) {
    const [plain, buffer] = [all.subarray(at, at + 32), Buffer.from(all.subarray(at, at + 32))]
    t.equal(toKey(plain), toKey(buffer), `bytes ${at} to ${at + 31}`)
    t.equal(toKey(plain).length, 32)
  }
  t.notEqual(toKey(ZERO_ID), toKey(all.subarray(0, 32)))
  t.end()
})

test('bytes: the order of bytes is the order of their keys', t => {
  fc.assert(
    fc.property(someBytes, someBytes, (a, b) => {
      const [x, y] = [toKey(a), toKey(b)]
      return Math.sign(Buffer.compare(a, b)) === (x < y ? -1 : x > y ? 1 : 0)
    }),
    {
      seed: SEED,
      examples: [
        [bytes('80'), bytes('7f')],
        [bytes('00'), bytes('')],
        [bytes('ff00'), bytes('ff')]
      ]
    }
  )
  t.ok(toKey(bytes('ff')) > toKey(bytes('01')), 'unsigned')
  t.end()
})

test('bytes: a copy is its own memory, and a Buffer where there are Buffers', t => {
  const slab = new Uint8Array(64).fill(1)
  const kept = copy(slab.subarray(0, 32))
  slab.fill(2)
  t.ok(Buffer.isBuffer(kept))
  t.ok(kept.every(byte => byte === 1))
  const ofBuffer = Buffer.alloc(4, 1)
  const other = copy(ofBuffer)
  ofBuffer.fill(2)
  t.equal(toHex(other), '01010101', 'of a Buffer as well')
  t.end()
})

test('bytes: equals, isZero, concat, u16', t => {
  t.ok(equals(bytes('0102'), Buffer.from([1, 2])))
  t.notOk(equals(bytes('0102'), bytes('010203')))
  t.notOk(equals(bytes('0102'), bytes('0103')))
  t.ok(isZero(ZERO_ID))
  t.notOk(isZero(bytes(`${'00'.repeat(31)}01`)))
  t.equal(toHex(concat(bytes('01'), bytes(''), bytes('0203'))), '010203')
  t.equal(toHex(u16(258)), '0102')
  t.end()
})

test('bytes: a wrong argument is named by what it is, never by what it holds', t => {
  t.doesNotThrow(() => assertBytes(new Uint8Array(32), 'topic'))
  t.doesNotThrow(() => assertBytes(Buffer.alloc(32), 'topic'))
  for (const [value, words] of [
    [new Uint8Array(31), '31 bytes'],
    [new Uint8Array(33), '33 bytes'],
    [new Uint16Array(32), 'an object (Uint16Array)'],
    ['secret', 'a string of 6 characters'],
    [null, 'null'],
    [undefined, 'undefined'],
    [5, '5'],
    [[1, 2], 'an object (Array)'],
    [Object.create(null), 'an object (no prototype)'],
    [() => 'secret', 'a function']
  ] as const) {
    t.equal(describe(value), words)
    t.throws(
      () => assertBytes(value, 'topic'),
      new RegExp(`TypeError: topic must be .* of 32 bytes, got ${words.replace(/[()]/g, '\\$&')}`)
    )
  }
  t.end()
})

function assertSame(a: Uint8Array, b: Uint8Array): void {
  if (!equals(a, b)) throw new Error(`${toHex(a)} is not ${toHex(b)}`)
}
