import { type Backplane, LIMITS, type PresenceChange, toKey } from 'socket-signal'
import { Bucket, decodeText, equals, isDoorId, systemClock } from 'socket-signal/wire'
import { type Account, isAccountId, writeNotice } from './chat-packet.ts'
import { firstOf, whose } from './ids.ts'

/** Somebody on this node who is in a room. */
export interface Seat {
  readonly id: Uint8Array
  /** Takes a packet of the server's. */
  tell(packet: string): void
}

/** How many participants a newcomer is told. */
const MAX_PARTICIPANTS = 500

/** One chat on this node: tells who is here of those who come and go, on whichever node and by whichever socket. */
export class ChatRoom {
  readonly roomId: string
  readonly topic: Uint8Array
  readonly seats: Set<Seat> = new Set()
  readonly #backplane: Backplane
  readonly #stop: () => void
  /** How much is said of comings and goings, times who hears it: as much as members may say themselves. */
  readonly #copies = new Bucket(systemClock, LIMITS.copyRate, LIMITS.copyBurst)
  /** The latest notice of each user that is yet to be told. */
  readonly #untold = new Map<string, { user: Uint8Array; packet: string }>()
  #later: ReturnType<typeof setTimeout> | undefined

  constructor(roomId: string, topic: Uint8Array, backplane: Backplane) {
    this.roomId = roomId
    this.topic = topic
    this.#backplane = backplane
    this.#stop = backplane.watch(topic, change => void this.#onChange(change).catch(() => {}))
  }

  end(): void {
    this.#stop()
    clearTimeout(this.#later)
    this.#untold.clear()
  }

  /** How many sockets one user has on this node, or is about to have. */
  seatsOf(user: Uint8Array): number {
    return [...this.seats].filter(({ id }) => equals(whose(id), user)).length
  }

  /** Ids of the sockets of one user, up to `limit`. */
  async socketsOf(user: Uint8Array, limit: number, except: Uint8Array): Promise<Uint8Array[]> {
    const found = await this.#backplane.lookup(this.topic, { limit, after: firstOf(user), except })
    return found.map(({ id }) => id).filter(id => isDoorId(id) && equals(whose(id), user))
  }

  /** Everybody in the room but the socket itself, each user once. */
  async participants(except: Uint8Array): Promise<Account[]> {
    const after = new Uint8Array(except.length) // Ids of doors come first.
    const members = await this.#backplane.lookup(this.topic, { limit: MAX_PARTICIPANTS, after, except })
    const accounts = new Map<string, Account>()
    for (const member of members) {
      const account = accountOf(member)
      if (account) accounts.set(account.id, account)
    }
    return [...accounts.values()]
  }

  async #onChange(change: PresenceChange): Promise<void> {
    const account = accountOf(change)
    if (!account || (change.change !== 'joined' && change.change !== 'left')) return
    const { id } = change
    const user = whose(id)
    // A user is there as long as one socket is.
    const others = await this.socketsOf(user, 1, id)
    if (others.length > 0 || this.seats.size === 0) return // The room may have ended meanwhile.
    const { roomId } = this
    const event = change.change
    const notice = { event, userId: account.id, roomId, message: `${event} the call`, participant: account }
    const packet = writeNotice(notice)
    const key = toKey(user)
    this.#untold.delete(key)
    this.#untold.set(key, { user, packet })
    if (this.#later === undefined) this.#tell()
  }

  /** At once, unless somebody comes and goes without an end: of each user the others hear the latest then. */
  #tell(): void {
    this.#later = undefined
    for (const [key, { user, packet }] of this.#untold) {
      if (!this.#copies.take()) {
        this.#later = setTimeout(() => this.#tell(), this.#copies.wait())
        return
      }
      this.#untold.delete(key)
      this.#copies.force(this.seats.size)
      for (const seat of this.seats) if (!equals(whose(seat.id), user)) seat.tell(packet)
    }
  }
}

/** Only doors have such ids, so what stands there is a door's word. */
function accountOf({ id, info }: { id: Uint8Array; info: Uint8Array }): Account | undefined {
  if (!isDoorId(id) || info.length === 0) return undefined
  try {
    const { id, name, nick } = Object(JSON.parse(decodeText(info)).chat)
    return isAccountId(id) ? { id, ...(isText(name) && { name }), ...(isText(nick) && { nick }) } : undefined
  } catch {
    return undefined // Another door's.
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}
