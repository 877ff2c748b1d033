import type { IncomingMessage } from 'node:http'
import { isSameHost, pathOf, type Refusal, tokenOf } from './request.ts'

/** A request to upgrade of a client of another system. */
export interface Upgrade {
  /** Of its Authorization header (Bearer) or its cookie; empty when it has none. */
  token: string
  /** Without its query. */
  path: string
  request: IncomingMessage
}

export interface UpgradeOptions {
  /** Exact origins of pages that may connect, for instance `https://app.example.org`. Default: any; no cookie counts. */
  origins?: readonly string[]
  /**
   * Asked about each request to upgrade that does not ask for our subprotocol. A throw of AUTH_REQUIRED or TOKEN_… is
   * told as 401, anything else that is not `true` as 403. Our own clients carry their tokens in hello, and are told by
   * close codes. Default: not asked.
   */
  authorizeUpgrade?: (upgrade: Upgrade) => boolean | Promise<boolean>
  /** A cookie that may carry such a token; it counts for `origins` and pages of the same host alone. Default: none. */
  cookie?: string
}

/** What such a request is refused with; undefined when it may come in. `timeout`: ms. */
export async function askUpgrade(
  request: IncomingMessage,
  { authorizeUpgrade, cookie, origins }: UpgradeOptions,
  timeout: number
): Promise<Refusal | undefined> {
  if (!authorizeUpgrade) return undefined
  const { origin } = request.headers
  // Browsers send cookies for whatever page asks (cross-site WebSocket hijacking).
  const isTrusted = origin === undefined || origins?.includes(origin) || isSameHost(request)
  if (cookie !== undefined && !isTrusted) return ['403 Forbidden', 'This origin may not connect.']
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    // The platform would end a longer one at once.
    timer = setTimeout(() => reject({ code: 'TIMEOUT' }), Math.min(timeout, 2 ** 31 - 1))
  })
  try {
    const upgrade = { token: tokenOf(request, cookie), path: pathOf(request), request }
    const yes = await Promise.race([late, Promise.resolve(upgrade).then(authorizeUpgrade)])
    return yes === true ? undefined : ['403 Forbidden', 'This is not granted.']
  } catch (error) {
    return refusalOf(String(Object(error).code))
  } finally {
    clearTimeout(timer)
  }
}

function refusalOf(code: string): Refusal {
  if (code === 'AUTH_REQUIRED')
    return ['401 Unauthorized', 'This server asks for a token.', { 'WWW-Authenticate': 'Bearer' }]
  if (code.startsWith('TOKEN_'))
    return ['401 Unauthorized', `${code}.`, { 'WWW-Authenticate': 'Bearer error="invalid_token"' }]
  if (code === 'TIMEOUT' || code === 'INTERNAL' || code === 'OVERLOADED')
    return ['503 Service Unavailable', 'Try again later.', { 'Retry-After': '5' }]
  return ['403 Forbidden', 'This is not granted.']
}
