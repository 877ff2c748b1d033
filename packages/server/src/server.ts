import { createServer as createHttp, type RequestListener, type Server } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { type Authorize, SignalError } from 'socket-signal'
import {
  CHAT,
  type ChatDoor,
  type ChatDoorOptions,
  createChatDoor,
  createGateway,
  createPublishedDoor,
  type Door,
  PUBLISHED
} from 'socket-signal-gateway'
import { createModeration, type Moderation } from 'socket-signal-room/server'
import type { Gate, TurnOptions } from 'socket-signal-token'
import {
  respondFor,
  SocketSignalWebsocketServer,
  type SocketSignalWebsocketServerOptions,
  type Upgrade
} from 'socket-signal-websocket'
import { createEndpoints } from './endpoints.ts'
import { loadFiles, ownPage, withSignalPath } from './files.ts'
import { createMetrics } from './metrics.ts'
import { type Shared, shareByRedis } from './redis.ts'
import { createResponder } from './responder.ts'
import { createTokenDoor, type Disconnect, type TokenOptions } from './tokens.ts'
import { handOut } from './turn.ts'

/** All that the command `socket-signal-server` can be told, and the hooks of `SocketSignalServer`. */
export interface ServerOptions
  extends Omit<SocketSignalWebsocketServerOptions, 'server' | 'iceServers' | 'gateway'> {
  /** For clients that have none of their own. Default: none. */
  iceServers?: RTCIceServer[]
  /** A TURN server that shares a secret with this one: clients are handed credentials that end, and new ones before. */
  turn?: TurnOptions
  /** `required` refuses ids that are not proven by a key. Default: `required`. */
  identity?: 'required' | 'open'
  /** Asks clients for tokens, which `POST /tokens` mints for a project. `authorize` is asked after it. Default: not asked. */
  tokens?: TokenOptions
  /** Takes in chat clients of the DysonNetwork guide, at `/api/chat/realtime/{chatId}`. Default: `false`. */
  chat?: boolean | ChatDoorOptions
  /** Other doors, for clients of other systems. Default: none. */
  doors?: readonly Door[]
  /**
   * Clients of socket-signal 9 and 10, which have neither keys nor tokens: `open`, `closed`, or `auto`, which is open unless
   * tokens are required. Default: `auto`.
   */
  legacy?: 'auto' | 'open' | 'closed'
  /** Servers that share a Redis are one: `redis://host:6379`, or several nodes of a Cluster. Default: this server alone. */
  redis?: string | readonly string[]
  /** Certificate chain and private key, as PEM: serves https and wss. Default: http and ws. */
  tls?: { cert: string | Buffer; key: string | Buffer }
  /** A folder whose files are served from `/`, read at `open()`. Default: the page of this package. `false`: none. */
  page?: string | false
}

/** The ready-made server: signals, a page and `/healthz` on one port. */
export interface SignalServer {
  /** The signal server itself, for its hooks, events and counts. */
  readonly signal: SocketSignalWebsocketServer
  /** What it shares with others, where it was told `redis`. */
  readonly backplane: Shared['backplane'] | undefined
  /** The door of `chat`, to say when a membership has changed. */
  readonly chat: ChatDoor | undefined
  /** Where the page is, once open: `http://127.0.0.1:4000/`. Throws before. */
  readonly url: string
  /** Where signals go, once open: `ws://127.0.0.1:4000/`. Throws before. */
  readonly signalUrl: string
  /** Listens. Rejects with Node's own error, for instance EADDRINUSE, and with CLOSED once it was closed. */
  open(): Promise<void>
  /**
   * Ends the sockets of a peer, of somebody's tokens or of one, as KICKED. By `sub` and `jti` these tokens are not taken
   * again; by `id` they are. Gives how many it ended.
   */
  disconnect(who: { id: Uint8Array } | { sub: string } | { jti: string }): number
  /** Kicks members of rooms, and censors what they publish. Clients may do so with a token that may `moderate`. */
  readonly moderation: Moderation
  /** Ends every socket, within about a second, and stops listening. May be called twice; waits for an `open()` that runs. */
  close(): Promise<void>
}

/**
 * Makes a ready-made server; nothing listens before `open()`. A wrong option is a `TypeError`, a certificate or key
 * that can't be used the error of Node.
 *
 *     const server = createServer({ port: 4000 })
 *     await server.open()
 */
export function createServer(options: ServerOptions = {}): SignalServer {
  const {
    tls,
    page = ownPage(),
    port = 4000,
    host = '127.0.0.1',
    identity = 'required',
    tokens,
    legacy = 'auto',
    turn,
    iceServers,
    chat: chatOptions = false,
    redis = [],
    doors = [],
    ...rest
  } = options
  const chatSettings = chatOptions === true ? {} : chatOptions || undefined
  const chat = chatSettings ? createChatDoor(chatSettings) : undefined
  // Whose door lets them in without a token.
  const tokenless = [PUBLISHED, ...(chatSettings?.dev ? [CHAT] : [])]
  if (!['auto', 'open', 'closed'].includes(legacy))
    throw new TypeError(`option legacy must be auto, open or closed, got '${String(legacy)}'`)
  const isLegacyOpen = legacy === 'auto' ? !tokens || tokens.mode === 'optional' : legacy === 'open'
  // By their paths first: the last one takes who only talks.
  const all = [...(chat ? [chat] : []), ...doors, ...(isLegacyOpen ? [createPublishedDoor()] : [])]
  const gateway = all.length > 0 ? createGateway(all) : undefined
  const urls = [redis].flat()
  if (urls.length > 0 && rest.backplane)
    throw new TypeError('options redis and backplane exclude one another')
  const shared = urls.length > 0 ? shareByRedis(urls) : undefined
  const door =
    tokens &&
    createTokenDoor({ ...(shared && { used: shared.used }), ...tokens }, [options.publicUrls ?? []].flat()[0])
  const ice = turn ? handOut(turn, iceServers) : iceServers
  let respond: RequestListener = (_request, response) => void response.writeHead(503).end()
  const listener: RequestListener = (request, response) => {
    response.setTimeout(SILENCE)
    if (!respondFor(gateway, request, response)) respond(request, response)
  }
  const http = tls ? createHttps({ ...LIMITS, ...TLS, ...tls }, listener) : createHttp(LIMITS, listener)
  const moderation = createModeration()
  const signal = new SocketSignalWebsocketServer({
    ...(door && { authorizeUpgrade: mayJoin(door.gate) }),
    ...moderation.hooks,
    ...rest,
    ...(shared && { backplane: shared.backplane }),
    ...(ice && { iceServers: ice }),
    ...(door && { authorize: behind(door.gate, tokenless, rest.authorize) }),
    identity,
    ...(gateway && { gateway }),
    ...{ host, port }, // Looked at there.
    server: http
  })
  moderation.attach(signal)
  const protocol = tls ? 'https' : 'http'
  const urlOf = (path: string) => new URL(path, `${protocol}://${hostOf(addressOf(http))}`).href
  const metrics = createMetrics(signal, shared?.backplane)
  const reports = {
    health: () => ({ status: 'ok', ...signal.stats() }),
    isReady: () => !closing && signal.status === 'open' && shared?.backplane.status !== 'degraded',
    metrics
  }
  // What was revoked at another node is taken at none.
  signal.on('kicked', who => {
    if (!('id' in who)) door?.gate.revoke(who)
  })
  const disconnect: Disconnect = who => {
    if (!('id' in who)) door?.gate.revoke(who)
    return signal.disconnect(who)
  }
  const start = async () => {
    await shared?.open()
    await door?.ready() // A key that is none must not be found out by the first client.
    const files = page === false ? new Map() : await loadFiles(page)
    for (const place of ['/', '/room/']) {
      const index = files.get(place)
      if (index && rest.path) files.set(place, withSignalPath(index, rest.path))
    }
    const pages = createResponder(files, reports)
    respond =
      door && tokens.project
        ? createEndpoints(door.routes(disconnect, moderation), tokens.project, pages)
        : pages
    await listen(http, port, host)
    await signal.open()
  }
  const end = async () => {
    await starting?.catch(() => {}) // It would listen afterwards.
    await stop(http, signal)
    moderation.close()
    await shared?.close()
    metrics.close()
  }
  let starting: Promise<void> | undefined
  let opening: Promise<void> | undefined
  let closing: Promise<void> | undefined
  const close = () => (closing ??= end())
  const open = async () => {
    if (closing) throw new SignalError('CLOSED', 'this server is closed', { retryable: false })
    try {
      await (starting = start())
    } catch (error) {
      await close() // What was opened before would keep the process.
      throw error
    }
  }
  return {
    signal,
    backplane: shared?.backplane,
    chat,
    get url() {
      return urlOf('/')
    },
    get signalUrl() {
      return urlOf(rest.path ?? '/').replace(/^http/, 'ws')
    },
    disconnect,
    moderation,
    open: () => (opening ??= open()),
    close
  }
}

/** The token first, then what else the app asks. Who has none and comes by one of the doors `open` needs none. */
function behind(gate: Gate, open: readonly unknown[], own: Authorize | undefined): Authorize {
  const first: Authorize = request =>
    (request.token === '' && open.includes(request.connection.data.door)) || gate.authorize(request)
  return own ? async request => (await first(request)) && own(request) : first
}

/** A client of another system: its token must let it join what the path ends with. */
function mayJoin(gate: Gate): (upgrade: Upgrade) => Promise<boolean> {
  return ({ token, path }) =>
    gate.allows(token, { action: 'join', name: decodeURIComponent(path.replace(/^.*\//, '')) })
}

/** A slow client gets no time to hold a socket. Unit: ms. */
const LIMITS = { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 1_000 }
const TLS = { handshakeTimeout: 10_000 }
/** Nor one that asks and does not read what it is answered. Later than a slow body has been told 408. Unit: ms. */
const SILENCE = 18_000

function listen(http: Server, port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    http.once('error', reject)
    http.listen({ port, host }, () => {
      http.off('error', reject)
      // A socket that can't be accepted, for want of file descriptors for instance, must not end the process.
      http.on('error', error => console.error('socket-signal-server: the HTTP server failed', error))
      resolve()
    })
  })
}

async function stop(http: Server, signal: SocketSignalWebsocketServer): Promise<void> {
  const ended = new Promise<void>(resolve => void http.close(() => resolve()))
  http.closeAllConnections()
  await signal.close()
  await ended
}

function addressOf(http: Server): AddressInfo {
  const address = http.address()
  if (address && typeof address === 'object') return address
  throw new TypeError('the server has no address before open()')
}

function hostOf({ address, family, port }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return `localhost:${port}`
  return family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`
}
