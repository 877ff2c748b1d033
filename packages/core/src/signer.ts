import { concat, encodeText, equals, toHex } from './bytes.ts'
import type { Identity, KeyPair } from './identity.ts'

/** Makes and checks Ed25519 signatures. */
export interface Signer {
  generateKeyPair(): Promise<KeyPair | CryptoKeyPair>
  identity(keys: KeyPair | CryptoKeyPair): Promise<Identity>
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>
}

/** By WebCrypto where it knows Ed25519, else by noble. Neither takes keys of small order. */
export async function chooseSigner(subtle: SubtleCrypto | null | undefined): Promise<Signer> {
  const signer = (await knowsEd25519(subtle)) ? webSigner(subtle as SubtleCrypto) : await nobleSigner(subtle)
  return { ...signer, verify: async (key, ...signed) => !isSmallOrder(key) && signer.verify(key, ...signed) }
}

async function knowsEd25519(subtle: SubtleCrypto | null | undefined): Promise<boolean> {
  try {
    await subtle?.generateKey('Ed25519', false, ['sign', 'verify'])
    return Boolean(subtle)
  } catch {
    return false // NotSupportedError, or an older name for it.
  }
}

function webSigner(subtle: SubtleCrypto): Signer {
  return {
    generateKeyPair: async () =>
      (await subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as CryptoKeyPair,
    identity: async keys => {
      const { privateKey, publicKey } = isCryptoKeys(keys) ? keys : await importKeys(subtle, keys)
      const raw = new Uint8Array(await subtle.exportKey('raw', publicKey))
      const sign = async (bytes: Uint8Array) =>
        new Uint8Array(await subtle.sign('Ed25519', privateKey, own(bytes)))
      return checked({ publicKey: raw, sign }, keys, webVerify(subtle))
    },
    verify: webVerify(subtle)
  }
}

function webVerify(subtle: SubtleCrypto): Signer['verify'] {
  return async (publicKey, bytes, signature) => {
    try {
      const key = await subtle.importKey('raw', own(publicKey), 'Ed25519', false, ['verify'])
      return await subtle.verify('Ed25519', key, own(signature), own(bytes))
    } catch {
      return false // Not a point of the curve.
    }
  }
}

async function importKeys(subtle: SubtleCrypto, { publicKey, secretKey }: KeyPair): Promise<CryptoKeyPair> {
  const pkcs8 = concat(PKCS8, secretKey)
  return {
    privateKey: await subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']),
    publicKey: await subtle.importKey('raw', own(publicKey), 'Ed25519', true, ['verify'])
  }
}

async function nobleSigner(subtle: SubtleCrypto | null | undefined): Promise<Signer> {
  const ed = await import('./noble.ts')
  if (!subtle) ed.hashes.sha512Async = async bytes => ed.sha512(bytes) as Uint8Array<ArrayBuffer>
  const verify: Signer['verify'] = async (publicKey, bytes, signature) => {
    try {
      return await ed.verifyAsync(signature, bytes, publicKey, { zip215: false })
    } catch {
      return false
    }
  }
  return {
    generateKeyPair: async () => {
      const secretKey = globalThis.crypto.getRandomValues(new Uint8Array(32))
      return { secretKey, publicKey: await ed.getPublicKeyAsync(secretKey) }
    },
    identity: async keys => {
      if (isCryptoKeys(keys))
        throw new TypeError('this platform has no Ed25519: give keyPair as bytes, not as CryptoKeys')
      const sign = (bytes: Uint8Array) => ed.signAsync(bytes, keys.secretKey)
      return checked({ publicKey: await ed.getPublicKeyAsync(keys.secretKey), sign }, keys, verify)
    },
    verify
  }
}

/** Refuses a public key that does not belong to the secret one: such a client could prove nothing. */
async function checked(
  identity: Identity,
  keys: KeyPair | CryptoKeyPair,
  verify: Signer['verify']
): Promise<Identity> {
  const probe = encodeText('socket-signal key check')
  const same = isCryptoKeys(keys) || equals(identity.publicKey, keys.publicKey)
  if (same && (await verify(identity.publicKey, probe, await identity.sign(probe)))) return identity
  throw new TypeError('the public key of keyPair does not belong to its secret key')
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
/** A point of order 8 has this y, or its negative. */
const Y8 = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n
/** The y coordinates of all points of order 1, 2, 4 and 8. */
const SMALL_ORDER = [0n, 1n, P - 1n, Y8, P - Y8]

/**
 * Whether this public key is one of the few that prove nothing: it verifies signatures of everything (RFC 8032 section
 * 5.1.7 leaves them in). The sign of x does not matter, and a y beyond the field's prime means the same point.
 */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  const y = BigInt(`0x0${toHex(Uint8Array.from(publicKey).reverse())}`)
  return SMALL_ORDER.includes(BigInt.asUintN(255, y) % P)
}
