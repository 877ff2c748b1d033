import { ChatClient } from './chat.ts'
import { PubSubClient } from './pubsub.ts'

export { type CredentialProvider, StaticCredentialProvider } from 'socket-signal-token'
export type { AccessOptions } from './access.ts'
export type { ChannelEvents, ChannelMessage, PublishParams } from './channels.ts'
export type { ChatClient, ChatEvents, ChatMember } from './chat.ts'
export type { PubSubClient } from './pubsub.ts'

/** Channels whose members know each other. */
export const Chat: { readonly Client: typeof ChatClient } = { Client: ChatClient }
/** Messages in channels. */
export const PubSub: { readonly Client: typeof PubSubClient } = { Client: PubSubClient }
