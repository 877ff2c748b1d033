import { concat, encodeText } from '../../packages/core/src/bytes.ts'
import { decodeBody, encodeBody, isObject, toObject } from '../../packages/core/src/codec.ts'
import { FLAG } from '../../packages/core/src/protocol.ts'
import { bytes } from '../tools/bytes.ts'
import { test } from '../tools/test.ts'

test('codec: JSON is decoded as it was encoded', t => {
  for (const value of [
    null,
    true,
    0,
    -1.5,
    '',
    'ü😀',
    [],
    {},
    [1, [2, { a: null }]],
    { 'a:b': '{[', c: '"\\' }
  ]) {
    const encoded = encodeBody(value)
    t.equal(encoded.flags, FLAG.json)
    t.deepEqual(decodeBody(encoded), value, JSON.stringify(value))
  }
  t.end()
})

test('codec: bytes stay bytes, whatever they hold', t => {
  for (const value of [bytes(''), bytes('00ff80'), encodeText('{"a":1}'), Buffer.from('base64:AAAA')]) {
    const body = encodeBody(value)
    t.equal(body.flags, 0)
    t.equal(decodeBody(body), value, 'the very same')
  }
  t.equal(
    decodeBody(encodeBody('base64:AAAA')),
    'base64:AAAA',
    'a string that looks like bytes stays a string'
  )
  t.end()
})

test('codec: undefined is null, what JSON can not hold is a TypeError', t => {
  t.equal(decodeBody(encodeBody(undefined)), null)
  const loop: { self?: unknown } = {}
  loop.self = loop
  for (const [name, value] of Object.entries({
    function: () => {},
    symbol: Symbol('x'),
    bigint: 1n,
    'a loop': loop,
    'toJSON that gives nothing': { toJSON: () => undefined }
  })) {
    t.throws(() => encodeBody(value), TypeError, name)
  }
  t.deepEqual(decodeBody(encodeBody({ gone: undefined, kept: 1, list: [() => {}] })), {
    kept: 1,
    list: [null]
  })
  t.end()
})

test('codec: 32 levels are decoded, 33 are refused, in any mixture and not counted in strings', t => {
  const nest = (depth: number, open: string, close: string) => open.repeat(depth) + close.repeat(depth)
  const objects = (depth: number) => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`
  const mixed = (depth: number) => `${'[{"a":'.repeat(depth / 2)}1${'}]'.repeat(depth / 2)}`
  for (const make of [(depth: number) => nest(depth, '[', ']'), objects]) {
    t.equal(decode(make(32)), 'decoded')
    t.equal(decode(make(33)), 'INVALID_ARGUMENT')
  }
  t.equal(decode(mixed(32)), 'decoded')
  t.equal(decode(mixed(34)), 'INVALID_ARGUMENT')
  t.equal(decode(`[${'[],'.repeat(500)}[]]`), 'decoded', 'beside one another')
  t.equal(decode(JSON.stringify('['.repeat(10_000))), 'decoded', 'in a string')
  t.equal(decode(JSON.stringify(`\\"${'['.repeat(40)}"`)), 'decoded', 'behind an escaped quote')
  t.equal(
    decode(`["\\\\",${'['.repeat(40)}`),
    'INVALID_ARGUMENT',
    'behind a string that ends with a backslash'
  )
  t.end()
})

test('codec: 19 KB of brackets, which kill whoever stringifies them, are refused before they are parsed', t => {
  for (const text of ['['.repeat(19_000), '['.repeat(9_500) + ']'.repeat(9_500), '{"a":'.repeat(3_800)]) {
    t.equal(decode(text), 'INVALID_ARGUMENT')
  }
  t.end()
})

test('codec: 1,000 keys are decoded, 1,001 are refused', t => {
  const keys = (count: number) =>
    JSON.stringify(Object.fromEntries(Array.from({ length: count }, (_, i) => [i, ':'])))
  t.equal(decode(keys(1000)), 'decoded')
  t.equal(decode(keys(1001)), 'INVALID_ARGUMENT')
  t.equal(decode(`[${'{"a":1},'.repeat(1000)}{"a":1}]`), 'INVALID_ARGUMENT', 'over all objects')
  t.end()
})

test('codec: what is no JSON, or no UTF-8, is refused with a code', t => {
  for (const text of ['', ' ', '{', '{}{}', "{'a':1}", 'NaN', 'undefined', '\ufeff{}', '[1,]', '{"a":1,}'])
    t.equal(decode(text), 'INVALID_ARGUMENT', JSON.stringify(text))
  t.equal(decode(bytes('22ff22')), 'BAD_FRAME')
  t.end()
})

test('codec: names of the prototype chain are ordinary keys or dropped, and pollute nothing', t => {
  const before = Object.getOwnPropertyNames(Object.prototype).sort().join()
  const texts = [
    '{"__proto__":{"admin":true}}',
    '{"\\u005f_proto__":{"admin":true}}',
    '{"\\u005F\\u005Fproto\\u005f\\u005f":{"admin":true}}',
    '{"a":{"__proto__":{"admin":true}},"b":[{"__proto__":null}]}',
    '{"constructor":{"prototype":{"admin":true}}}',
    '{"toString":1,"valueOf":null,"hasOwnProperty":false}'
  ]
  for (const text of texts) {
    const value = toObject(decodeBody({ flags: FLAG.json, body: encodeText(text) }))
    t.equal(Object.getPrototypeOf(value), Object.prototype, `${text}: prototype`)
    t.notOk(Object.hasOwn(value, '__proto__'), 'no key of that name')
    const copied: { [key: string]: unknown } = {}
    for (const key in value) copied[key] = value[key]
    t.equal((Object.assign({}, value, copied) as { admin?: unknown }).admin, undefined, 'nor by copying')
  }
  t.equal(({} as { admin?: unknown }).admin, undefined)
  t.equal(Object.getOwnPropertyNames(Object.prototype).sort().join(), before)
  const value = toObject(
    decodeBody({
      flags: FLAG.json,
      body: encodeText('{"a":"__proto__","__proto":1,"proto__":2}')
    })
  )
  t.deepEqual(value, { a: '__proto__', __proto: 1, proto__: 2 }, 'what only looks like it stays')
  t.end()
})

test('codec: an object is read from any body, an empty one where there is none', t => {
  for (const value of [null, 1, 'a', [1], bytes('7b7d')])
    t.deepEqual(toObject(decodeBody(encodeBody(value))), {})
  t.deepEqual(toObject(decodeBody(encodeBody({ a: 1 }))), { a: 1 })
  t.notOk(isObject(null) || isObject([]) || isObject(new Uint8Array(1)) || isObject('a'))
  t.ok(isObject({}) && isObject(Object.create(null)))
  t.end()
})

test('codec: other flags do not make JSON', t => {
  const body = encodeText('{"a":1}')
  t.equal(decodeBody({ flags: 0xfe, body }), body)
  t.deepEqual(decodeBody({ flags: 0xff, body: concat(body) }), { a: 1 })
  t.end()
})

function decode(text: string | Uint8Array): string {
  try {
    decodeBody({ flags: FLAG.json, body: typeof text === 'string' ? encodeText(text) : text })
    return 'decoded'
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  }
}
