import {
  calculateJwkThumbprint,
  createLocalJWKSet,
  createRemoteJWKSet,
  exportJWK,
  importJWK,
  importPKCS8,
  type JSONWebKeySet,
  type JWK,
  type JWTVerifyGetKey
} from 'jose'

/** One of the three: `secret` and `privateKey` mint and verify, `jwks` only verifies. */
export type KeyOptions =
  | {
      /** At least 32 bytes, for HS256. Whoever has it can mint. */
      secret: string | Uint8Array
    }
  | {
      /** Ed25519, P-256 or RSA (2048 bits and more), as PEM (PKCS #8), JWK, or a CryptoKey that may be exported. */
      privateKey: string | JWK | CryptoKey
    }
  | {
      /** Public keys, or the URL where their issuer publishes them: asked for when needed, and kept for ten minutes. */
      jwks: JSONWebKeySet | URL | string
    }

export interface Keys {
  /** The only algorithms that are taken. */
  algorithms: string[]
  verifyKey: Uint8Array | CryptoKey | JWTVerifyGetKey
  sign?: { alg: string; kid?: string; key: Uint8Array | CryptoKey }
  publicKeys: JSONWebKeySet
}

const SMALLEST_SECRET = 32
const ALGORITHMS = [
  { alg: 'EdDSA', kty: 'OKP', crv: 'Ed25519' },
  { alg: 'ES256', kty: 'EC', crv: 'P-256' },
  { alg: 'RS256', kty: 'RSA', crv: undefined }
]
const ASYMMETRIC = ALGORITHMS.map(({ alg }) => alg)
/** How long an issuer's keys are kept, how often they are asked for at most, how long that may take. Unit: ms. */
const REMOTE = { cacheMaxAge: 600_000, cooldownDuration: 30_000, timeoutDuration: 5_000 }
const PRIVATE_PARTS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k', 'key_ops', 'ext'] as const

/** Throws a `TypeError` for what is no key, or rejects with it. */
export function loadKeys(options: KeyOptions): Keys | Promise<Keys> {
  if ('secret' in options) return ofSecret(options.secret)
  if ('privateKey' in options) return ofPrivateKey(options.privateKey)
  return ofSet(options.jwks)
}

function ofSecret(secret: string | Uint8Array): Keys {
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  if (!(key instanceof Uint8Array) || key.length < SMALLEST_SECRET)
    throw new TypeError(`secret must have at least ${SMALLEST_SECRET} bytes`)
  return { algorithms: ['HS256'], verifyKey: key, sign: { alg: 'HS256', key }, publicKeys: { keys: [] } }
}

async function ofPrivateKey(given: string | JWK | CryptoKey): Promise<Keys> {
  const { alg, jwk } = await toJwk(given)
  const open: JWK = { ...jwk, alg, use: 'sig' }
  for (const part of PRIVATE_PARTS) delete open[part]
  const kid = jwk.kid ?? (await calculateJwkThumbprint(open))
  const key = (await importJWK(jwk, alg)) as CryptoKey
  const verifyKey = (await importJWK(open, alg)) as CryptoKey
  return { algorithms: [alg], verifyKey, sign: { alg, kid, key }, publicKeys: { keys: [{ ...open, kid }] } }
}

async function toJwk(given: string | JWK | CryptoKey): Promise<{ alg: string; jwk: JWK }> {
  const jwk =
    typeof given === 'string' ? await ofPem(given) : isCryptoKey(given) ? await exportJWK(given) : given
  const found = jwk?.d ? ALGORITHMS.find(({ kty, crv }) => jwk.kty === kty && jwk.crv === crv) : undefined
  if (found) return { alg: found.alg, jwk }
  throw new TypeError('privateKey must be a private key of Ed25519, P-256 or RSA')
}

async function ofPem(pem: string): Promise<JWK> {
  for (const alg of ASYMMETRIC) {
    const key = await importPKCS8(pem, alg, { extractable: true }).catch(() => undefined)
    if (key) return exportJWK(key)
  }
  throw new TypeError('privateKey must be PEM (PKCS #8) of Ed25519, P-256 or RSA')
}

function isCryptoKey(key: JWK | CryptoKey): key is CryptoKey {
  return typeof CryptoKey === 'function' && key instanceof CryptoKey
}

function ofSet(jwks: JSONWebKeySet | URL | string): Keys {
  const algorithms = [...ASYMMETRIC, 'Ed25519']
  if (typeof jwks !== 'string' && !(jwks instanceof URL))
    return { algorithms, verifyKey: createLocalJWKSet(jwks), publicKeys: jwks }
  const url = new URL(jwks) // Throws a TypeError as well.
  if (url.protocol !== 'https:' && !isLoopback(url.hostname))
    throw new TypeError('jwks must be an https URL: who can change it can mint')
  return { algorithms, verifyKey: createRemoteJWKSet(url, REMOTE), publicKeys: { keys: [] } }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
