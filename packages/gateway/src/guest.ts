import {
  type AuthorizeRequest,
  type CloseEvent,
  type Connection,
  SignalError,
  type SocketSignalServerMap,
  toKey
} from 'socket-signal'
import {
  CEILING,
  createAddressed,
  decodeBody,
  decodeMembers,
  encodeText,
  FLAG,
  type Frame,
  isDoorId,
  type Sendable,
  VERSION,
  ZERO_ID
} from 'socket-signal/wire'
import type { ForeignSocket, Message } from './door.ts'
import { Pipe } from './pipe.ts'

/** Who comes in by a door, and what the server is told of it. */
export interface GuestOptions {
  /** 32 bytes: one that the door made (`doorId`), or one that the client claims (`claimed`). */
  id: Uint8Array
  /** The client chose its id, so it must be none of those that are kept for doors. */
  claimed?: boolean
  /** What the server's `authorize` is asked about at hello. Default: none. */
  token?: string
  /** Where it comes from: kept as `connection.data.address`. */
  address?: string
  /** By which door it comes: kept as `connection.data.door`, for `authorize`. */
  door?: string
  /** As `AddSocketOptions.guest.may`. */
  may?(request: AuthorizeRequest): boolean | undefined
}

/** What a door does with what happens to its guest. Neither may throw. */
export interface GuestHandler {
  /** A frame of the server: a message, an offer, presence. Its bytes may be shared with other guests. */
  onframe(frame: Frame): void
  /** The client said something. */
  onmessage(message: Message): void
  /** The guest has left the server, or was put out; the foreign socket is closed already. Called once. */
  onclose(event: CloseEvent): void
}

const REQUEST_TIMEOUT = 60_000
/** How long who holds an id may be silent when somebody else claims it. Unit: ms. */
const SILENCE = 5_000
/** Who has which of the ids that clients choose. */
const holders = new WeakMap<SocketSignalServerMap, Map<string, Guest>>()
const NOTHING = new Uint8Array(0)

/**
 * A foreign client, as the server sees it: a connection like any other, in this process, with the server's own frames
 * on it. So its gates, limits, counts, kicks and its end are the server's own. It has no resume: a foreign client whose
 * socket ended has left.
 */
export class Guest {
  /** 32 bytes. */
  readonly id: Uint8Array
  /** What hooks of the server are given, and `server.disconnect` finds. */
  readonly connection: Connection
  /** ICE servers as the server hands them out, in JSON; empty when there are none. */
  readonly handout: Uint8Array
  readonly #pipe: Pipe
  #seq = 0

  /** Rejects with the code that the server refuses it with. */
  static async enter(server: SocketSignalServerMap, options: GuestOptions): Promise<Guest> {
    const { id, claimed = false, token = '', address = '', door, may } = options
    if (claimed && isDoorId(id)) throw new SignalError('BAD_PROOF', 'this id belongs to a door')
    if (encodeText(token).length > CEILING.token)
      throw new SignalError('TOKEN_INVALID', 'no token is that long')
    const chosen = claimed ? chosenAt(server) : undefined
    const key = toKey(id)
    await chosen?.get(key)?.show()
    const pipe = new Pipe()
    const connection = await server.addSocket(pipe.far, {
      identity: 'open',
      data: { address, ...(door !== undefined && { door }) },
      guest: may ? { may } : {}
    })
    const hello = {
      ...({ kind: 'hello', proven: false, resume: false, version: VERSION } as const),
      ...{ id, resumeKey: ZERO_ID, received: 0, audience: 'local', token, signature: new Uint8Array(64) }
    }
    const welcome = await pipe.rpc.request(hello, { timeout: REQUEST_TIMEOUT })
    if (welcome.kind !== 'welcome') throw new SignalError('INTERNAL', 'no welcome')
    pipe.rpc.sendLimit = welcome.maxPayload
    const guest = new Guest(id, connection, pipe, welcome.body)
    if (!guest.closed) chosen?.set(key, guest)
    pipe.onend = () => chosen?.get(key) === guest && chosen.delete(key)
    return guest
  }

  private constructor(id: Uint8Array, connection: Connection, pipe: Pipe, handout: Uint8Array) {
    this.id = id
    this.connection = connection
    this.#pipe = pipe
    this.handout = handout
  }

  /** Whether it has left, or was put out. */
  get closed(): boolean {
    return this.#pipe.rpc.closed
  }

  /** From here on its client is at this socket. What came for it meanwhile comes now. */
  attach(socket: ForeignSocket, handler: GuestHandler): void {
    this.#pipe.attach(socket, handler)
  }

  /**
   * Joins, and gives the ids of up to `limit` members, in no order; a hook of the server may give any JSON in their place.
   * Rejects as a client's join does.
   */
  async join(
    topic: Uint8Array,
    options: { info?: Uint8Array; limit?: number; watch?: boolean } = {}
  ): Promise<unknown> {
    const { info = NOTHING, limit = 0, watch = false } = options
    return this.#list({ kind: 'join', topic, limit, info, watch })
  }

  /** Leaves a topic; harmless where it was not joined. */
  async leave(topic: Uint8Array): Promise<void> {
    await this.request({ kind: 'leave', topic })
  }

  /** As `join` gives it. */
  async lookup(topic: Uint8Array, { limit = 0 } = {}): Promise<unknown> {
    return this.#list({ kind: 'lookup', topic, limit, after: undefined, details: false })
  }

  /**
   * A message to everybody in the topic but this guest, or to one. `mark` says which door's it is (`markOf`), `json` its
   * body. Rejects with RATE_LIMITED, TOO_LARGE, NOT_JOINED, FORBIDDEN, and PEER_NOT_FOUND where it is for one.
   */
  async publish(topic: Uint8Array, mark: Uint8Array, json: string, to?: Uint8Array): Promise<void> {
    const flags = FLAG.json | FLAG.bare | (to ? FLAG.direct : 0)
    const fields = { flags, address: to ?? ZERO_ID, topic, session: mark, seq: ++this.#seq }
    await this.request(createAddressed('message', { ...fields, body: encodeText(json) }))
  }

  /** A frame that the server answers. Rejects with what it is refused with. */
  request(frame: Sendable, signal?: AbortSignal): Promise<Frame> {
    return this.#pipe.rpc.request(frame, { timeout: REQUEST_TIMEOUT, ...(signal && { signal }) })
  }

  /** A frame that nobody answers. Throws TOO_LARGE. */
  send(frame: Sendable): void {
    this.#pipe.rpc.send(frame)
  }

  /** Counts as a frame, for what the client sent in vain; resolves in its turn, so that whoever waits for it is held back. */
  async beat(): Promise<void> {
    await this.request({ kind: 'ping', received: this.#pipe.rpc.received })
  }

  /** Leaves the server and ends the foreign socket. */
  close(code: string | number = 1000, reason = ''): void {
    this.#pipe.rpc.close(code, reason)
  }

  /** The client has gone without a word, perhaps, and is back on another socket: the old one must answer, or end. */
  async show(): Promise<void> {
    if (await this.#pipe.answers(SILENCE)) return
    this.close('HEARTBEAT_TIMEOUT', 'silent, and its id is claimed anew')
  }

  async #list(frame: Sendable): Promise<unknown> {
    const found: Uint8Array[] = []
    let own: unknown
    await this.#pipe.rpc.request(frame, {
      timeout: REQUEST_TIMEOUT,
      onpages: pages => {
        for (const page of pages) {
          if ((page.flags & FLAG.members) === 0) own = decodeBody(page)
          else
            for (const { id } of decodeMembers(page.body, (page.flags & FLAG.details) !== 0)) found.push(id)
        }
      }
    })
    return own ?? found
  }
}

function chosenAt(server: SocketSignalServerMap): Map<string, Guest> {
  const known = holders.get(server) ?? new Map<string, Guest>()
  holders.set(server, known)
  return known
}
