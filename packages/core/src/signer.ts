import { MAX } from './bounds.ts'
import { concat, encodeText, equals, toKey, toNumber } from './bytes.ts'
import type { Identity, KeyPair } from './identity.ts'

// Not the bare name, which Firefox 133 does not take everywhere.
const ED25519 = { name: 'Ed25519' }

/** Makes and checks Ed25519 signatures. */
export interface Signer {
  generateKeyPair(): Promise<KeyPair | CryptoKeyPair>
  identity(keys: KeyPair | CryptoKeyPair): Promise<Identity>
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>
}

/** A public key as whoever checks with it wants it. */
type Key = CryptoKey | Uint8Array

/** Who can make and check them. */
export interface Scheme extends Pick<Signer, 'generateKeyPair' | 'identity'> {
  importKey(publicKey: Uint8Array): Promise<Key>
  verify(key: Key, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>
}

/**
 * By WebCrypto where it knows Ed25519, else by noble. Neither takes keys of small order, what is no point of the curve
 * verifies nothing, and a public key that does not belong to the secret one is refused: it could prove nothing.
 */
export async function chooseSigner(
  subtle: SubtleCrypto | null | undefined,
  loadNoble: () => Promise<Scheme>
): Promise<Signer> {
  const scheme: Scheme = (await knowsEd25519(subtle)) ? webScheme(subtle as SubtleCrypto) : await loadNoble()
  const keys = new Map<string, Key>()
  const verify: Signer['verify'] = async (publicKey, ...signed) => {
    const name = toKey(publicKey)
    try {
      let key = keys.get(name)
      if (!key && isSmallOrder(publicKey)) return false
      key ??= await scheme.importKey(publicKey)
      if (keys.size === MAX.publicKeys) keys.clear()
      keys.set(name, key)
      return await scheme.verify(key, ...signed)
    } catch {
      return false
    }
  }
  const identity: Signer['identity'] = async keys => {
    const made = await scheme.identity(keys)
    const probe = encodeText('socket-signal key')
    const same = isCryptoKeys(keys) || equals(made.publicKey, keys.publicKey)
    if (same && (await verify(made.publicKey, probe, await made.sign(probe)))) return made
    throw new TypeError('publicKey does not belong to secretKey')
  }
  return { ...scheme, identity, verify }
}

async function knowsEd25519(subtle: SubtleCrypto | null | undefined): Promise<boolean> {
  try {
    await subtle?.generateKey(ED25519, false, ['sign', 'verify'])
    return Boolean(subtle)
  } catch {
    return false // NotSupportedError, or an older name for it.
  }
}

function webScheme(subtle: SubtleCrypto): Scheme {
  return {
    generateKeyPair: async () =>
      (await subtle.generateKey(ED25519, true, ['sign', 'verify'])) as CryptoKeyPair,
    identity: async keys => {
      const { privateKey, publicKey } = isCryptoKeys(keys) ? keys : await importKeys(subtle, keys)
      return {
        publicKey: new Uint8Array(await subtle.exportKey('raw', publicKey)),
        sign: async bytes => new Uint8Array(await subtle.sign(ED25519, privateKey, own(bytes)))
      }
    },
    importKey: publicKey => subtle.importKey('raw', own(publicKey), ED25519, false, ['verify']),
    verify: (key, bytes, signature) => subtle.verify(ED25519, key as CryptoKey, own(signature), own(bytes))
  }
}

async function importKeys(subtle: SubtleCrypto, { publicKey, secretKey }: KeyPair): Promise<CryptoKeyPair> {
  const pkcs8 = concat(PKCS8, secretKey)
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, ED25519, false, ['sign']),
    publicKey: await subtle.importKey('raw', own(publicKey), ED25519, true, ['verify'])
  }
}

function isCryptoKeys(keys: KeyPair | CryptoKeyPair): keys is CryptoKeyPair {
  return 'privateKey' in keys
}

/** PrivateKeyInfo of an Ed25519 seed (RFC 8410 section 7), up to the seed itself. */
const PKCS8 = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20)

/** WebCrypto takes views of ArrayBuffers only; a Buffer or any view of ours is one. */
function own(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>
}

const P = 2n ** 255n - 19n

/**
 * Whether this public key is one of the few that prove nothing: it verifies signatures of everything (RFC 8032 section
 * 5.1.7 leaves them in). Points of order 1 and 2 have y = 1 and -1, those of order 4 y = 0, and those of order 8 double
 * to one of order 4: dy⁴ + 2y² = 1 with d = -121665/121666. The sign of x does not matter, and a y beyond the field's
 * prime means the same point.
 */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  const y = BigInt.asUintN(255, toNumber(publicKey))
  const y2 = (y * y) % P
  return (y * (y2 - 1n) * (121665n * y2 * y2 - 243332n * y2 + 121666n)) % P === 0n
}
