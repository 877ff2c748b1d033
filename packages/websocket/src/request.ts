import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { isLoopback, parseUrl } from './url.ts'

/** The path of a request, without its query. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  return url.replace(/[?#].*$/s, '')
}

/** Whether a request to upgrade asks for this subprotocol, among others. */
export function asksFor({ headers }: IncomingMessage, subprotocol: string): boolean {
  const asked = headers['sec-websocket-protocol'] ?? ''
  return asked.split(',').some(name => name.trim() === subprotocol)
}

/** Whether it is a request to upgrade to WebSocket (RFC 6455 section 4.2.1). */
export function isWebsocket({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === '13' &&
    /^[+/0-9A-Za-z]{22}==$/.test(headers['sec-websocket-key'] ?? '')
  )
}

/**
 * The token of a request: of its Authorization header (Bearer, RFC 6750), which browsers can't set for a WebSocket; of a
 * subprotocol `bearer.TOKEN`, which they can; else of a cookie.
 */
export function tokenOf({ headers }: IncomingMessage, cookie: string | undefined): string {
  const [, header] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? []
  const [, asked] = /(?:^|,)\s*bearer\.([^\s,]+)/.exec(headers['sec-websocket-protocol'] ?? '') ?? []
  const bearer = header ?? asked
  if (bearer !== undefined || cookie === undefined) return bearer ?? ''
  const pairs = (headers.cookie ?? '').split(';').map(pair => pair.trim())
  return pairs.find(pair => pair.startsWith(`${cookie}=`))?.slice(cookie.length + 1) ?? ''
}

/** Whether a page asks from the host that it came from. */
export function isSameHost({ headers }: IncomingMessage): boolean {
  const { origin = '', host } = headers
  return URL.canParse(origin) && new URL(origin).host === host
}

/** Who is there: the socket's remote address or, behind a proxy that is trusted, the first one it was told. */
export function addressOf(request: IncomingMessage, trustProxy: boolean): string {
  const told = trustProxy ? first(request.headers['x-forwarded-for']) : ''
  return told || (request.socket.remoteAddress ?? '')
}

/**
 * Which audiences a server takes: the origins of its public URLs. Without any it can't know its own name, and takes
 * loopback on any port, and the host that the request names.
 */
export function audienceCheck(
  publicUrls: readonly string[],
  trustProxy: boolean
): (request: IncomingMessage) => (audience: string) => boolean {
  const origins = new Set(publicUrls.map(url => parseUrl(url).origin))
  if (origins.size > 0) return () => audience => origins.has(audience)
  return ({ headers }) => {
    const host = (trustProxy && first(headers['x-forwarded-host'])) || headers.host
    const named = ['ws', 'wss'].map(protocol => originOf(`${protocol}://${host}`))
    return audience =>
      audience !== '' && originOf(audience) === audience && (isLocal(audience) || named.includes(audience))
  }
}

/** A plain answer to a request to upgrade. */
export type Refusal = [status: string, reason: string, headers?: { readonly [name: string]: string }]

/** Answers a request to upgrade by plain HTTP, and ends its socket. */
export function refuse(raw: Duplex, ...[status, reason, headers = {}]: Refusal): void {
  if (!raw.writable) return void raw.destroy()
  const body = `${reason}\n`
  const lines = Object.entries({
    Connection: 'close',
    'Content-Type': 'text/plain; charset=utf-8',
    'Content-Length': String(Buffer.byteLength(body)),
    ...headers
  }).map(([name, value]) => `${name}: ${value}\r\n`)
  raw.once('finish', () => raw.destroy())
  raw.end(`HTTP/1.1 ${status}\r\n${lines.join('')}\r\n${body}`)
}

function first(header: string | string[] | undefined): string {
  return String(header ?? '')
    .split(',', 1)
    .join('')
    .trim()
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : ''
}

function isLocal(origin: string): boolean {
  const { protocol, hostname } = new URL(origin)
  return (protocol === 'ws:' || protocol === 'wss:') && isLoopback(hostname)
}
