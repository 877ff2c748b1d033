import { sha256, sha512 } from '@noble/hashes/sha2.js'
import type { Crypto, Identity, KeyPair } from 'socket-signal'
import { concat, encodeText, equals } from 'socket-signal/wire'

/** core's `Crypto` without promises, so that nothing in a story waits. */
export interface SynchronousCrypto extends Crypto {
  /** At once: the next pair of its seed. */
  generateKeyPair(): KeyPair
  /** At once. Throws a `TypeError` for keys that are no bytes or don't belong together. */
  identity(keys: KeyPair | CryptoKeyPair): Identity
  /** At once. */
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean
}

/**
 * Cryptography for stories and simulations: synchronous, cheap, and the same for the same seed. NOT SECURE: whoever
 * knows a public key can forge its signatures, and random bytes follow from the seed. Sizes are those of Ed25519
 * (keys 32 bytes, signatures 64), a changed byte, another key or another message is refused. Give each
 * client a seed of its own: the same seed makes the same keys.
 */
export function deterministicCrypto(seed: number | string): SynchronousCrypto {
  const state = sha256(encodeText(`socket-signal-testing ${typeof seed} ${seed}`))
  let counter = 0
  const randomBytes = (size: number) => {
    const bytes = new Uint8Array(size)
    for (let at = 0; at < size; at += 32) {
      const block = sha256(concat(state, encodeText(String(counter++))))
      bytes.set(block.subarray(0, Math.min(32, size - at)), at)
    }
    return bytes
  }
  return {
    randomBytes,
    generateKeyPair: () => {
      const secretKey = randomBytes(32)
      return { secretKey, publicKey: publicKeyOf(secretKey) }
    },
    identity: createIdentity,
    verify: (publicKey, bytes, signature) => equals(signature, sign(publicKey, bytes))
  }
}

function createIdentity(keys: KeyPair | CryptoKeyPair): Identity {
  if (!('secretKey' in keys)) throw new TypeError('deterministic cryptography takes keys as bytes')
  const publicKey = publicKeyOf(keys.secretKey)
  if (!equals(publicKey, keys.publicKey)) {
    throw new TypeError('the public key of keyPair does not belong to its secret key')
  }
  return { publicKey, sign: bytes => sign(publicKey, bytes) }
}

function publicKeyOf(secretKey: Uint8Array): Uint8Array {
  return sha256(concat(encodeText('public'), secretKey))
}

function sign(publicKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  return sha512(concat(encodeText('signature'), publicKey, bytes))
}
