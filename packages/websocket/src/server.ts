import type { IncomingMessage, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { type CloseEvent, closeCode, SocketSignalServerMap, SUBPROTOCOL } from 'socket-signal'
import { type WebSocket, WebSocketServer } from 'ws'
import { Addresses } from './addresses.ts'
import type { GatewayLike } from './foreign.ts'
import { ForeignWebsocket } from './foreign-websocket.ts'
import { closeHttp, createHttp, listen } from './http.ts'
import { addressOf, asksFor, audienceCheck, isWebsocket, pathOf, type Refusal, refuse } from './request.ts'
import { assertOptions, type SocketSignalWebsocketServerOptions } from './server-options.ts'
import { type WebSocketLike, WebsocketSocket } from './socket.ts'
import { askUpgrade, mayAsk, refusalOf, upgradeOf, within } from './upgrade.ts'

type Entry = NonNullable<Awaited<ReturnType<GatewayLike['knock']>>>

/** How long sockets get to say goodbye when the server closes. Unit: ms. */
const GOODBYE = 1_000
/** How long a socket may take for its closing handshake. Unit: ms. */
const CLOSE_TIMEOUT = 5_000
/** How long an upgrade that others on the same server might take may stay unanswered. Unit: ms. */
const ORPHAN = 2_000
const RETRY_AFTER = '5'
const CLOSING: Refusal = ['503 Service Unavailable', 'Shutting down.']

/**
 * The reference server over WebSocket, with its own port or attached to an http or https server.
 *
 * `open()` listens, `close()` ends every socket and its own HTTP server. `open()` rejects with Node's own error, for
 * instance EADDRINUSE. Plain HTTP on its own port is answered with 200 "Signal running OK".
 *
 *     const server = new SocketSignalWebsocketServer({ port: 4000 })
 *     await server.open()
 */
export class SocketSignalWebsocketServer extends SocketSignalServerMap {
  readonly #options: SocketSignalWebsocketServerOptions
  readonly #accepts: (request: IncomingMessage) => (audience: string) => boolean
  readonly #sockets = new Set<WebSocket>()
  readonly #origins: ReadonlySet<string> | undefined
  readonly #addresses: Addresses
  readonly #upgrade = (request: IncomingMessage, raw: Duplex, head: Buffer) =>
    this.#onUpgrade(request, raw, head)
  #http: Server | undefined
  #websockets: WebSocketServer | undefined
  /** Requests to upgrade that wait for `authorizeUpgrade`. */
  readonly #asking = new Set<Duplex>()
  /** The subprotocol that was chosen for a foreign client; false: none. */
  readonly #chosen = new WeakMap<IncomingMessage, string | false>()

  constructor(options: SocketSignalWebsocketServerOptions = {}) {
    super(options)
    assertOptions(options)
    const { origins, publicUrls = [], trustProxy = false } = options
    this.#options = options
    this.#addresses = new Addresses(options.maxPerAddress ?? Number.POSITIVE_INFINITY)
    this.#origins = origins && new Set(origins)
    this.#accepts = audienceCheck([publicUrls].flat(), trustProxy)
  }

  /** Where it listens, once open; also of a server that was given, while that listens. */
  get address(): AddressInfo | undefined {
    const address = (this.#http ?? this.#options.server)?.address()
    return address && typeof address === 'object' ? address : undefined
  }

  /** A URL for clients on this machine. Throws before `open()`. */
  get url(): string {
    const { address } = this
    if (!address) throw new TypeError('the server has no address before open()')
    const protocol = this.#http && 'setSecureContext' in this.#http ? 'wss' : 'ws'
    return `${protocol}://${hostOf(address)}:${address.port}${this.#options.path ?? ''}`
  }

  protected override async _open(): Promise<void> {
    await super._open()
    const { server, port = 4000, host = '127.0.0.1' } = this.#options
    const http = server ?? (await listen(createHttp(this.#options.gateway), port, host))
    this.#http = http
    // Reported, not thrown: without a listener, a socket that can't be accepted would end the process.
    if (!server) http.on('error', error => this._onHttpError(error))
    this.#websockets = new WebSocketServer(this.#websocketOptions())
    http.on('upgrade', this.#upgrade)
  }

  protected override async _close(): Promise<void> {
    const http = this.#http
    http?.off('upgrade', this.#upgrade)
    const ended = this.#options.server || !http ? undefined : closeHttp(http)
    for (const raw of this.#asking) refuse(raw, ...CLOSING)
    this.#asking.clear()
    const sockets = [...this.#sockets]
    await super._close()
    await endAll(sockets)
    await ended
  }

  /**
   * A request to upgrade that does not ask for our subprotocol: maybe a client of another system.
   * The socket is yours to answer or to destroy. Default: 400 that says what is missing.
   */
  protected _onForeignUpgrade(
    _request: IncomingMessage,
    socket: Duplex,
    _head: Buffer
  ): void | Promise<void> {
    refuse(
      socket,
      '400 Bad Request',
      `This is a signal server: ask for the WebSocket subprotocol ${SUBPROTOCOL}.`
    )
  }

  /**
   * Its own HTTP server failed after it was open, for instance for want of file descriptors, or `_onForeignUpgrade`
   * threw. Default: `console.error`.
   */
  protected _onHttpError(error: Error): void {
    console.error('socket-signal-websocket: the HTTP server failed', error)
  }

  #websocketOptions() {
    return {
      noServer: true,
      maxPayload: this.limits.maxPayload,
      maxFragments: 16,
      clientTracking: false,
      perMessageDeflate: false,
      closeTimeout: CLOSE_TIMEOUT,
      handleProtocols: (_asked: Set<string>, request: IncomingMessage) =>
        this.#chosen.get(request) ?? SUBPROTOCOL
    }
  }

  #onUpgrade(request: IncomingMessage, raw: Duplex, head: Buffer): void {
    raw.on('error', destroy)
    const { path, gateway } = this.#options
    const ours = asksFor(request, SUBPROTOCOL)
    if (!this.#isHome(request) && (ours || !gateway))
      return this.#leave(raw, '404 Not Found', `Signals are at ${path}.`)
    if (!ours && !this.#hasNeighbours && !isWebsocket(request))
      return refuse(raw, '400 Bad Request', 'This is no WebSocket request.')
    if (request.headers.upgrade?.toLowerCase() !== 'websocket') {
      return this.#leave(raw, '426 Upgrade Required', 'Upgrade to websocket.', { Upgrade: 'websocket' })
    }
    if (!ours && !gateway && this.#hasNeighbours)
      return this.#leave(raw, '400 Bad Request', `Ask for ${SUBPROTOCOL}.`)
    if (this.status !== 'open') return refuse(raw, ...CLOSING)
    if (this.#sockets.size + this.#asking.size >= this.limits.maxConnections) {
      return refuse(raw, '503 Service Unavailable', 'Full.', { 'Retry-After': RETRY_AFTER })
    }
    if (!this.#addresses.take(this.#addressOf(request), raw))
      return refuse(raw, '429 Too Many Requests', 'Too many sockets.', { 'Retry-After': RETRY_AFTER })
    const allowed = this.#allows(request.headers.origin)
    if (!ours && !allowed) return refuse(raw, '403 Forbidden', 'This origin may not connect.')
    if (!ours) return void this.#onForeign(request, raw, head)
    this.#websockets?.handleUpgrade(request, raw, head, websocket => this.#take(websocket, request, allowed))
  }

  async #onForeign(request: IncomingMessage, raw: Duplex, head: Buffer): Promise<void> {
    if (!mayAsk(request, this.#options)) return refuse(raw, '403 Forbidden', 'This origin may not connect.')
    this.#asking.add(raw)
    const knocking = this.#knock(request)
    try {
      const entry = await within(knocking, this.limits.helloTimeout)
      const isThere = this.#asking.delete(raw) && !raw.destroyed
      if (entry) return isThere ? this.#letIn(request, raw, head, entry) : entry.lost()
      if (!isThere) return
    } catch (error) {
      // Who says yes too late has let somebody in who has gone.
      knocking.then(
        entry => entry?.lost(),
        () => {}
      )
      if (this.#asking.delete(raw) && !raw.destroyed) refuse(raw, ...refusalOf(error))
      return
    }
    if (!this.#isHome(request))
      return this.#leave(raw, '404 Not Found', `Signals are at ${this.#options.path}.`)
    if (this.#hasNeighbours) return this.#leave(raw, '400 Bad Request', `Ask for ${SUBPROTOCOL}.`)
    try {
      await this._onForeignUpgrade(request, raw, head)
    } catch (error) {
      raw.destroy()
      this._onHttpError(error as Error)
    }
  }

  /** The gateway first; whom that doesn't know, `authorizeUpgrade` is asked about. */
  async #knock(request: IncomingMessage): Promise<Entry | undefined> {
    const { gateway } = this.#options
    const upgrade = upgradeOf(request, this.#options)
    const home = this.#isHome(request)
    const entry = await gateway?.knock({ ...upgrade, home, address: this.#addressOf(request) }, this)
    if (!entry && home && !this.#hasNeighbours) await askUpgrade(upgrade, this.#options)
    return entry
  }

  #letIn(request: IncomingMessage, raw: Duplex, head: Buffer, entry: Entry): void {
    let isOpen = false
    this.#chosen.set(request, entry.protocol ?? false)
    this.#websockets?.handleUpgrade(request, raw, head, websocket => {
      isOpen = true
      request.socket.off('error', destroy) // `ws` looks after it now.
      const socket = new ForeignWebsocket(websocket, this.#sockets)
      try {
        entry.open(socket)
      } catch {
        socket.close(closeCode('INTERNAL'), 'this door failed')
      }
    })
    if (!isOpen) entry.lost()
  }

  #addressOf(request: IncomingMessage): string {
    return addressOf(request, this.#options.trustProxy ?? false)
  }

  #isHome(request: IncomingMessage): boolean {
    const { path } = this.#options
    return path === undefined || pathOf(request) === path
  }

  #take(websocket: WebSocket, request: IncomingMessage, allowed: boolean): void {
    request.socket.off('error', destroy) // `ws` looks after it now.
    const socket = new ServedSocket(websocket, this.#sockets)
    // Browsers hide the status of a refused upgrade from the page: only a close code tells it why.
    if (!allowed) return socket.close(closeCode('ORIGIN_DENIED'), 'this origin may not connect')
    const data = { address: this.#addressOf(request) }
    this.addSocket(socket, { audience: this.#accepts(request), data }).catch(() =>
      socket.close(closeCode('SERVER_SHUTDOWN'), 'the server is closed')
    )
  }

  #allows(origin: string | undefined): boolean {
    return !this.#origins || origin === undefined || this.#origins.has(origin)
  }

  /** Whether others wait for upgrades on the server that we were attached to. */
  get #hasNeighbours(): boolean {
    return this.#options.server !== undefined && this.#options.server.listenerCount('upgrade') > 1
  }

  /** An upgrade that is not for us: others on the same server may want it; when nobody does, it is refused. */
  #leave(raw: Duplex, ...answer: Refusal): void {
    if (!this.#hasNeighbours) return refuse(raw, ...answer)
    const timer = setTimeout(() => {
      if ((raw as Duplex & { bytesWritten?: number }).bytesWritten === 0) refuse(raw, ...answer)
    }, ORPHAN)
    raw.once('close', () => clearTimeout(timer))
  }
}

/** Waits until their other sides have said goodbye as well, but not for long. */
async function endAll(sockets: readonly WebSocket[]): Promise<void> {
  const open = sockets.filter(({ readyState, CLOSED }) => readyState !== CLOSED)
  const timer = setTimeout(() => {
    for (const websocket of open) websocket.terminate()
  }, GOODBYE)
  await Promise.all(open.map(websocket => new Promise(ended => websocket.once('close', ended))))
  clearTimeout(timer)
}

/** One of those that a server holds. */
class ServedSocket extends WebsocketSocket {
  readonly #all: Set<WebSocket>

  constructor(websocket: WebSocket, all: Set<WebSocket>) {
    super(websocket as unknown as WebSocketLike)
    this.#all = all.add(websocket)
  }

  override onEnd(event: CloseEvent): void {
    this.#all.delete(this.websocket as unknown as WebSocket)
    super.onEnd(event)
  }
}

/** A socket may die at any time before `ws` looks after it. Apart, so that it holds nothing of the request. */
function destroy(this: Duplex): void {
  this.destroy()
}

function hostOf({ address, family }: AddressInfo): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost'
  return family === 'IPv6' ? `[${address}]` : address
}
