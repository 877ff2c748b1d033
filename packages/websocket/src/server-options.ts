import type { Server } from 'node:http'
import { inspect } from 'node:util'
import type { SocketSignalServerMapOptions } from 'socket-signal'
import type { GatewayLike } from './foreign.ts'
import type { UpgradeOptions } from './upgrade.ts'

/** A server's options: where it listens, and whose upgrades it takes. */
export interface SocketSignalWebsocketServerOptions extends SocketSignalServerMapOptions, UpgradeOptions {
  /** Of its own HTTP server; 0 takes a free one. Default: 4000. */
  port?: number
  /** Where its own HTTP server listens. Default: `127.0.0.1`, this machine alone. */
  host?: string
  /** An http or https server to attach to, in place of its own. It is neither started nor closed. */
  server?: Server
  /** The one path where sockets are taken, for instance `/signal`. Default: any. */
  path?: string
  /** URLs by which clients know this server; a hello for another is refused. Default: loopback, and the Host header. */
  publicUrls?: string | readonly string[]
  /** Whether to believe X-Forwarded-For and X-Forwarded-Host. Only behind a proxy that sets them. Default: `false`. */
  trustProxy?: boolean
  /**
   * Sockets that one address may have at once, an IPv6 network of 64 bits counting as one; the next is refused with 429. Many
   * people may share one. Default: any number.
   */
  maxPerAddress?: number
  /** Takes in clients of other systems, for instance `createGateway` of socket-signal-gateway. Default: nobody does. */
  gateway?: GatewayLike
}

/** Throws a `TypeError` that names what is wrong. */
export function assertOptions(options: SocketSignalWebsocketServerOptions): void {
  const { path, port = 0, host = 'localhost', origins = [], cookie = '', trustProxy = false } = options
  // Node would take an empty one for everybody's.
  assertFits(typeof host === 'string' && host !== '', 'host', 'an address', host)
  assertFits(Array.isArray(origins), 'origins', 'a list', origins)
  assertFits(typeof cookie === 'string', 'cookie', 'a string', cookie)
  assertFits(typeof trustProxy === 'boolean', 'trustProxy', 'true or false', trustProxy)
  const methods = { server: 'listenerCount', gateway: 'knock', authorizeUpgrade: 'call' } as const
  for (const [name, method] of Object.entries(methods)) {
    const value: unknown = options[name as keyof typeof methods]
    const fits = value === undefined || typeof Object(value)[method] === 'function'
    assertFits(fits, name, method === 'call' ? 'a function' : `one that has ${method}()`, value)
  }
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new TypeError(`port must be a whole number from 0 to 65535, got ${String(port)}`)
  if (path !== undefined && !/^\/[^?#\s]*$/.test(path))
    throw new TypeError(`path must start with /, and hold no ?, # or space, got '${path}'`)
  for (const origin of origins) assertOrigin(origin)
}

function assertFits(fits: boolean, name: string, wanted: string, value: unknown): void {
  if (!fits) throw new TypeError(`${name} must be ${wanted}, got ${inspect(value, { depth: -1 })}`)
}

function assertOrigin(origin: string): void {
  if (origin === 'null' || (URL.canParse(origin) && new URL(origin).origin === origin)) return
  throw new TypeError(`an origin is exact, for instance https://app.example.org, got '${origin}'`)
}
