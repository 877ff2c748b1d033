/**
 * Signaling for WebRTC: a client, a server and a peer, over any socket. A transport extends `SocketSignalClient` and
 * hands the sockets of its server to `addSocket`. Ids, topics and sessions are 32 bytes each, times are milliseconds
 * unless it is said, and everything that fails is a `SignalError` with a stable code.
 *
 * @module socket-signal
 */

export type { Candidates } from './advice.ts'
export type { Kept } from './away.ts'
export type {
  Attachment,
  AttachOptions,
  Backplane,
  HistoryBounds,
  LookupOptions as LookupAt,
  Mailbox,
  Member as MemberAt,
  Outgoing,
  PresenceChange,
  RecallOptions,
  ReplyTo
} from './backplane.ts'
export { fromKey, toHex, toKey } from './bytes.ts'
export type { Privacy } from './candidates.ts'
export {
  type ClientEvents,
  type Concurrency,
  type ConnectOptions,
  type RecoveryOptions,
  SocketSignalClient,
  type SocketSignalClientOptions,
  type TokenSource
} from './client.ts'
export type { Clock } from './clock.ts'
export type { Connection } from './connection.ts'
export type { Holder, Who } from './connection-options.ts'
export type { Companion, Company } from './detour.ts'
export type { Check, Diagnosis } from './diagnose.ts'
export { Emitter, type Unsubscribe } from './emitter.ts'
export {
  CODES,
  type Code,
  closeCode,
  codeOfClose,
  isTerminal,
  SignalError,
  type SignalErrorOptions
} from './errors.ts'
export type { Explanation, IceServersSeen, Stage } from './explain.ts'
export type { Past } from './frame.ts'
export type { Heartbeat } from './heartbeat.ts'
export type { HistoryOptions } from './history.ts'
export type { IceServers, IceServersProvider } from './ice.ts'
export type { IceServersOf } from './ice-handout.ts'
export {
  type Crypto,
  createCrypto,
  generateKeyPair,
  type Identity,
  type KeyPair,
  settleConflict
} from './identity.ts'
export { LIMITS, type Limits } from './limits.ts'
export type { JoinOptions, LookupOptions, Member } from './memberships.ts'
export { MemoryBackplane, type MemoryBackplaneOptions, MemoryCluster } from './memory-backplane.ts'
export type {
  AddressedMsg,
  HistoryMsg,
  JoinMsg,
  LookupMsg,
  ModerateMsg,
  Msg,
  Reply,
  WatchMsg
} from './message.ts'
export type { PublishOptions, TopicMessage } from './messages.ts'
export { safetyNumber, topicFromName } from './names.ts'
export type { CandidateType, IceServerError, Pair } from './path.ts'
export { type Metadata, Peer, type PeerEvents } from './peer.ts'
export { LOCAL_AUDIENCE, SUBPROTOCOL } from './protocol.ts'
export type { HistoryQuery, PastMessage } from './recall.ts'
export type { ReconnectOptions } from './reconnect.ts'
export type { Status, Waitable } from './resource.ts'
export { type CreateRtc, DEFAULT_ICE_SERVERS, type Rtc, type RtcOptions, type RtcSignal } from './rtc.ts'
export type { Verify, VerifyPolicy } from './seal.ts'
export {
  type Action,
  type AddSocketOptions,
  type Authorize,
  type AuthorizeRequest,
  type ServerEvents,
  SocketSignalServer,
  type SocketSignalServerOptions
} from './server.ts'
export { SocketSignalServerMap, type SocketSignalServerMapOptions } from './server-map.ts'
export type { OfferData, OfferResult } from './session.ts'
export type { CloseEvent, Socket, SocketListener } from './socket.ts'
export type { DuplexLike } from './stream-socket.ts'
export type { StageName } from './trace.ts'
