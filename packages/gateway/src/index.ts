export type { Answer, Door, Entry, ForeignSocket, Message, Visit } from './door.ts'
export { createGateway, type Gateway, type GatewayOptions } from './gateway.ts'
export { Guest, type GuestHandler, type GuestOptions } from './guest.ts'
export { doorId, firstOf, markOf, whose, whoseOf } from './ids.ts'
