import { SignalError } from 'socket-signal'
import {
  createGate,
  createTokens,
  type Gate,
  type GateOptions,
  type Grant,
  type Tokens,
  type TokensOptions
} from 'socket-signal-token'

export const SECRET = 'a secret of at least thirty-two bytes'
export const NAMES = { issuer: 'https://app.example.org', audience: 'wss://signal.example.org' }

/** Tokens of a secret, and the gate that takes them. */
export function tokensAndGate(
  options: Partial<Omit<TokensOptions, 'privateKey' | 'jwks'>> = {},
  gate: GateOptions = {}
): { tokens: Tokens; gate: Gate } {
  const tokens = createTokens({ secret: SECRET, ...NAMES, ...options })
  return { tokens, gate: createGate(tokens, gate) }
}

/** The same gate before tokens that anybody could write: the simulator's, since signing takes real time. */
export function plainTokensAndGate(): { mint: (grant: Grant, ms?: number) => string; gate: Gate } {
  let jti = 0
  const mint = (grant: Grant, ms = 600_000) =>
    JSON.stringify({ ...grant, jti: String(jti++), exp: (Date.now() + ms) / 1000 })
  const verify = async (token: string) => {
    if (!token.startsWith('{')) throw new SignalError('TOKEN_INVALID', 'this is no token')
    const grant = JSON.parse(token)
    if (grant.exp * 1000 <= Date.now()) throw new SignalError('TOKEN_EXPIRED', 'this token has ended')
    return grant
  }
  return { mint, gate: createGate({ ...createTokens({ secret: SECRET, ...NAMES }), verify }) }
}
