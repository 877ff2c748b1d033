import { isTerminal, SignalError } from 'socket-signal/errors'
import { type Account, isAccountId, readMessage, type SignalingMessage } from './chat-packet.ts'

/** What the server itself says: `event` is `connected`, `joined`, `left` or `ice`. Nothing of it is sure to be there. */
export type ServerMessage = { readonly [name: string]: unknown }

/** Hears a signal. What it throws is logged. */
export type MessageHandler = (
  message: SignalingMessage,
  senderId: string,
  senderInfo: Account | undefined
) => void
/** Hears of a user whose first signal came, or who has left. */
export type PeerHandler = (
  id: string,
  info: Account | undefined,
  change: 'connected' | 'disconnected'
) => void
/** Takes a handler off. May be called twice. */
export type Unsubscribe = () => void
/** The part of a console that is used. */
export type Logger = Pick<Console, 'debug' | 'warn' | 'error'>

/** How a `ChatSignalingClient` reaches its server. */
export interface ChatClientOptions {
  /** A token, or what gives one: asked at each try. It goes into a subprotocol. Default: none; a cookie may speak. */
  token?: string | (() => string | Promise<string>)
  /** What stands before `/chat/realtime/`. Default: `/api`. */
  base?: string
  /** Longest waits before the first and before any try to come back; `false`: it stays away. Default: 500, 20,000. Unit: ms. */
  reconnect?: { base?: number; max?: number } | false
  /** How long `connect()` may take. Default: 15,000. Unit: ms. */
  timeout?: number
  /** Takes what happens (`debug`) and what goes wrong. Default: the console, without `debug`. */
  logger?: Logger
  /** Default: the platform's. In Node: that of `ws`. */
  WebSocket?: typeof WebSocket
}

/** Servers other than ours may say nothing on connect. Unit: ms. */
const WELCOME = 1_000
/** A socket that lived so long was a good one. Unit: ms. */
const STABLE = 5_000
/** Peers that are remembered; the oldest is forgotten. */
const MAX_PEERS = 1_000

/** A client of a chat room: the class of the DysonNetwork guide, made to work. */
export class ChatSignalingClient {
  /** The room that is dialed: a GUID, at our server. */
  readonly chatId: string
  /** Without a slash at its end. Default: `ws://localhost:5000`. */
  readonly serverUrl: string
  /** Whose connection it is; the server says so where it was not given. */
  userId: string | undefined
  /** What this user is called, for the app: others are shown what the server knows. */
  userName: string | undefined
  /** Whether messages can be sent now. */
  isConnected = false
  /** The socket, while there is one. */
  ws: WebSocket | null = null
  /** Of the options, else the console. */
  protected readonly logger: Logger
  readonly #options: ChatClientOptions
  readonly #peers = new Map<string, Account | undefined>()
  readonly #onMessage = new Set<MessageHandler>()
  readonly #onPeer = new Set<PeerHandler>()
  readonly #onServer = new Set<(message: ServerMessage) => void>()
  #connecting: Promise<void> | undefined
  #welcomed = () => {}
  #tries = 0
  #openedAt = 0
  #timer: ReturnType<typeof setTimeout> | undefined
  #wanted = false

  constructor(
    chatId: string,
    serverUrl = 'ws://localhost:5000',
    userId?: string,
    userName?: string,
    options: ChatClientOptions = {}
  ) {
    this.chatId = chatId
    this.serverUrl = serverUrl.replace(/\/+$/, '')
    this.userId = userId
    this.userName = userName
    this.#options = options
    this.logger = options.logger ?? { ...pick(console), debug: () => {} }
  }

  /**
   * Resolves when the socket is open and the server has said who is there; a second call shares the first one's socket.
   * Rejects with CLOSED or TIMEOUT when it does not open: browsers hide from pages why. One that was open and breaks comes
   * back by itself.
   */
  connect(): Promise<void> {
    this.#wanted = true
    if (this.isConnected) return Promise.resolve()
    clearTimeout(this.#timer)
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  /** Ends the socket, and stays away. */
  disconnect(): void {
    this.#wanted = false
    clearTimeout(this.#timer)
    this.#peers.clear()
    this.isConnected = false
    const { ws } = this
    this.ws = null
    ws?.close(1000)
  }

  /** Gives false, with a warning, when there is no open socket or the message can't be sent. */
  sendMessage(message: object): boolean {
    const { ws } = this
    if (!this.isConnected || ws?.readyState !== 1) {
      this.logger.warn('Cannot send message: WebSocket not connected')
      return false
    }
    try {
      ws.send(JSON.stringify(message))
      this.logger.debug('sent', message)
      return true
    } catch (error) {
      this.logger.error('Failed to send message:', error)
      return false
    }
  }

  /** Hears the signals of others; what is given back ends it. */
  onMessage(handler: MessageHandler): Unsubscribe {
    return subscribe(this.#onMessage, handler)
  }

  /** Hears of each peer by its first signal, and when it has left. */
  onPeer(handler: PeerHandler): Unsubscribe {
    return subscribe(this.#onPeer, handler)
  }

  /** Hears what the server itself says. */
  onServerMessage(handler: (message: ServerMessage) => void): Unsubscribe {
    return subscribe(this.#onServer, handler)
  }

  /** Users of whom a signal has come and who have not left: up to 1,000. */
  getConnectedPeers(): { userId: string; userInfo: Account | undefined }[] {
    return [...this.#peers].map(([userId, userInfo]) => ({ userId, userInfo }))
  }

  /** What the server said of somebody with its last signal. */
  getUserInfo(userId: string): Account | undefined {
    return this.#peers.get(userId)
  }

  /** What to call somebody: nick, else name, else id. */
  displayName(userId: string, info: Account | undefined = this.#peers.get(userId)): string {
    return info?.nick || info?.name || userId
  }

  /** Takes one message of the socket. Never throws. */
  handleMessage(text: unknown): void {
    try {
      const packet = JSON.parse(String(text))
      const { type, data } = Object(packet)
      if (type === 'webrtc.signal' || type === 'signaling') this.#signal(readMessage(packet))
      else if (type === 'webrtc') this.#notice(Object(data))
      else if (type === 'error') this.logger.warn('The server refused a message:', data)
      else this.logger.warn('Unknown packet type:', type)
    } catch (error) {
      this.logger.error('Failed to read a packet:', error)
    }
  }

  #signal(message: SignalingMessage): void {
    const { senderAccountId: id, senderInfo: info } = message
    if (id === this.userId) return
    this.logger.debug(`received ${message.type} from ${this.displayName(id, info)} (${id})`, message)
    const isNew = !this.#peers.has(id)
    this.#peers.set(id, info)
    for (const oldest of this.#peers.keys()) {
      if (this.#peers.size <= MAX_PEERS) break
      this.#peers.delete(oldest)
    }
    if (isNew) this.#tell(this.#onPeer, id, info, 'connected')
    this.#tell(this.#onMessage, message, id, info)
  }

  #notice(message: ServerMessage): void {
    const { event, userId } = message
    this.logger.debug('the server says', message)
    if (event === undefined || event === 'connected') {
      if (isAccountId(userId)) this.userId ??= userId
      this.#welcomed()
    }
    this.#tell(this.#onServer, message)
    if (event !== 'left' || typeof userId !== 'string' || !this.#peers.has(userId)) return
    const info = this.#peers.get(userId)
    this.#peers.delete(userId)
    this.#tell(this.#onPeer, userId, info, 'disconnected')
  }

  /** One that throws does not stop the others. */
  #tell<Args extends unknown[]>(handlers: Set<(...args: Args) => void>, ...args: Args): void {
    for (const handler of [...handlers]) {
      try {
        handler(...args)
      } catch (error) {
        this.logger.error('Error in a handler:', error)
      }
    }
  }

  async #open(): Promise<void> {
    const { base = '/api', timeout = 15_000, WebSocket: Socket = globalThis.WebSocket } = this.#options
    const token = await this.#token()
    if (!this.#wanted) throw new SignalError('CLOSED', 'disconnected')
    const url = `${this.serverUrl}${base}/chat/realtime/${encodeURIComponent(this.chatId)}`
    const ws = token === undefined ? new Socket(url) : new Socket(url, ['chat', `bearer.${token}`])
    this.ws = ws
    ws.onmessage = ({ data }) => {
      if (this.ws === ws) this.handleMessage(data)
    }
    await new Promise<void>((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new SignalError('TIMEOUT', 'the chat server did not open in time'))
        ws.close()
      }, timeout)
      let welcome: ReturnType<typeof setTimeout>
      this.#welcomed = () => {
        clearTimeout(welcome)
        resolve()
      }
      ws.onopen = () => {
        clearTimeout(late)
        this.isConnected = this.ws === ws
        this.#openedAt = Date.now()
        this.logger.debug('connected to', url)
        welcome = setTimeout(this.#welcomed, WELCOME)
      }
      ws.onerror = () => this.logger.debug('the socket failed')
      ws.onclose = ({ code, reason }) => {
        clearTimeout(late)
        clearTimeout(welcome)
        reject(new SignalError('CLOSED', `the chat server closed with ${code} ${reason}`.trim()))
        if (this.ws === ws) this.#closed(code)
      }
    })
  }

  async #token(): Promise<string | undefined> {
    const { token } = this.#options
    try {
      return typeof token === 'function' ? await token() : token
    } catch (error) {
      if (this.#tries > 0) this.#comeBack()
      throw error
    }
  }

  #closed(code: number): void {
    const wasOpen = this.isConnected
    this.isConnected = false
    this.ws = null
    this.logger.debug('disconnected with', code)
    // A server that accepts and closes at once must not be hammered.
    if (wasOpen && Date.now() - this.#openedAt > STABLE) this.#tries = 0
    // A first try that fails is the caller's to repeat: a page isn't told whether it was refused.
    const hasBeenOpen = wasOpen || this.#tries > 0
    if (hasBeenOpen && code !== 1000 && !isTerminal(code)) this.#comeBack()
  }

  #comeBack(): void {
    const { reconnect = {} } = this.#options
    if (!this.#wanted || reconnect === false) return
    const { base = 500, max = 20_000 } = reconnect
    const wait = Math.random() * Math.min(max, base * 2 ** this.#tries++)
    this.logger.debug(`comes back in ${Math.round(wait)} ms`)
    this.#timer = setTimeout(() => this.connect().catch(() => {}), wait)
  }
}

function subscribe<T>(handlers: Set<T>, handler: T): Unsubscribe {
  handlers.add(handler)
  return () => void handlers.delete(handler)
}

function pick({ debug, warn, error }: Logger): Logger {
  return { debug, warn, error }
}
