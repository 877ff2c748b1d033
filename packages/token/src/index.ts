/**
 * JSON Web Tokens (RFC 7519) that say who may do what where: mint and verify them, the gate that a server asks,
 * credentials for TURN, and where clients get theirs.
 *
 * @module socket-signal-token
 */

export {
  type Credential,
  type CredentialProvider,
  type CredentialsOptions,
  credentials,
  StaticCredentialProvider
} from './credentials.ts'
export { createGate, type Gate, type GateOptions } from './gate.ts'
export type { Grant, Kind, TopicGrant } from './grant.ts'
export type { KeyOptions } from './keys.ts'
export type { Question } from './rights.ts'
export { createTokenRoute, type TokenRouteOptions } from './route.ts'
export {
  createTokens,
  type MintOptions,
  type Tokens,
  type TokensOptions,
  type Verified,
  type VerifyOptions
} from './tokens.ts'
export { createTurn, type MintTurn, type TurnOptions, type TurnServers } from './turn.ts'
export { MemoryUsedTokens, type MemoryUsedTokensOptions, type UsedTokens } from './used.ts'
