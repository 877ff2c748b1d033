import { verify } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { concat, equals, toHex } from '../../packages/core/src/bytes.ts'
import {
  Addressed,
  createAddressed,
  decodeFrame,
  encodeFrame,
  type Frame,
  type Hello,
  sealedBytes
} from '../../packages/core/src/frame.ts'
import { createCrypto, helloBytes } from '../../packages/core/src/identity.ts'
import { type AddressedKind, KIND } from '../../packages/core/src/protocol.ts'
import { bytes, helloUnsigned, publicOf } from '../tools/bytes.ts'
import { GOLDEN_FILE, type Golden, makeGolden, readable, signedBytes } from '../tools/golden.ts'
import { test } from '../tools/test.ts'

const golden = JSON.parse(readFileSync(GOLDEN_FILE, 'utf8')) as { [name: string]: Golden }
const frames = Object.entries(golden)
const PROTOCOL = new URL('../../packages/core/PROTOCOL.md', import.meta.url)

test('golden: every kind of protocol.ts has a golden frame', t => {
  const covered = new Set(frames.map(([, { fields }]) => fields.kind))
  for (const kind of Object.keys(KIND)) t.ok(covered.has(kind), kind)
  t.equal(covered.size, Object.keys(KIND).length, 'and nothing else has')
  t.end()
})

test('golden: a number of a kind never means another kind', t => {
  // Written out: protocol.ts may get new rows, and no row may change.
  const numbers =
    '01 challenge 02 hello 03 welcome 04 goodbye 05 ping 06 pong 07 result 08 error 09 update 10 join 11 leave 12 lookup 13 watch 14 presence 15 token 16 moderate 17 history 20 offer 21 answer 22 refusal 23 remoteConnect 24 cancel 25 signal 26 message'
  const now = Object.entries(KIND).map(([kind, byte]) => `${byte.toString(16).padStart(2, '0')} ${kind}`)
  for (const row of numbers.split(/ (?=\d)/)) t.ok(now.includes(row), row)
  const table = readFileSync(PROTOCOL, 'utf8')
  for (const row of now) t.ok(table.includes(`| 0x${row.replace(' ', ' | ')} |`), `PROTOCOL.md: ${row}`)
  for (const [name, { hex, fields }] of frames)
    t.equal(KIND[fields.kind as 'offer'], Number.parseInt(hex.slice(0, 2), 16), name)
  t.end()
})

test('golden: each frame decodes to what it says and encodes to the same bytes', t => {
  for (const [name, { hex, fields }] of frames) {
    const frame = decodeFrame(bytes(hex))
    t.deepEqual(readable(frame), fields, `${name}: fields`)
    t.equal(toHex(again(frame)), hex, `${name}: bytes`)
  }
  t.end()
})

test('golden: the script still makes what the file holds', async t => {
  const made = await makeGolden()
  t.deepEqual(Object.keys(made), Object.keys(golden), 'the same frames')
  for (const [name, frame] of Object.entries(made)) t.deepEqual(frame, golden[name], name)
})

test('golden: signatures hold by another implementation, over bytes put together by the formulas', async t => {
  const crypto = createCrypto()
  let checked = 0
  for (const [name, one] of frames) {
    const { hex, fields, signed } = one
    const signature = bytes(String(fields.signature ?? ''))
    if (!signed) {
      t.ok(
        signature.every(byte => byte === 0),
        `${name}: unsigned, so zero`
      )
      continue
    }
    checked++
    const covered = signedBytes(one)
    t.ok(verify(null, covered, publicOf(bytes(signed.from)), signature), `${name}: node:crypto`)
    t.ok(await crypto.verify(bytes(signed.from), covered, signature), `${name}: ours`)
    t.ok(equals(ours(hex, signed), covered), `${name}: the library covers the same bytes`)
  }
  t.ok(checked > 10, `${checked} signed frames`)
})

test('golden: a delivered frame is the sent one but for address and request id', t => {
  const [sent, delivered] = ['offer', 'offer, as it is delivered'].map(name => golden[name]?.hex ?? '') as [
    string,
    string
  ]
  t.notEqual(sent, delivered)
  t.equal(sent.slice(0, 4) + sent.slice(76), delivered.slice(0, 4) + delivered.slice(76))
  t.end()
})

const missing = existsSync(PROTOCOL) ? undefined : 'PROTOCOL.md is not there'
test('golden: the worked example of PROTOCOL.md is three of these frames', { skip: missing }, t => {
  const text = readFileSync(PROTOCOL, 'utf8')
  const blocks = [...text.matchAll(/```text (\w+)\n([\s\S]*?)```/g)]
  t.deepEqual(
    blocks.map(([, name]) => name),
    ['hello', 'offer', 'answer'],
    'a hello, an offer and its answer'
  )
  for (const [, name, block] of blocks as unknown as [string, string, string][]) {
    const hex = block
      .split('\n')
      .map(line => /^[0-9a-f]*/.exec(line)?.[0] ?? '')
      .join('')
    t.equal(hex, golden[name]?.hex, `${name}: the same bytes`)
    const { fields, signed } = golden[name] as Golden
    t.ok(
      verify(
        null,
        signedBytes({ hex, fields, signed } as Golden),
        publicOf(bytes(signed?.from ?? '')),
        bytes(hex.slice(...signatureAt(name)))
      ),
      `${name}: its signature`
    )
  }
  t.end()
})

test('golden: PROTOCOL.md names every kind with its number', { skip: missing }, t => {
  const text = readFileSync(PROTOCOL, 'utf8')
  for (const [kind, byte] of Object.entries(KIND)) {
    t.match(text, new RegExp(`\\b${kind} +:= 0x${byte.toString(16).padStart(2, '0')} •`), kind)
  }
  t.end()
})

/** Where a hex string holds the signature. */
function signatureAt(name: string): [number, number?] {
  return name === 'hello' ? [-128] : [212, 340]
}

function ours(hex: string, signed: NonNullable<Golden['signed']>): Uint8Array {
  const frame = decodeFrame(bytes(hex))
  if ('re' in signed)
    return sealedBytes(frame as Addressed, bytes(signed.from), bytes(signed.to), bytes(signed.re))
  const { audience, unsigned } = frame as Hello
  return helloBytes(bytes(signed.nonce), audience, unsigned as Uint8Array)
}

/** Encodes from the fields alone, without the bytes that a decoded frame still holds. */
function again(frame: Frame): Uint8Array {
  if (frame instanceof Addressed) {
    const made = createAddressed(frame.kind as AddressedKind, frame)
    made.requestId = frame.requestId
    made.signature = frame.signature
    return made.bytes
  }
  if (frame.kind !== 'hello') return encodeFrame(frame as Parameters<typeof encodeFrame>[0])
  const { unsigned: _, ...hello } = frame
  return concat(helloUnsigned(hello), hello.signature)
}
