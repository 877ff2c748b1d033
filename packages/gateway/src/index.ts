/**
 * Doors for clients that speak another protocol. A door knows their language; who they are and what they may is the
 * server's to say.
 *
 * @module socket-signal-gateway
 */

export { type ChatDoor, type ChatDoorOptions, createChatDoor, topicOfChat } from './chat-door.ts'
export type { Account, PacketType } from './chat-packet.ts'
export { CHAT } from './chat-seat.ts'
export type { Answer, Door, Entry, ForeignSocket, Message, Visit } from './door.ts'
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts'
export { Guest, type GuestHandler, type GuestOptions } from './guest.ts'
export { doorId, firstOf, markOf, whose, whoseOf } from './ids.ts'
export { createPublishedDoor, PUBLISHED, type PublishedDoorOptions } from './published/door.ts'
