import { assertBytes, concat, encodeText, equals, toHex, u16 } from './bytes.ts'

/** An Ed25519 key pair (RFC 8032). `publicKey`: 32 bytes, `secretKey`: the 32 byte seed. */
export interface KeyPair {
  publicKey: Uint8Array
  secretKey: Uint8Array
}

/** Who a client is: its id is `publicKey`, and it signs with a key that it need not show. */
export interface Identity {
  readonly publicKey: Uint8Array
  sign(bytes: Uint8Array): Promise<Uint8Array> | Uint8Array
}

/** The cryptography that is used. Handed in, so that tests may run with a deterministic, synchronous one. */
export interface Crypto {
  randomBytes(size: number): Uint8Array
  generateKeyPair(): Promise<KeyPair | CryptoKeyPair> | KeyPair | CryptoKeyPair
  identity(keys: KeyPair | CryptoKeyPair): Promise<Identity> | Identity
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean> | boolean
}

const HELLO = encodeText('socket-signal hello 1')

/**
 * The platform's cryptography: WebCrypto where it knows Ed25519, else `@noble/ed25519`, loaded when first needed.
 * `null` takes the latter in any case.
 */
export function createCrypto(subtle: SubtleCrypto | null | undefined = globalThis.crypto?.subtle): Crypto {
  let chosen: Promise<Signer> | undefined
  const signer = () => {
    chosen ??= chooseSigner(subtle)
    return chosen
  }
  return {
    randomBytes,
    generateKeyPair: async () => (await signer()).generateKeyPair(),
    identity: async keys => (await signer()).identity(keys),
    verify: async (publicKey, bytes, signature) =>
      !isSmallOrder(publicKey) && (await signer()).verify(publicKey, bytes, signature)
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
 * the server's policy is `reject`; a bare claim never displaces anybody.
 */
export function settleConflict(
  holder: { proven: boolean },
  claim: { proven: boolean },
  policy: 'replace' | 'reject'
): 'holder' | 'claim' {
  if (!claim.proven) return 'holder'
  return holder.proven && policy === 'reject' ? 'holder' : 'claim'
}

interface Signer {
  generateKeyPair(): Promise<KeyPair | CryptoKeyPair>
  identity(keys: KeyPair | CryptoKeyPair): Promise<Identity>
  verify(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): Promise<boolean>
}

async function chooseSigner(subtle: SubtleCrypto | null | undefined): Promise<Signer> {
  try {
    if (!subtle) return await nobleSigner()
    await subtle.generateKey('Ed25519', false, ['sign', 'verify'])
    return webSigner(subtle)
  } catch {
    // NotSupportedError, or an older name for it: this platform's WebCrypto lacks Ed25519.
    return nobleSigner()
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

async function nobleSigner(): Promise<Signer> {
  const ed = await import('./noble.ts')
  ed.hashes.sha512 = ed.sha512
  const verify: Signer['verify'] = async (publicKey, bytes, signature) => {
    try {
      return ed.verify(signature, bytes, publicKey, { zip215: false })
    } catch {
      return false
    }
  }
  return {
    generateKeyPair: async () => {
      const secretKey = randomBytes(32)
      return { secretKey, publicKey: ed.getPublicKey(secretKey) }
    },
    identity: async keys => {
      if (isCryptoKeys(keys))
        throw new TypeError('this platform has no Ed25519: give keyPair as bytes, not as CryptoKeys')
      const sign = (bytes: Uint8Array) => ed.sign(bytes, keys.secretKey)
      return checked({ publicKey: ed.getPublicKey(keys.secretKey), sign }, keys, verify)
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

/** Throws a `TypeError` unless it is a pair of 32 byte keys or a CryptoKeyPair. */
export function assertKeyPair(keys: unknown): asserts keys is KeyPair | CryptoKeyPair {
  if (keys && typeof keys === 'object' && 'privateKey' in keys && 'publicKey' in keys) return
  const { publicKey, secretKey } = (keys ?? {}) as Partial<KeyPair>
  assertBytes(publicKey, 'keyPair.publicKey')
  assertBytes(secretKey, 'keyPair.secretKey')
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

/** `size` bytes from the platform's random source. */
function randomBytes(size: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(size))
}

/**
 * The points of order 1, 2, 4 and 8, as y coordinates, with the encodings of y beyond the field's prime that mean
 * the same points. A key like that verifies signatures of everything (RFC 8032 section 5.1.7 leaves them in).
 */
const SMALL_ORDER = [
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0100000000000000000000000000000000000000000000000000000000000000',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f'
]

/** Whether this public key is one of the few that prove nothing. The sign of x does not matter. */
export function isSmallOrder(publicKey: Uint8Array): boolean {
  const y = Uint8Array.from(publicKey) // Not slice(): of a Buffer that is a view, and the key itself would change.
  y[31] = (y[31] as number) & 0x7f
  return SMALL_ORDER.includes(toHex(y))
}
