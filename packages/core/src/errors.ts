/**
 * Errors and their codes alone, for what neither dials nor serves.
 *
 * @module socket-signal/errors
 */

// Every failure has a stable code. Codes cross the wire and are compared as strings, never by `instanceof`.

/** After these a client comes back. Closed with 4000, 4001, … in this order. */
const COMES_BACK = [
  'SERVER_SHUTDOWN',
  'SLOW_CONSUMER',
  'HEARTBEAT_TIMEOUT',
  'TOKEN_EXPIRED',
  'RATE_LIMITED',
  'BACKPLANE_UNAVAILABLE',
  'OVERLOADED',
  'INTERNAL',
  'HELLO_TIMEOUT',
  'ID_IN_USE',
  'TOKEN_NOT_YET_VALID',
  'SUSPENDED'
] as const

/** After these it does not. Closed with 4500, 4501, … in this order. */
const TERMINAL = [
  'BAD_FRAME',
  'PROTOCOL_VERSION',
  'AUTH_REQUIRED',
  'TOKEN_INVALID',
  'ORIGIN_DENIED',
  'REPLACED',
  'KICKED',
  'TOO_LARGE',
  'TOKEN_REPLAYED',
  'BAD_PROOF'
] as const

/** Of one request or one peer: the same call may succeed later. */
const RETRYABLE = [
  'PEER_AWAY',
  'LIMIT_SESSIONS',
  'TIMEOUT',
  'CLOSED',
  'CONNECT_FAILED',
  'CONNECT_TIMEOUT',
  'SIGNAL_TIMEOUT',
  'ICE_FAILED',
  'ICE_NO_CANDIDATES',
  'TURN_AUTH',
  'RTC_FAILED',
  'TOKEN_UNAVAILABLE'
] as const

/** Of one request or one peer: it will not. */
const FINAL = [
  'INVALID_ARGUMENT',
  'NOT_JOINED',
  'PEER_NOT_FOUND',
  'PEER_LEFT',
  'FORBIDDEN',
  'LIMIT_TOPICS',
  'UNSUPPORTED',
  'WEBRTC_UNAVAILABLE',
  'REJECTED',
  'GLARE_LOST',
  'BAD_SIGNATURE',
  'UNPROVEN_ID',
  'SIGNAL_LIMIT'
] as const

/** The codes that this version knows. A server or a remote peer may send others. */
export type Code = (typeof COMES_BACK | typeof TERMINAL | typeof RETRYABLE | typeof FINAL)[number]

/** What an error says beyond code and words. */
export interface SignalErrorOptions {
  /** What it came of, as `Error.cause` has it. */
  cause?: unknown
  /** Whether the same call may succeed later. Default: what the code says, `false` for an unknown code. */
  retryable?: boolean
  /** How long to wait before trying again. Unit: ms. */
  retryAfterMs?: number
}

/** The one error of this library: a stable `code`, a message for people, and whether to try again. */
export class SignalError extends Error {
  /** As `Error.name`: it tells these from other errors, also across copies of the library. */
  override readonly name = 'SignalError'
  /** Stable: compare this, also where errors of several copies of the library meet. */
  readonly code: Code | (string & {})
  /** Whether the same call may succeed later. */
  readonly retryable: boolean
  /** How long to wait before, where somebody said so. Unit: ms. */
  readonly retryAfterMs?: number

  constructor(code: Code | (string & {}), message: string, options: SignalErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : options)
    this.code = code
    this.retryable = options.retryable ?? [...COMES_BACK, ...RETRYABLE].includes(code as never)
    if (options.retryAfterMs) this.retryAfterMs = options.retryAfterMs
  }
}

/** The first number of each list. */
enum FIRST {
  back = 4000,
  end = 4500
}

/** The number that a socket is closed with for this code; undefined for a code of one request or one peer. */
function numberOf(code: string): number | undefined {
  const [back, end] = [COMES_BACK.indexOf(code as never), TERMINAL.indexOf(code as never)]
  return back >= 0 ? FIRST.back + back : end >= 0 ? FIRST.end + end : undefined
}

/** As `numberOf`; INTERNAL's for a code that has none. */
export function closeCode(code: string): number {
  return numberOf(code) ?? closeCode('INTERNAL')
}

/** Whether a socket can be closed with this code as such. */
export function hasClose(code: string): boolean {
  return numberOf(code) !== undefined
}

/** The code behind a close number, for instance 4505 gives REPLACED. Numbers without a name give CLOSED. */
export function codeOfClose(close: number): Code {
  return (
    COMES_BACK[close - FIRST.back] ?? TERMINAL[close - FIRST.end] ?? (close === 1009 ? 'TOO_LARGE' : 'CLOSED')
  )
}

/** Whether a client must not come back after this close code (RFC 6455 section 7.4, and our own ranges). */
export function isTerminal(close: number): boolean {
  return /^(100[23789]|4[5-9]\d\d)$/.test(String(close))
}

/** Whether who ends with this number has left for good; else its socket broke. */
export function hasLeft(close: number): boolean {
  return close === 1000 || close === 1001 || isTerminal(close)
}

/** Whatever was thrown, as a SignalError: what a hook throws keeps its words and its code. */
export function toSignalError(thrown: unknown, code: Code = 'INTERNAL'): SignalError {
  if (thrown instanceof SignalError) return thrown
  const [own, words] = read(thrown)
  return new SignalError(isCode(own) ? own : code, words, { cause: thrown })
}

/** Whatever was thrown, as an error of some kind. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new SignalError('CLOSED', String(thrown))
}

/** The code and the words of anything: a hook may throw what can't even be read. */
function read(thrown: unknown): [unknown, string] {
  try {
    const { code, message } = Object(thrown)
    return [code, typeof message === 'string' && message ? message : String(thrown)]
  } catch {
    return [undefined, 'it says nothing']
  }
}

/** What may stand in a code: what came from the wire is checked against it. */
export function isCode(code: unknown): code is string {
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{0,39}$/.test(code)
}

/** The end of a switch over a union: the compiler complains when a case is missing. */
export function unreachable(value: never): never {
  throw new TypeError(`unexpected value: ${String(value)}`)
}

/** Every code that this version knows, with the number that a socket is closed with, where it has one. */
export const CODES: { readonly [C in Code]: { readonly close?: number; readonly retryable: boolean } } =
  /* @__PURE__ */ describeCodes()

function describeCodes(): typeof CODES {
  const all = [...COMES_BACK, ...TERMINAL, ...RETRYABLE, ...FINAL].map(code => {
    const { retryable } = new SignalError(code, '')
    return [code, { ...(hasClose(code) && { close: closeCode(code) }), retryable }]
  })
  return Object.fromEntries(all)
}
