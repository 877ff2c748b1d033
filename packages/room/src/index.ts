/**
 * Rooms with sound and pictures, peer to peer: participants, streams, subscriptions, messages.
 *
 * @module socket-signal-room
 */

export { openDevices, openScreen } from './devices.ts'
export { createRoom, type RoomOptions } from './room.ts'
export type {
  DisconnectReason,
  Events,
  Immutable,
  Kind,
  Message,
  NetworkMetrics,
  Participant,
  Room,
  State,
  Status,
  Stream,
  Subscription,
  TrackStats,
  Tracks,
  TracksStats,
  Unsubscribe,
  VideoOptions,
  WebRTCStats
} from './types.ts'
