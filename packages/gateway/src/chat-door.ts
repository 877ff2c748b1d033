import { SignalError, type SocketSignalServerMap, topicFromName } from 'socket-signal'
import { encodeText } from 'socket-signal/wire'
import { type Account, isAccountId, type PacketType } from './chat-packet.ts'
import { ChatRoom } from './chat-room.ts'
import { CHAT, ChatSeat } from './chat-seat.ts'
import type { Door, Entry, Visit } from './door.ts'
import { Guest } from './guest.ts'
import { doorId, whoseOf } from './ids.ts'

/** Who is let into which chat, and how packets look. */
export interface ChatDoorOptions {
  /** What stands before `/chat/realtime/{chatId}`. Default: `/api`; behind a gateway perhaps `/sphere`. */
  base?: string
  /**
   * Whether an account is an active member of a chat. Asked when a socket comes, and again by `membershipChanged`.
   * Default: the topics of its token decide, where `{ name: chatId }` is the chat.
   */
  isMember?(accountId: string, chatId: string): boolean | Promise<boolean>
  /**
   * Whose token it is, with what others are shown; nothing: 401. Asked before the server has looked at the token, which
   * it does all the same. Default: `sub` and `name` of the token.
   */
  account?(token: string, visit: Visit): Account | undefined | Promise<Account | undefined>
  /** Lets anybody in without a token, as `?user=ID&name=NAME`. Only to try things. Default: `false`. */
  dev?: boolean
  /** How packets with signals are called: `signaling` for pages that are the guide's sample code. Default: `webrtc.signal`. */
  packetType?: PacketType
  /** Sockets that one account may have in one chat. Default: 16. */
  maxSockets?: number
}

/** The door of `createChatDoor`. It takes sockets at `/chat/realtime/{chatId}`, where a chat's id is a GUID. */
export interface ChatDoor extends Door {
  /**
   * Asks `isMember` again for the sockets that an account has here, in one chat or in all: who is no member any more is cut off
   * as KICKED. Gives how many were. Each node knows its own sockets alone: call it on each.
   */
  membershipChanged(accountId: string, chatId?: string): Promise<number>
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** What a member of a topic may say of itself, and an account as it comes with each signal. Unit: bytes. */
const MAX = { info: 1024, account: 4096 }

/** One socket, from the moment it asks. */
interface Visitor {
  readonly account: Account
  readonly chatId: string
  isMember: boolean
  guest?: Guest
  seat?: ChatSeat
}

/** The topic of a chat: that of its id's lower case as a name, so that `{ name: chatId }` in a token grants it. 32 bytes. */
export function topicOfChat(chatId: string): Promise<Uint8Array> {
  return topicFromName(chatId.toLowerCase())
}

/**
 * Chat rooms as in the DysonNetwork guide: WebSockets at `/api/chat/realtime/{chatId}`, 400, 401 and 403 before the
 * upgrade, signals in JSON that the server stamps with who sent them. One door is for one server.
 */
export function createChatDoor(options: ChatDoorOptions = {}): ChatDoor {
  const { base = '/api', isMember, packetType = 'webrtc.signal', maxSockets = 16 } = options
  if (!/^(\/[\w.~-]+)*$/.test(base))
    throw new TypeError(
      `the base of chats must be a path such as /api, without a slash at its end, got '${base}'`
    )
  const prefix = `${base}/chat/realtime/`
  const rooms = new Map<string, ChatRoom>()
  const visitors = new Set<Visitor>()

  /** Gives its seat and who else is there, or throws what the visitor is refused with. */
  const admit = async (visitor: Visitor, visit: Visit, server: SocketSignalServerMap): Promise<Entry> => {
    const { account, chatId } = visitor
    const user = whoseOf(CHAT, account.id)
    const may = isMember && { may: () => visitor.isMember }
    const guest = await Guest.enter(server, {
      id: doorId(user),
      token: visit.token,
      address: visit.address,
      door: CHAT,
      ...may
    })
    visitor.guest = guest
    // Whoever has no good token is told nothing of the room.
    assertOwn(account, guest, visit, options)
    if (isMember && (await isMember(account.id, chatId)) !== true) visitor.isMember = false
    if (!visitor.isMember) throw new SignalError('FORBIDDEN', 'not a member of this chat')
    const topic = await topicOfChat(chatId)
    const room = rooms.get(chatId) ?? new ChatRoom(chatId, topic, server.backplane)
    const onclose = () => leave(visitor)
    const seat = new ChatSeat({ guest, room, account, packetType, maxSockets, onclose })
    visitor.seat = seat
    rooms.set(chatId, room)
    room.seats.add(seat)
    // Those that come at once don't find one another in the topic yet.
    const isFull = room.seatsOf(user) > maxSockets
    if (isFull || (await room.socketsOf(user, maxSockets, guest.id)).length === maxSockets)
      throw new SignalError('OVERLOADED', 'this account has too many sockets here')
    await guest.join(topic, { info: infoOf(account) })
    const participants = await room.participants(guest.id)
    const lost = () => {
      leave(visitor)
      guest.close()
    }
    return { protocol: protocolOf(visit), open: socket => seat.open(socket, participants), lost }
  }

  const leave = (visitor: Visitor) => {
    visitors.delete(visitor)
    const { seat, chatId } = visitor
    if (!seat?.room.seats.delete(seat) || seat.room.seats.size > 0) return
    seat.room.end()
    rooms.delete(chatId)
  }

  return {
    name: CHAT,
    async knock(visit, server) {
      if (!visit.path.startsWith(prefix)) return undefined
      const chatId = visit.path.slice(prefix.length).toLowerCase()
      if (!GUID.test(chatId)) throw new SignalError('INVALID_ARGUMENT', 'a chat id is a GUID')
      const visitor: Visitor = { account: await identify(visit, options), chatId, isMember: true }
      // From here on `membershipChanged` knows it.
      visitors.add(visitor)
      return admit(visitor, visit, server).catch(error => {
        leave(visitor)
        visitor.guest?.close()
        throw error
      })
    },
    respond: ({ path }) =>
      path.startsWith(prefix) ? { status: 400, body: 'This is no WebSocket request.\n' } : undefined,
    async membershipChanged(accountId, chatId) {
      const known = isMember ? [...visitors] : []
      const meant = known.filter(
        ({ account, ...visitor }) =>
          account.id === accountId && (chatId === undefined || visitor.chatId === chatId.toLowerCase())
      )
      const left = await Promise.all(meant.map(visitor => isOut(visitor, isMember)))
      return left.filter(Boolean).length
    }
  }
}

/** Asks whether somebody still is a member; in doubt not: what can't be asked now must let nobody stay. */
async function isOut(visitor: Visitor, isMember: ChatDoorOptions['isMember']): Promise<boolean> {
  const { account, chatId } = visitor
  const asking = Promise.resolve(account.id).then(id => isMember?.(id, chatId))
  if ((await asking.catch(() => false)) === true) return false
  visitor.isMember = false
  visitor.guest?.close('KICKED', 'not a member of this chat any more')
  return true
}

async function identify(visit: Visit, { account, dev }: ChatDoorOptions): Promise<Account> {
  const { token } = visit
  const found = account ? await account(token, visit) : token ? peek(token) : dev && anybody(visit)
  if (!found) throw new SignalError('AUTH_REQUIRED', 'this chat asks for a token')
  if (!isAccountId(found.id)) throw new SignalError('TOKEN_INVALID', 'this token names no account')
  return complete(found)
}

/** Whose the token says that it is. The server verifies it afterwards. */
function peek(token: string): Account | undefined {
  try {
    const [, claims = ''] = token.split('.')
    const { sub, name } = JSON.parse(Buffer.from(claims, 'base64url').toString())
    return { id: sub, ...(typeof name === 'string' && { name }) }
  } catch {
    throw new SignalError('TOKEN_INVALID', 'this is no token')
  }
}

function anybody({ request: { url = '' } }: Visit): Account {
  const query = new URLSearchParams(url.split('?')[1])
  return { id: query.get('user') || crypto.randomUUID(), name: query.get('name') ?? '' }
}

/** What was peeked at must have been verified: by a server that asks for no tokens it was not. */
function assertOwn({ id }: Account, { connection }: Guest, { token }: Visit, options: ChatDoorOptions): void {
  if (options.account || (options.dev && !token) || connection.grant.sub === id) return
  throw new SignalError('TOKEN_INVALID', 'nobody has verified this token')
}

/** As others see it: every field is there. */
function complete({ id, name: given, nick, profile = {}, updatedAt }: Account): Account {
  const name = given || id
  const account = { id, name, nick: nick || name, profile, updatedAt: updatedAt ?? new Date().toISOString() }
  return sizeOf(account) <= MAX.account ? account : { ...account, profile: {} }
}

/** For those who come later, as far as it fits. */
function infoOf({ id, name = '', nick = '' }: Account): Uint8Array {
  const full = { id, name: name.slice(0, 100), nick: nick.slice(0, 100) }
  return encodeText(JSON.stringify({ chat: sizeOf(full) < MAX.info - 16 ? full : { id } }))
}

function sizeOf(value: object): number {
  return encodeText(JSON.stringify(value)).length
}

/** A browser ends a socket whose server chose none of the subprotocols that it asked for. */
function protocolOf({ request: { headers } }: Visit): string | undefined {
  const asked = String(headers['sec-websocket-protocol'] ?? '')
    .split(',')
    .map(name => name.trim())
    .filter(Boolean)
  return asked.find(name => !name.startsWith('bearer.')) ?? asked[0]
}
