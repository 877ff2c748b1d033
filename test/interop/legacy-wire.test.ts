import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { SignalError } from 'socket-signal'
import {
  type Answer,
  type Call,
  decodeMessage,
  encodeAnswer,
  encodeCall,
  encodeFailure,
  type Failure,
  toId,
  toText
} from '../../packages/gateway/src/published/nanomessage.ts'
import { test } from '../tools/test.ts'

interface Golden {
  generation: 9 | 10
  from: 'client' | 'server'
  hex: string
  message: Call | Answer
}

/**
 * What the published packages said to one another, each generation with its own server. Addresses and stacks were
 * overwritten by as many other characters.
 */
const GOLDEN: Golden[] = JSON.parse(readFileSync(new URL('golden/published.json', import.meta.url), 'utf8'))

const encode = (message: Call | Answer): Uint8Array => {
  const { number, data } = message
  if (message.kind === 'call') return encodeCall(number, message.name, data, message.event)
  return message.failed ? encodeFailure(number, data as Failure) : encodeAnswer(number, data)
}

const plain = (message: unknown) => JSON.parse(JSON.stringify(message))

test('legacy wire: what published packages said is read, and made again byte for byte', t => {
  t.ok(GOLDEN.length > 30, 'there are messages of both generations')
  for (const { hex, message, generation, from } of GOLDEN) {
    const what = `${generation}, by its ${from}: ${message.kind === 'call' ? message.name : 'answer'}`
    const bytes = Buffer.from(hex, 'hex')
    t.deepEqual(plain(decodeMessage(bytes)), message, `read: ${what}`)
    t.equal(Buffer.from(encode(message)).toString('hex'), hex, `made: ${what}`)
  }
  t.end()
})

test('legacy wire: a message that ends too early or too late is refused, wherever it is cut', t => {
  for (const { hex } of GOLDEN) {
    const bytes = Buffer.from(hex, 'hex')
    const cuts = bytes.length < 200 ? bytes.length : 100
    for (let size = 0; size < cuts; size++)
      if (!isRefused(bytes.subarray(0, size))) t.fail(`${size} bytes of ${hex.slice(0, 40)}…`)
    if (!isRefused(Buffer.concat([bytes, Buffer.of(0)]))) t.fail(`one byte too many: ${hex.slice(0, 40)}…`)
  }
  t.pass('each cut is refused')
  t.end()
})

test('legacy wire: hostile messages are refused by a SignalError and nothing else', t => {
  const deep = Buffer.from(`{"data":${'['.repeat(10_000)}`)
  const wrong = {
    nothing: Buffer.alloc(0),
    'a number without an end': Buffer.alloc(64, 0xff),
    'a length beyond everything': Buffer.from([2, 0xff, 0xff, 0xff, 0xff, 0x7f]),
    'a call under an answer': rpc(3, Buffer.concat([Buffer.of(0), part('join'), part('{}')])),
    'an answer under a call': rpc(2, Buffer.concat([Buffer.of(1), part('{}')])),
    'a name without an end': rpc(2, Buffer.concat([Buffer.of(0), part('x'.repeat(65)), part('{}')])),
    'no JSON': rpc(2, Buffer.concat([Buffer.of(0), part('join'), part('{"data":')])),
    'JSON that is not UTF-8': rpc(2, Buffer.concat([Buffer.of(0), part('join'), part(Buffer.of(0xff))])),
    'brackets 10,000 deep': rpc(2, Buffer.concat([Buffer.of(0), part('join'), part(deep)])),
    '2,000 keys': rpc(
      2,
      Buffer.concat([
        Buffer.of(0),
        part('join'),
        part(JSON.stringify(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [i, 0]))))
      ])
    )
  }
  for (const [what, bytes] of Object.entries(wrong)) t.ok(isRefused(bytes), what)
  t.end()
})

test('legacy wire: random and mutated bytes give a message or a SignalError', t => {
  const golden = fc.constantFrom(...GOLDEN.map(({ hex }) => Buffer.from(hex, 'hex')))
  const mutated = fc
    .tuple(golden, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }))
    .map(([bytes, changes]) => {
      const copy = Buffer.from(bytes)
      for (const [at, value] of changes) copy[at % copy.length] = value
      return copy
    })
  const any = fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated)
  fc.assert(
    fc.property(any, bytes => {
      if (isRefused(bytes)) return
      const message = decodeMessage(bytes)
      decodeMessage(encode(message)) // Whatever is taken can be said again.
    }),
    { numRuns: 3000, seed: 6 }
  )
  t.pass('3,000 of them')
  t.end()
})

test('legacy wire: an id is 32 bytes as the packages write them, and nothing else is one', t => {
  const id = new Uint8Array(32).fill(0xfe)
  t.deepEqual(toId(toText(id)), id, 'there and back')
  const wrong = [
    undefined,
    null,
    7,
    {},
    '',
    'base64:',
    toText(id).slice(7),
    toText(id.subarray(1)),
    `${toText(id)}=`
  ]
  for (const value of [...wrong, toText(new Uint8Array(33)), toText(id).replace('/', '_'), `x${toText(id)}`])
    t.equal(toId(value), undefined, String(value))
  t.equal(Object.keys(decodedProto()).length, 0, 'nobody names __proto__')
  t.end()
})

function decodedProto(): object {
  const bytes = rpc(
    2,
    Buffer.concat([Buffer.of(0), part('join'), part('{"data":{"__proto__":{"admin":true}}}')])
  )
  return Object((decodeMessage(bytes) as Call).data)
}

function isRefused(bytes: Uint8Array): boolean {
  try {
    decodeMessage(bytes)
    return false
  } catch (error) {
    if (error instanceof SignalError && error.code === 'BAD_FRAME') return true
    throw error
  }
}

function rpc(head: number, body: Uint8Array): Buffer {
  return Buffer.concat([Buffer.of(head), part(body)])
}

function part(value: string | Uint8Array): Buffer {
  const bytes = Buffer.from(value)
  const size: number[] = []
  let left = bytes.length
  for (; left > 127; left >>>= 7) size.push((left & 127) | 128)
  return Buffer.concat([Uint8Array.from([...size, left]), bytes])
}
