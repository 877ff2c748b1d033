import { errors, type JSONWebKeySet, type JWTPayload, type JWTVerifyGetKey, jwtVerify, SignJWT } from 'jose'
import { SignalError } from 'socket-signal/errors'
import { type Grant, isKind, type Kind, readGrant, readOwnGrant } from './grant.ts'
import { type KeyOptions, loadKeys } from './keys.ts'

/** Whose tokens are taken, with which keys, and for how long. */
export type TokensOptions = KeyOptions & {
  /** Who mints: the claim `iss`. */
  issuer: string
  /** For whom: the claim `aud`, for instance the URL of the server. */
  audience: string
  /** The longest life that is accepted. Default: 24 hours. Unit: ms. */
  maxLife?: number
  /** How far clocks may be apart. Default: 30,000. Unit: ms. */
  tolerance?: number
  /** The time, as `Date.now()` has it. */
  now?: () => number
}

/** How a token is minted. */
export interface MintOptions {
  /** How long it holds. Default: 7,200,000, two hours. Unit: ms, cut to whole seconds. */
  expiresIn?: number
}

/** What a token has to be, beyond good. */
export interface VerifyOptions {
  /** Refuses tokens of another kind. */
  kind?: Kind
}

/** What a token says whose signature, issuer, audience and times are right. Times are those of the token: seconds. */
export interface Verified extends Grant {
  /** What it is for: `subscriber` where the token says nothing. */
  readonly kind: Kind
  /** When it ends, in Unix seconds (RFC 7519, section 4.1.4). */
  readonly exp: number
  /** When it was minted, in Unix seconds. Those of other issuers may not say. */
  readonly iat?: number
  /** No server takes it after that, if clocks are no further apart than `tolerance`. Unit: ms. */
  readonly takenUntil: number
}

/** Mints and verifies tokens: JSON Web Tokens (RFC 7519), signed. */
export interface Tokens {
  /** Throws a `TypeError` for a grant that is none, or too large for a token, or where there is no key to sign with. */
  mint(grant: Grant, options?: MintOptions): Promise<string>
  /**
   * Rejects with TOKEN_EXPIRED, TOKEN_NOT_YET_VALID (both say what time it is here), TOKEN_INVALID, or INTERNAL when the
   * issuer's keys can't be had.
   */
  verify(token: string, options?: VerifyOptions): Promise<Verified>
  /** Public keys with which others can verify, for their `jwks`. Empty for a secret. */
  jwks(): Promise<JSONWebKeySet>
}

const DAY = 86_400_000
/** A longer one fits into no hello. Unit: bytes, as it is ASCII. */
const MAX_TOKEN = 8192
const TWO_HOURS = 7_200_000

/**
 * Throws a `TypeError` for a secret or a URL that is none; what is wrong with a private key, `mint` and `jwks` say.
 *
 *     const tokens = createTokens({ secret, issuer: 'https://app.example.org', audience: 'wss://signal.example.org' })
 *     const token = await tokens.mint({ sub: 'ada', topics: [{ name: 'lobby' }], can: ['join', 'offer', 'signal'] })
 */
export function createTokens(options: TokensOptions): Tokens {
  const { issuer, audience, maxLife = DAY, tolerance = 30_000, now = Date.now } = options
  if (!issuer || !audience) throw new TypeError('tokens need an issuer and an audience')
  const loading = Promise.resolve(loadKeys(options))
  loading.catch(() => {}) // Told to each caller.
  const check = (payload: JWTPayload, kind: Kind | undefined) => {
    const { exp = 0, iat } = payload
    const [time, leeway] = [now() / 1000, tolerance / 1000]
    if (iat !== undefined && iat > time + leeway) throw notYet(iat, now())
    if (exp - Math.min(iat ?? time, time) > maxLife / 1000 + leeway)
      throw invalid(`it would hold for more than ${maxLife} ms`)
    const grant = toGrant(payload)
    if (kind && grant.kind !== kind) throw invalid(`it is of kind ${grant.kind}, not ${kind}`)
    // Here it may come so much later, and at a node whose clock is behind this one's once more.
    const takenUntil = (exp + 2 * Math.ceil(leeway)) * 1000
    return { ...grant, exp, takenUntil, ...(iat !== undefined && { iat }) }
  }
  return {
    async mint(grant, { expiresIn = TWO_HOURS } = {}) {
      const { cnf, jti = globalThis.crypto.randomUUID(), ...claims } = readOwnGrant(grant)
      if (!(expiresIn >= 1000 && expiresIn <= maxLife))
        throw new TypeError(`expiresIn must be 1000 to ${maxLife} ms`)
      const { sign } = await loading
      if (!sign) throw new TypeError('jwks only verifies: minting needs secret or privateKey')
      const { key, ...header } = sign
      const iat = Math.floor(now() / 1000)
      const token = await new SignJWT({ ...claims, ...(cnf && { cnf: toJwk(cnf) }) })
        .setProtectedHeader({ ...header, typ: 'JWT' })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(iat)
        .setExpirationTime(iat + Math.floor(expiresIn / 1000))
        .setJti(jti)
        .sign(key)
      if (token.length <= MAX_TOKEN) return token
      throw new TypeError(`this grant takes ${token.length} bytes as a token, the limit is ${MAX_TOKEN}`)
    },
    async verify(token, { kind } = {}) {
      try {
        const { algorithms, verifyKey } = await loading
        const { payload } = await jwtVerify(token, verifyKey as JWTVerifyGetKey, {
          algorithms,
          issuer,
          audience,
          requiredClaims: ['exp'],
          clockTolerance: tolerance / 1000,
          currentDate: new Date(now())
        })
        return check(payload, kind)
      } catch (error) {
        throw explain(error, now())
      }
    },
    jwks: async () => (await loading).publicKeys
  }
}

function toGrant({ cnf, ...claims }: JWTPayload): Grant & { kind: Kind } {
  const { kind = 'subscriber' } = claims
  if (!isKind(kind)) throw invalid('its kind is not known')
  const key = cnf === undefined ? {} : { cnf: toId(cnf) }
  try {
    return { ...readGrant({ ...claims, ...key }), kind }
  } catch (error) {
    throw invalid((error as Error).message)
  }
}

/** The key that a token is bound to (RFC 7800 section 3.2). An id is the raw Ed25519 key. */
function toJwk(id: string): { jwk: { kty: string; crv: string; x: string } } {
  const bytes = String.fromCharCode(...(id.match(/../g) ?? []).map(hex => Number.parseInt(hex, 16)))
  const x = btoa(bytes).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')
  return { jwk: { kty: 'OKP', crv: 'Ed25519', x } }
}

function toId(cnf: unknown): string {
  const { kty, crv, x } = Object(Object(cnf).jwk)
  if (kty !== 'OKP' || crv !== 'Ed25519' || typeof x !== 'string' || !/^[\w-]{43}$/.test(x))
    throw invalid('it is bound to something else than an Ed25519 key')
  const bytes = atob(x.replace(/-/g, '+').replace(/_/g, '/'))
  return [...bytes].map(byte => byte.charCodeAt(0).toString(16).padStart(2, '0')).join('')
}

/** jose's errors, and what the network says, as ours: no claim's value is in the words. jose's hold all claims. */
function explain(error: unknown, now: number): SignalError {
  if (error instanceof SignalError) return error
  if (error instanceof errors.JWTExpired)
    return new SignalError('TOKEN_EXPIRED', `expired at ${show(error.payload.exp)}; ${here(now)}`)
  if (error instanceof errors.JWTClaimValidationFailed && error.claim === 'nbf' && error.payload.nbf)
    return notYet(error.payload.nbf, now)
  if (error instanceof errors.JOSEError && !UNREACHABLE.includes(error.code)) return invalid(error.message)
  return new SignalError('INTERNAL', 'tokens can not be checked now', { cause: error })
}

/** The issuer's keys could not be had, or are none. */
const UNREACHABLE = ['ERR_JOSE_GENERIC', 'ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID']

function invalid(why: string): SignalError {
  return new SignalError('TOKEN_INVALID', `the token is refused: ${why}`)
}

function notYet(from: number, now: number): SignalError {
  return new SignalError('TOKEN_NOT_YET_VALID', `holds from ${show(from)}; ${here(now)}`)
}

function here(now: number): string {
  return `here it is ${show(now / 1000)}`
}

function show(seconds = 0): string {
  const time = new Date(seconds * 1000)
  return Number.isNaN(time.getTime()) ? 'no date' : time.toISOString().replace(/\.\d+/, '')
}
