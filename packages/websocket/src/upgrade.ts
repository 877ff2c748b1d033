import type { IncomingMessage } from 'node:http'
import { SignalError } from 'socket-signal'
import { isSameHost, pathOf, type Refusal, tokenOf } from './request.ts'

/** A request to upgrade of a client of another system. */
export interface Upgrade {
  /** Of its Authorization header (Bearer), of a subprotocol `bearer.TOKEN`, or its cookie; empty when it has none. */
  token: string
  /** Without its query. */
  path: string
  /** As Node has it. Nothing in it is checked. */
  request: IncomingMessage
}

/** Which pages may connect, and who is asked about clients of other systems. */
export interface UpgradeOptions {
  /** Exact origins of pages that may connect, for instance `https://app.example.org`. Default: any; no cookie counts. */
  origins?: readonly string[]
  /**
   * Asked about each request to upgrade that does not ask for our subprotocol, and that no door of `gateway` takes: whom a door
   * brings in, `authorize` is asked about. A throw of AUTH_REQUIRED or TOKEN_… is
   * told as 401, anything else that is not `true` as 403. Our own clients carry their tokens in hello, and are told by
   * close codes. Default: not asked.
   */
  authorizeUpgrade?: (upgrade: Upgrade) => boolean | Promise<boolean>
  /** A cookie that may carry such a token; it counts for `origins` and pages of the same host alone. Default: none. */
  cookie?: string
}

export function upgradeOf(request: IncomingMessage, { cookie }: UpgradeOptions): Upgrade {
  return { token: tokenOf(request, cookie), path: pathOf(request), request }
}

/** Whether a cookie may count: browsers send them for whatever page asks (cross-site WebSocket hijacking). */
export function mayAsk(request: IncomingMessage, { cookie, origins }: UpgradeOptions): boolean {
  const { origin } = request.headers
  return cookie === undefined || origin === undefined || origins?.includes(origin) || isSameHost(request)
}

/** Asks `authorizeUpgrade`. Throws what the request is refused with. */
export async function askUpgrade(upgrade: Upgrade, { authorizeUpgrade }: UpgradeOptions): Promise<void> {
  if (authorizeUpgrade && (await authorizeUpgrade(upgrade)) !== true)
    throw new SignalError('FORBIDDEN', 'this is not granted')
}

/** Rejects with TIMEOUT when it takes too long. Unit: ms. */
export async function within<T>(work: Promise<T>, timeout: number): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    // The platform would end a longer one at once.
    timer = setTimeout(
      () => reject(new SignalError('TIMEOUT', 'it took too long')),
      Math.min(timeout, 2 ** 31 - 1)
    )
  })
  try {
    return await Promise.race([late, work])
  } finally {
    clearTimeout(timer)
  }
}

/** How a request is refused for what was thrown. */
export function refusalOf(error: unknown): Refusal {
  const code = String(Object(error).code)
  if (code === 'AUTH_REQUIRED' || code === 'BAD_PROOF')
    return ['401 Unauthorized', 'This server asks for a token.', { 'WWW-Authenticate': 'Bearer' }]
  if (code.startsWith('TOKEN_'))
    return ['401 Unauthorized', `${code}.`, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }]
  if (code === 'INVALID_ARGUMENT')
    return ['400 Bad Request', `${String(Object(error).message).slice(0, 200)}.`]
  if (UNABLE.includes(code)) return ['503 Service Unavailable', 'Try again later.', { 'Retry-After': '5' }]
  return ['403 Forbidden', 'This is not granted.']
}

const UNABLE = ['TIMEOUT', 'INTERNAL', 'OVERLOADED', 'CLOSED', 'SERVER_SHUTDOWN', 'BACKPLANE_UNAVAILABLE']
