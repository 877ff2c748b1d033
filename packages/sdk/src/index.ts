/**
 * For app builders: a token from your server, a class for each purpose, promises for what you ask and events for what
 * happens. Nothing happens at import, on a server neither.
 *
 * @module socket-signal-sdk
 */

export { type CredentialProvider, StaticCredentialProvider } from 'socket-signal-token/credentials'
export type { AccessOptions } from './access.ts'
export type { Call, CallEvents, CallOptions, CallState } from './call.ts'
export type { ChannelEvents, ChannelMessage, HistoryParams, PastMessage, PublishParams } from './channels.ts'
export type { ChatClient, ChatEvents, ChatMember } from './chat.ts'
export type { SocketSignalEvents, SocketSignalOptions } from './line.ts'
export type { Member } from './members.ts'
export type { PubSubClient } from './pubsub.ts'
export type { JoinResult, RoomSession, RoomSessionEvents, RoomSessionOptions } from './room-session.ts'
export {
  Chat,
  PubSub,
  SocketSignal,
  SocketSignal as SignalWire,
  Video
} from './socket-signal.ts'
export type { Layout } from './tiles.ts'
