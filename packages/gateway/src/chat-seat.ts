import { SignalError } from 'socket-signal'
import {
  decodeBody,
  decodeText,
  encodeText,
  equals,
  FLAG,
  type Frame,
  isDoorId,
  isObject
} from 'socket-signal/wire'
import {
  type Account,
  type PacketType,
  readSignal,
  type Signal,
  writeError,
  writeNotice,
  writeSignal
} from './chat-packet.ts'
import type { ChatRoom, Seat } from './chat-room.ts'
import type { ForeignSocket, Message } from './door.ts'
import type { Guest, GuestHandler } from './guest.ts'
import { markOf, whose, whoseOf } from './ids.ts'

/** What `connection.data.door` says of those in chats. */
export const CHAT = 'chat'
const MARK = markOf(CHAT)
/** Messages that wait for their turn before reading stops. */
const MAX_WAITING = 16
/** What may wait in a socket, beyond what the server bounds itself. Unit: bytes. */
const MAX_QUEUE = 1024 * 1024
/** What is told to somebody whose socket is not open yet. */
const MAX_EARLY = 256

export interface ChatSeatOptions {
  guest: Guest
  room: ChatRoom
  account: Account
  packetType: PacketType
  /** Sockets of one user that are sent what is for that user. */
  maxSockets: number
  onclose(): void
}

/** One socket in a chat: packets in, frames out, and the other way round. */
export class ChatSeat implements Seat, GuestHandler {
  readonly account: Account
  readonly guest: Guest
  readonly room: ChatRoom
  readonly #options: ChatSeatOptions
  #socket: ForeignSocket | undefined
  #early: string[] = []
  #waiting = 0
  #turn: Promise<void> = Promise.resolve()

  constructor(options: ChatSeatOptions) {
    this.#options = options
    this.guest = options.guest
    this.room = options.room
    this.account = options.account
  }

  get id(): Uint8Array {
    return this.guest.id
  }

  open(socket: ForeignSocket, participants: Account[]): void {
    this.#socket = socket
    const { roomId } = this.room
    const iceServers = readIce(this.guest.handout)
    const data = { event: 'connected', userId: this.account.id, roomId, message: 'Connected to call...' }
    socket.send(writeNotice({ ...data, participants, ...(iceServers && { iceServers }) }))
    for (const packet of this.#early) socket.send(packet)
    this.#early = []
    this.guest.attach(socket, this)
  }

  tell(packet: string): void {
    if (this.#socket && this.#socket.bufferedAmount > MAX_QUEUE)
      this.guest.close('SLOW_CONSUMER', 'the send queue is full')
    else if (this.#socket) this.#socket.send(packet)
    else if (this.#early.push(packet) > MAX_EARLY) this.guest.close('OVERLOADED', 'it took too long to open')
  }

  onframe(frame: Frame): void {
    if (frame.kind === 'message') {
      const isOurs = isDoorId(frame.address) && equals(frame.session, MARK)
      // Of what is for everybody, none goes to who sent it, by whichever socket.
      const isEcho = !(frame.flags & FLAG.direct) && equals(whose(frame.address), whose(this.id))
      if (isOurs && !isEcho) this.tell(decodeText(frame.body))
    } else if (frame.kind === 'update') {
      const iceServers = readIce(frame.body)
      const { roomId } = this.room
      if (iceServers) this.tell(writeNotice({ event: 'ice', roomId, message: 'New ICE servers', iceServers }))
    }
  }

  /** One after the other, so that they leave in the order in which they came. */
  onmessage(message: Message): void {
    if (++this.#waiting > MAX_WAITING) this.#socket?.pause()
    this.#turn = this.#turn.then(async () => {
      if (!this.guest.closed) await this.#handle(message)
      if (--this.#waiting === 0) this.#socket?.resume()
    })
  }

  onclose(): void {
    this.#options.onclose()
  }

  async #handle(message: Message): Promise<void> {
    if (typeof message !== 'string') return this.guest.close(UNSUPPORTED_DATA, 'text, not binary')
    let signal: Signal | undefined
    try {
      signal = readSignal(parse(message))
      await this.#send(signal)
    } catch (error) {
      // What makes no frame of its own must count as one all the same.
      if (!signal) await this.guest.beat().catch(() => {})
      const { type, to } = signal ?? {}
      this.tell(writeError(error instanceof SignalError ? error : FAILED, { type, to }))
    }
  }

  async #send(signal: Signal): Promise<void> {
    const packet = writeSignal(this.#options.packetType, signal, this.account)
    if (signal.to === undefined) return this.#publish(packet)
    const { maxSockets } = this.#options
    const user = whoseOf(CHAT, signal.to)
    const ids = await this.room.socketsOf(user, maxSockets, this.id)
    if (ids.length === 0) await this.guest.beat()
    const sent = await Promise.allSettled(ids.map(id => this.#publish(packet, id)))
    if (sent.some(({ status }) => status === 'fulfilled')) return
    const [failed] = sent as PromiseRejectedResult[]
    throw failed?.reason ?? new SignalError('PEER_NOT_FOUND', 'nobody of that id is in this room')
  }

  /** Waits where the server says so, rather than lose a signal. */
  async #publish(packet: string, to?: Uint8Array): Promise<void> {
    for (let left = MAX_TRIES; ; left--) {
      try {
        return await this.guest.publish(this.room.topic, MARK, packet, to)
      } catch (error) {
        const { code, retryAfterMs = 0 } = Object(error)
        if (code !== 'RATE_LIMITED' || left === 0) throw error
        await new Promise(resolve => setTimeout(resolve, Math.min(retryAfterMs, MAX_WAIT)))
      }
    }
  }
}

const UNSUPPORTED_DATA = 1003
const MAX_TRIES = 5
/** Unit: ms. */
const MAX_WAIT = 2_000
const FAILED = new SignalError('INTERNAL', 'it could not be passed on')

/** As bodies of frames are read: not too deep, not too many keys, no `__proto__`. */
function parse(text: string): unknown {
  return decodeBody({ flags: FLAG.json, body: encodeText(text) })
}

function readIce(body: Uint8Array): unknown[] | undefined {
  if (body.length === 0) return undefined
  const value = decodeBody({ flags: FLAG.json, body })
  return isObject(value) && Array.isArray(value.iceServers) ? value.iceServers : undefined
}
