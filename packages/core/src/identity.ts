import { chooseSigner } from '#primitives'
import { assertBytes, concat, encodeText, u16 } from './bytes.ts'
import type { Signer } from './signer.ts'

/** An Ed25519 key pair (RFC 8032). `publicKey`: 32 bytes, `secretKey`: the 32 byte seed. */
export interface KeyPair {
  /** 32 bytes: the id of whoever has the secret key. */
  publicKey: Uint8Array
  /** The seed: 32 bytes. Whoever has it is that id. */
  secretKey: Uint8Array
}

/** Who a client is: its id is `publicKey`, and it signs with a key that it need not show. */
export interface Identity {
  /** 32 bytes. */
  readonly publicKey: Uint8Array
  /** An Ed25519 signature: 64 bytes. */
  sign(bytes: Uint8Array): Promise<Uint8Array> | Uint8Array
}

/** The cryptography that is used. Handed in, so that tests may run with a deterministic, synchronous one. */
export interface Crypto {
  /** From a source that nobody can foresee. `size`: bytes. */
  randomBytes(size: number): Uint8Array
  /** A new pair, as `identity` takes it. */
  generateKeyPair(): Promise<KeyPair | CryptoKeyPair> | KeyPair | CryptoKeyPair
  /** What signs with these keys. Rejects, or throws, with a `TypeError` for keys that don't belong together. */
  identity(keys: KeyPair | CryptoKeyPair): Promise<Identity> | Identity
  /** Whether a signature of 64 bytes is that key's, over these bytes. MUST refuse keys of small order. */
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> | boolean
}

const HELLO = encodeText('socket-signal hello 1')

/**
 * The platform's cryptography: WebCrypto where it knows Ed25519, else `@noble/ed25519`; loaded when first needed.
 * `null` takes the latter in any case.
 */
export function createCrypto(subtle: SubtleCrypto | null | undefined = globalThis.crypto?.subtle): Crypto {
  let chosen: Promise<Signer> | undefined
  const signer = () => {
    chosen ??= chooseSigner(subtle).catch(error => {
      chosen = undefined // What could not be loaded may be there the next time.
      throw error
    })
    return chosen
  }
  return {
    randomBytes,
    generateKeyPair: async () => (await signer()).generateKeyPair(),
    identity: async keys => (await signer()).identity(keys),
    verify: async (...signed) => (await signer()).verify(...signed)
  }
}

/** A key pair to keep, for a client that wants the same id each time. */
export function generateKeyPair(): Promise<KeyPair | CryptoKeyPair> {
  return Promise.resolve(createCrypto().generateKeyPair())
}

/** What a hello is signed over: it binds the key to this server's nonce and to the address that was dialed. */
export function helloBytes(nonce: Uint8Array, audience: string, unsigned: Uint8Array): Uint8Array {
  const name = encodeText(audience)
  return concat(HELLO, nonce, u16(name.length), name, unsigned)
}

/**
 * Who keeps an id that two sockets claim. A key beats a bare claim; a key displaces its own older socket, unless
 * the server's policy is `reject` and that one is not away; a bare claim never displaces anybody.
 */
export function settleConflict(
  holder: { proven: boolean; away?: boolean },
  claim: { proven: boolean },
  policy: 'replace' | 'reject'
): 'holder' | 'claim' {
  if (!claim.proven) return 'holder'
  return holder.proven && !holder.away && policy === 'reject' ? 'holder' : 'claim'
}

/** Throws a `TypeError` unless it is a pair of 32 byte keys or a CryptoKeyPair. */
export function assertKeyPair(keys: unknown): asserts keys is KeyPair | CryptoKeyPair {
  const { privateKey, publicKey, secretKey } = Object(keys)
  if (privateKey && publicKey) return
  assertBytes(publicKey, 'keyPair.publicKey')
  assertBytes(secretKey, 'keyPair.secretKey')
}

/** `size` bytes from the platform's random source. */
function randomBytes(size: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(size))
}
