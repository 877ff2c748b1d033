// By name, so that bundlers keep of the library only what is used here.
import { getPublicKeyAsync, hashes, signAsync, verifyAsync } from '@noble/ed25519'
import { sha512 } from './sha512.ts'
import type { Signer } from './signer.ts'

/** Ed25519 by noble, with WebCrypto's SHA-512 where there is any. */
export function nobleSigner(subtle: SubtleCrypto | null | undefined): Signer {
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
    verify: (publicKey, bytes, signature) => verifyAsync(signature, bytes, publicKey, { zip215: false })
  }
}
