import { ChatClient } from './chat.ts'
import { Line } from './line.ts'
import { PubSubClient } from './pubsub.ts'
import { RoomSession } from './room-session.ts'

/** Rooms with sound and pictures. */
export const Video: { readonly RoomSession: typeof RoomSession } = { RoomSession }
/** Channels whose members know each other. */
export const Chat: { readonly Client: typeof ChatClient } = { Client: ChatClient }
/** Messages in channels. */
export const PubSub: { readonly Client: typeof PubSubClient } = { Client: PubSubClient }

/**
 * A connection for somebody, for calls: opens at once, and stays until `disconnect()`. Its tokens are a subscriber's or a room's, and are
 * renewed before they end. The namespaces hang on it as well.
 *
 *     const client = new SocketSignal(new StaticCredentialProvider({ token }))
 *     const call = client.dial({ destination: '/public/sales', rootElement })
 *     call.on('call.state', ({ state }) => console.log(state))
 */
export class SocketSignal extends Line {
  /** The namespace, for those who have only the class. */
  static readonly Video: typeof Video = Video
  /** The namespace, for those who have only the class. */
  static readonly Chat: typeof Chat = Chat
  /** The namespace, for those who have only the class. */
  static readonly PubSub: typeof PubSub = PubSub
}
