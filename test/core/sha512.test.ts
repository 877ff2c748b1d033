import { createHash, randomBytes } from 'node:crypto'
import { toHex } from '../../packages/core/src/bytes.ts'
import { sha512 } from '../../packages/core/src/sha512.ts'
import { test } from '../tools/test.ts'

/** FIPS 180-4's examples for SHA-512, and its hash of nothing. */
const EXAMPLES = {
  '': 'cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e',
  abc: 'ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f',
  abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu:
    '8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909'
}

test('sha512: it gives what the standard says', t => {
  for (const [text, hex] of Object.entries(EXAMPLES))
    t.equal(toHex(sha512(Buffer.from(text))), hex, text || 'nothing')
  t.end()
})

test("sha512: it gives what Node's gives, for every length up to three blocks and for long ones", t => {
  const wrong: number[] = []
  const lengths = [...Array.from({ length: 400 }, (_, length) => length), 1023, 4096, 65_536]
  for (const length of lengths) {
    const message = randomBytes(length)
    if (!createHash('sha512').update(message).digest().equals(sha512(message))) wrong.push(length)
  }
  t.deepEqual(wrong, [], `${lengths.length} lengths`)
  t.end()
})

test('sha512: of a view it reads the view, and changes nothing', t => {
  const whole = randomBytes(200)
  const before = Buffer.from(whole)
  t.same(sha512(whole.subarray(50, 150)), sha512(Uint8Array.from(whole.subarray(50, 150))))
  t.ok(whole.equals(before))
  t.end()
})
