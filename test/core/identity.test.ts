import { sign as nodeSign, randomBytes } from 'node:crypto'
import { concat, toHex, ZERO_ID } from '../../packages/core/src/bytes.ts'
import {
  createCrypto,
  generateKeyPair,
  helloBytes,
  type KeyPair,
  settleConflict
} from '../../packages/core/src/identity.ts'
import { safetyNumber, topicFromName } from '../../packages/core/src/names.ts'
import { isSmallOrder } from '../../packages/core/src/signer.ts'
import { bytes, flip, RFC8032, rejects, resized, secretOf } from '../tools/bytes.ts'
import { test } from '../tools/test.ts'

const web = createCrypto()
const noble = createCrypto(null)
const both = { web, noble }

test('identity: WebCrypto and noble sign as RFC 8032 says', async t => {
  for (const [name, crypto] of Object.entries(both)) {
    for (const { secretKey, publicKey, message, signature } of RFC8032) {
      const identity = await crypto.identity({ secretKey, publicKey })
      t.equal(toHex(identity.publicKey), toHex(publicKey), `${name}: public key`)
      t.equal(toHex(await identity.sign(message)), toHex(signature), `${name}: ${message.length} bytes`)
      t.ok(await crypto.verify(publicKey, message, signature), `${name}: its own signature`)
    }
  }
})

test('identity: WebCrypto and noble give the same signatures and verify each other', async t => {
  for (let size = 0; size < 8; size++) {
    const keys = (await noble.generateKeyPair()) as KeyPair
    const message = randomBytes(size * 100)
    const [a, b] = [await web.identity(keys), await noble.identity(keys)]
    const [byWeb, byNoble] = [await a.sign(message), await b.sign(message)]
    t.deepEqual(byWeb, byNoble, `the same signature of ${message.length} bytes`)
    t.ok(await web.verify(keys.publicKey, message, byNoble), 'WebCrypto verifies noble')
    t.ok(await noble.verify(keys.publicKey, message, byWeb), 'noble verifies WebCrypto')
    t.notOk(await web.verify(keys.publicKey, concat(message, ZERO_ID), byNoble), 'WebCrypto: another message')
    t.notOk(await noble.verify(keys.publicKey, concat(message, ZERO_ID), byWeb), 'noble: another message')
  }
})

test('identity: a changed bit of key or signature, or a wrong size, fails and never throws', async t => {
  const [{ publicKey, message, signature }] = RFC8032
  for (const [name, crypto] of Object.entries(both)) {
    const wrong = new Set<string>()
    for (let bit = 0; bit < 64 * 8; bit++) {
      if (await crypto.verify(publicKey, message, flip(signature, bit))) wrong.add(`signature bit ${bit}`)
    }
    for (let bit = 0; bit < 32 * 8; bit++) {
      if (await crypto.verify(flip(publicKey, bit), message, signature)) wrong.add(`key bit ${bit}`)
    }
    t.deepEqual([...wrong], [], `${name}: no changed bit passes`)
    for (const size of [0, 31, 33])
      t.notOk(await crypto.verify(resized(publicKey, size), message, signature), `a key of ${size} bytes`)
    for (const size of [0, 63, 65])
      t.notOk(
        await crypto.verify(publicKey, message, resized(signature, size)),
        `a signature of ${size} bytes`
      )
  }
})

test('identity: S beyond the order of the group is refused', async t => {
  // RFC 8032 section 5.1.7: without this check a second signature of the same message could be made by anybody.
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  for (const { publicKey, message, signature } of RFC8032) {
    const s = BigInt(`0x${toHex(signature.slice(32).reverse())}`) + order
    const twin = concat(signature.slice(0, 32), bytes(s.toString(16).padStart(64, '0')).reverse())
    for (const [name, crypto] of Object.entries(both))
      t.notOk(await crypto.verify(publicKey, message, twin), name)
  }
})

test('identity: verifying changes neither key, message nor signature, and takes Buffers', async t => {
  for (const [name, crypto] of Object.entries(both)) {
    for (let i = 0; i < 8; i++) {
      const identity = await crypto.identity(await crypto.generateKeyPair())
      const message = randomBytes(50)
      const frame = Buffer.concat([identity.publicKey, message, await identity.sign(message)])
      const before = toHex(frame)
      const parts = [frame.subarray(0, 32), frame.subarray(32, 82), frame.subarray(82)] as const
      t.ok(await crypto.verify(...parts), `${name}: verifies ${before.slice(62, 64)}`)
      t.equal(toHex(frame), before, 'nothing changed')
    }
  }
})

test('identity: keys of small order and their twins are refused, though they sign anything', async t => {
  const message = randomBytes(40)
  // R the neutral point, S zero: with a key of order 1 this fits every message, with the others some of them.
  const universal = concat(bytes(`01${'00'.repeat(31)}`), ZERO_ID)
  for (const y of SMALL) {
    for (const sign of [0, 0x80]) {
      const key = bytes(y)
      key[31] = (key[31] as number) | sign
      t.ok(isSmallOrder(key), toHex(key))
      for (const [name, crypto] of Object.entries(both))
        t.notOk(await crypto.verify(key, message, universal), name)
    }
  }
  for (const { publicKey } of RFC8032) t.notOk(isSmallOrder(publicKey), 'an ordinary key')
})

test('identity: without that list a key of order 1 would prove anything', async t => {
  // Shows that the list is needed: the platform takes such a key.
  const one = bytes(`01${'00'.repeat(31)}`)
  const universal = concat(one, ZERO_ID)
  const key = await globalThis.crypto.subtle.importKey('raw', one, 'Ed25519', false, ['verify'])
  t.ok(await globalThis.crypto.subtle.verify('Ed25519', key, universal, randomBytes(40)), 'the platform')
  t.notOk(await web.verify(one, randomBytes(40), universal), 'we do not')
})

test('identity: a public key of another secret key is refused', async t => {
  const [a, b] = RFC8032
  for (const [name, crypto] of Object.entries(both)) {
    await rejects(
      t,
      crypto.identity({ secretKey: a.secretKey, publicKey: b.publicKey }),
      /does not belong/,
      name
    )
  }
  const [first, second] = (await Promise.all([web.generateKeyPair(), web.generateKeyPair()])) as [
    CryptoKeyPair,
    CryptoKeyPair
  ]
  const mixed = { privateKey: first.privateKey, publicKey: second.publicKey }
  await rejects(t, web.identity(mixed), /does not belong/, 'CryptoKeys')
  await rejects(t, noble.identity(first), /as bytes/, 'noble takes no CryptoKeys')
})

test('identity: a generated key pair proves itself, and is another one each time', async t => {
  const [a, b] = [await web.identity(await generateKeyPair()), await web.identity(await generateKeyPair())]
  t.notEqual(toHex(a.publicKey), toHex(b.publicKey))
  t.ok(await noble.verify(a.publicKey, ZERO_ID, await a.sign(ZERO_ID)))
  t.notOk(await noble.verify(b.publicKey, ZERO_ID, await a.sign(ZERO_ID)))
})

test('identity: a signature that fits only where the cofactor is multiplied in is taken by neither', async t => {
  const publicKey = bytes('17ffad8068dc0de9935d36636f3ad1b5de6de3413b12388e453b05f2a4c1d3db')
  // By the same secrets: R is rB, and rB with a point of order 8 added.
  const fits =
    '7db0dc9222f3c183457ddde4c708de8e5ea6bf3d5c4404cca14b32729a05c32ad7af72021bc30277b5afd1b3fabf17dff6ecbe63b367ec39048d73a52bf22602'
  const mixed =
    '6999d5cb5126005c325892f1c6eab824b310708befff12fbaf45dda050cb12f0e3258479a775a3e680930a1e3a59a5fb555bcf2a3bbf31a3cf83fab49748b60b'
  for (const [name, { verify }] of Object.entries(both)) {
    t.equal(await verify(publicKey, Uint8Array.of(1, 2, 3), bytes(fits)), true, name)
    t.equal(await verify(publicKey, Uint8Array.of(1, 2, 3), bytes(mixed)), false, name)
  }
})

test('identity: noble is taken where WebCrypto lacks Ed25519', async t => {
  const lacking = {
    generateKey: () => Promise.reject(new DOMException('unrecognized name', 'NotSupportedError')),
    digest: (...args: Parameters<SubtleCrypto['digest']>) => globalThis.crypto.subtle.digest(...args)
  } as unknown as SubtleCrypto
  const crypto = createCrypto(lacking)
  t.ok('secretKey' in (await crypto.generateKeyPair()), 'keys as bytes')
})

test('identity: a hello is signed over domain, nonce, audience with its length, and its own bytes', async t => {
  const nonce = randomBytes(32)
  const signed = helloBytes(nonce, 'https://ü.example', bytes('0102'))
  t.equal(
    toHex(signed),
    `${Buffer.from('socket-signal hello 1').toString('hex')}${toHex(nonce)}0012${Buffer.from('https://ü.example').toString('hex')}0102`
  )
  // A length in front of the audience: moving its last byte into what follows is another message.
  t.notEqual(toHex(helloBytes(nonce, 'ab', bytes('01'))), toHex(helloBytes(nonce, 'a', bytes('6201'))))
})

test('identity: a topic of a name is SHA-256 behind its domain, of NFC', async t => {
  const golden = '2b116afa38ffa06bb580806d669d51837b94ae8074c5baee631a9754954b592f'
  t.equal(toHex(await topicFromName('lobby')), golden)
  t.equal(toHex(await topicFromName('lobby', null as never)), golden, 'noble')
  const composed = await topicFromName('caf\u00e9')
  t.deepEqual(await topicFromName('cafe\u0301'), composed, 'composed and decomposed are one name')
  t.notDeepEqual(await topicFromName('cafe'), composed)
  t.notDeepEqual(await topicFromName('Lobby'), await topicFromName('lobby'), 'case matters')
  for (const wrong of ['', 5, null, undefined, ZERO_ID]) {
    await rejects(t, topicFromName(wrong as string), /name must be a string/, String(wrong))
  }
})

test('identity: a safety number is the same for both and twelve groups of five digits', async t => {
  const [a, b, c] = RFC8032.map(({ publicKey }) => publicKey) as [Uint8Array, Uint8Array, Uint8Array]
  const number = await safetyNumber(a, b)
  t.equal(number, '52513 46150 16763 51413 90155 10277 65033 90509 75985 44281 39786 30759')
  t.match(number, /^\d{5}( \d{5}){11}$/)
  t.equal(await safetyNumber(b, a), number, 'the other way round')
  t.equal(await safetyNumber(b, a, null as never), number, 'noble')
  t.notEqual(await safetyNumber(a, c), number, 'another peer')
  await rejects(t, safetyNumber(a, b.subarray(1)), /32 bytes/, 'no id')
})

test('identity: who keeps an id that two claim', t => {
  const table = [
    // holder, claim, policy, who keeps it
    ['bare', 'bare', 'replace', 'holder'],
    ['bare', 'bare', 'reject', 'holder'],
    ['bare', 'proven', 'replace', 'claim'],
    ['bare', 'proven', 'reject', 'claim'],
    ['proven', 'bare', 'replace', 'holder'],
    ['proven', 'bare', 'reject', 'holder'],
    ['proven', 'proven', 'replace', 'claim'],
    ['proven', 'proven', 'reject', 'holder']
  ] as const
  for (const [holder, claim, policy, keeps] of table) {
    const settled = settleConflict({ proven: holder === 'proven' }, { proven: claim === 'proven' }, policy)
    t.equal(settled, keeps, `${claim} claims what ${holder} holds, ${policy}`)
  }
  t.end()
})

test('identity: the deterministic key of the tests is that of RFC 8032', async t => {
  const [{ secretKey, publicKey }] = RFC8032
  const message = Buffer.from('checked by another implementation')
  const identity = await web.identity({ secretKey, publicKey })
  t.deepEqual(Buffer.from(await identity.sign(message)), nodeSign(null, message, secretOf(secretKey)))
})

/** y of the points whose order divides 8, and of their encodings beyond the prime (2^255 - 19 and its successor). */
const SMALL = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`
]
