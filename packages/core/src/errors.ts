/**
 * Every failure has a stable code. Codes cross the wire and are compared as strings, never by `instanceof`.
 * `close` is the code that a socket is closed with: 4000 to 4499 mean "come back, with backoff", 4500 to 4999
 * are terminal. Codes without a number belong to one request or one peer.
 */
export const CODES = {
  SERVER_SHUTDOWN: { close: 4000, retryable: true },
  SLOW_CONSUMER: { close: 4001, retryable: true },
  HEARTBEAT_TIMEOUT: { close: 4002, retryable: true },
  TOKEN_EXPIRED: { close: 4003, retryable: true },
  RATE_LIMITED: { close: 4004, retryable: true },
  BACKPLANE_UNAVAILABLE: { close: 4005, retryable: true },
  OVERLOADED: { close: 4006, retryable: true },
  INTERNAL: { close: 4007, retryable: true },
  HELLO_TIMEOUT: { close: 4008, retryable: true },
  ID_IN_USE: { close: 4009, retryable: true },
  BAD_FRAME: { close: 4500, retryable: false },
  PROTOCOL_VERSION: { close: 4501, retryable: false },
  AUTH_REQUIRED: { close: 4502, retryable: false },
  TOKEN_INVALID: { close: 4503, retryable: false },
  ORIGIN_DENIED: { close: 4504, retryable: false },
  REPLACED: { close: 4505, retryable: false },
  KICKED: { close: 4506, retryable: false },
  TOO_LARGE: { close: 4507, retryable: false },
  TOKEN_REPLAYED: { close: 4508, retryable: false },
  BAD_PROOF: { close: 4509, retryable: false },

  INVALID_ARGUMENT: { retryable: false },
  NOT_JOINED: { retryable: false },
  PEER_NOT_FOUND: { retryable: false },
  PEER_AWAY: { retryable: true },
  PEER_LEFT: { retryable: false },
  FORBIDDEN: { retryable: false },
  LIMIT_TOPICS: { retryable: false },
  LIMIT_SESSIONS: { retryable: true },
  TIMEOUT: { retryable: true },
  CLOSED: { retryable: true },
  UNSUPPORTED: { retryable: false },
  CONNECT_FAILED: { retryable: true },

  CONNECT_TIMEOUT: { retryable: true },
  SIGNAL_TIMEOUT: { retryable: true },
  ICE_FAILED: { retryable: true },
  RTC_FAILED: { retryable: true },
  WEBRTC_UNAVAILABLE: { retryable: false },
  REJECTED: { retryable: false },
  GLARE_LOST: { retryable: false },
  BAD_SIGNATURE: { retryable: false },
  UNPROVEN_ID: { retryable: false },
  SIGNAL_LIMIT: { retryable: false }
} as const satisfies Record<string, { close?: number; retryable: boolean }>

/** The codes that this version knows. A server or a remote peer may send others. */
export type Code = keyof typeof CODES

export interface SignalErrorOptions {
  cause?: unknown
  /** Whether the same call may succeed later. Default: what the code says, `false` for an unknown code. */
  retryable?: boolean
  /** How long to wait before trying again. Unit: ms. */
  retryAfterMs?: number
}

/** The one error of this library: a stable `code`, a message for people, and whether to try again. */
export class SignalError extends Error {
  override readonly name = 'SignalError'
  readonly code: Code | (string & {})
  readonly retryable: boolean
  readonly retryAfterMs?: number

  constructor(code: Code | (string & {}), message: string, options: SignalErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? known(code)?.retryable ?? false
    if (options.retryAfterMs) this.retryAfterMs = options.retryAfterMs
  }
}

function known(code: string): { close?: number; retryable: boolean } | undefined {
  return Object.hasOwn(CODES, code) ? CODES[code as Code] : undefined
}

/** The number that a socket is closed with for this code; INTERNAL's for a code that has none. */
export function closeCode(code: string): number {
  return known(code)?.close ?? CODES.INTERNAL.close
}

/** Whether a socket can be closed with this code as such. */
export function hasClose(code: string): boolean {
  return known(code)?.close !== undefined
}

/** The code behind a close number, for instance 4505 gives REPLACED. Numbers without a name give CLOSED. */
export function codeOfClose(close: number): Code {
  for (const [code, { close: number }] of Object.entries(CODES) as [Code, { close?: number }][]) {
    if (number === close) return code
  }
  return close === 1009 ? 'TOO_LARGE' : 'CLOSED'
}

const TERMINAL_STANDARD = new Set([1002, 1003, 1007, 1008, 1009])

/** Whether a client must not come back after this close code (RFC 6455 section 7.4, and our own ranges). */
export function isTerminal(close: number): boolean {
  return (close >= 4500 && close <= 4999) || TERMINAL_STANDARD.has(close)
}

/** Whatever was thrown, as a SignalError: what a hook throws keeps its words and its code. */
export function toSignalError(thrown: unknown, code: Code = 'INTERNAL'): SignalError {
  if (thrown instanceof SignalError) return thrown
  const { code: own, message } = (thrown ?? {}) as { code?: unknown; message?: unknown }
  const words = typeof message === 'string' && message ? message : String(thrown)
  return new SignalError(typeof own === 'string' && isCode(own) ? own : code, words, { cause: thrown })
}

/** What may stand in a code: what came from the wire is checked against it. */
export function isCode(code: string): boolean {
  return /^[A-Z][A-Z0-9_]{0,39}$/.test(code)
}

/** The end of a switch over a union: the compiler complains when a case is missing. */
export function unreachable(value: never): never {
  throw new TypeError(`unexpected value: ${String(value)}`)
}
