import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import type { Test } from 'tape'
import { SIGNATURE_SIZE } from '../../packages/core/src/bytes.ts'
import { encodeFrame, type Hello } from '../../packages/core/src/frame.ts'

export function bytes(hex: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(Buffer.from(hex, 'hex'))
}

/** A copy in which one bit is another. */
export function flip(value: Uint8Array, bit: number): Uint8Array {
  const changed = Uint8Array.from(value)
  changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7))
  return changed
}

/** Its first bytes, filled up with zeros. */
export function resized(value: Uint8Array, size: number): Uint8Array {
  const changed = new Uint8Array(size)
  changed.set(value.subarray(0, size))
  return changed
}

/** Passes when the promise rejects with words or a code like these. */
export async function rejects(
  t: Test,
  promise: Promise<unknown> | unknown,
  like: RegExp,
  name: string
): Promise<void> {
  try {
    await promise
    t.fail(`${name}: resolved`)
  } catch (error) {
    const { code = '', message } = error as { code?: string; message: string }
    t.match(`${code} ${message}`, like, name)
  }
}

/** The secret key as node:crypto, an implementation that is not ours, takes it (RFC 8410 section 7). */
export function secretOf(secretKey: Uint8Array): KeyObject {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
  return createPrivateKey({ key: Buffer.concat([prefix, secretKey]), format: 'der', type: 'pkcs8' })
}

/** The public key for node:crypto. */
export function publicOf(publicKey: Uint8Array): KeyObject {
  const prefix = Buffer.from('302a300506032b6570032100', 'hex')
  return createPublicKey({ key: Buffer.concat([prefix, publicKey]), format: 'der', type: 'spki' })
}

/** The first test vectors of RFC 8032 section 7.1. Their keys are the deterministic ones of these tests. */
export const RFC8032 = [
  {
    secretKey: bytes('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60'),
    publicKey: bytes('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
    message: bytes(''),
    signature: bytes(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'
    )
  },
  {
    secretKey: bytes('4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'),
    publicKey: bytes('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c'),
    message: bytes('72'),
    signature: bytes(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00'
    )
  },
  {
    secretKey: bytes('c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7'),
    publicKey: bytes('fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025'),
    message: bytes('af82'),
    signature: bytes(
      '6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a'
    )
  }
] as const

/** The bytes of a hello that its signature covers. */
export function helloUnsigned(hello: Hello): Uint8Array {
  return encodeFrame(hello).subarray(0, -SIGNATURE_SIZE)
}
