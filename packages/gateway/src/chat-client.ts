/**
 * For pages in chat rooms as in the DysonNetwork guide: signals, and a call with media.
 *
 * @module socket-signal-gateway/chat-client
 */

export { ChatCall, type ChatCallOptions, mediaProblem } from './chat-call.ts'
export type { Account, SignalingMessage } from './chat-packet.ts'
export {
  type ChatClientOptions,
  ChatSignalingClient,
  type Logger,
  type MessageHandler,
  type PeerHandler,
  type ServerMessage,
  type Unsubscribe
} from './chat-signaling.ts'
