// By name, so that bundlers keep of the library only what is used here.
import { getPublicKeyAsync, hashes, Point, signAsync } from '@noble/ed25519'
import { concat, copy, equals, toNumber } from './bytes.ts'
import { sha512 } from './sha512.ts'
import type { Scheme } from './signer.ts'

/** Ed25519 by noble, with WebCrypto's SHA-512 where there is any. */
export function nobleScheme(subtle: SubtleCrypto | null | undefined): Scheme {
  if (!subtle) hashes.sha512Async = async bytes => sha512(bytes) as Uint8Array<ArrayBuffer>
  return {
    generateKeyPair: async () => {
      const secretKey = globalThis.crypto.getRandomValues(new Uint8Array(32))
      return { secretKey, publicKey: await getPublicKeyAsync(secretKey) }
    },
    identity: async keys => {
      if ('privateKey' in keys) throw new TypeError('no Ed25519 here: give keyPair as bytes')
      const { secretKey } = keys
      return { publicKey: await getPublicKeyAsync(secretKey), sign: bytes => signAsync(bytes, secretKey) }
    },
    importKey: async publicKey => copy(publicKey),
    // As WebCrypto does it, R = sB - kA to the byte (RFC 8032 section 5.1.7 lets others multiply by the cofactor): what one
    // peer took and another refused would part those that hand it on.
    verify: async (key, bytes, signature) => {
      const publicKey = key as Uint8Array
      if (signature.length !== 64) return false
      const [r, s] = [signature.subarray(0, 32), signature.subarray(32)]
      const hash = (await hashes.sha512Async?.(concat(r, publicKey, bytes))) as Uint8Array
      const kA = Point.fromBytes(publicKey).multiply(toNumber(hash) % Point.CURVE().n, false)
      return equals(Point.BASE.multiply(toNumber(s), false).subtract(kA).toBytes(), r)
    }
  }
}
