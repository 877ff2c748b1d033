// By name, so that bundlers keep of the libraries only what a client without WebCrypto needs.
import { _SHA512 } from '@noble/hashes/sha2.js'

export { getPublicKey, hashes, sign, verify } from '@noble/ed25519'

export function sha512(bytes: Uint8Array): ReturnType<_SHA512['digest']> {
  return new _SHA512().update(bytes).digest()
}
