import { SignalError, type SocketSignalClient, type TokenSource, toHex } from 'socket-signal'
import { Driver } from './driver.ts'
import { assertInfo } from './info.ts'
import { notConnected } from './model.ts'
import { readTracks } from './tracks.ts'
import type { Room } from './types.ts'

/** Which room, by which client, as whom. */
export interface RoomOptions {
  /**
   * Makes a client for each `connect()`, with the token it is given; the room closes it. Or a client of yours, which stays
   * open; its topic belongs to the room all the same.
   */
  client: SocketSignalClient | ((options: { token?: string | TokenSource }) => SocketSignalClient)
  /** Its name (`topicFromName`), or 32 bytes. */
  room: string | Uint8Array
  /** What others are to call us. */
  name?: string
  /** What else others are to know. Up to 512 characters. */
  context?: string
  /** The first token, for a client that the room makes. `updateClientToken` replaces it. */
  clientToken?: string
  /** Gets tokens, and new ones in time, in place of `clientToken`: `credentials(provider)` of socket-signal-token. */
  credentials?: TokenSource
  /** How long `addSubscription` and `updateSubscription` may take. Default: 15,000. Unit: ms. */
  subscribeTimeout?: number
  /** How long a connection stays over which neither of the two wants anything. Default: 30,000. Unit: ms. */
  idleTimeout?: number
  /** How often `network_metrics_report` comes. Default: 2,000. Unit: ms. */
  reportInterval?: number
}

/** A place in a room, not connected yet. */
export function createRoom(options: RoomOptions): Room {
  const { room } = options
  assertInfo(options)
  if (typeof room === 'string' ? room.length === 0 : !(room instanceof Uint8Array && room.length === 32))
    throw new TypeError('room must be a name, or 32 bytes')
  return faceOf(new Driver(options))
}

function faceOf(driver: Driver): Room {
  const streamsOf = (participantId: string) => driver.streamsOf(participantId)
  return Object.freeze<Room>({
    id: toHex(globalThis.crypto.getRandomValues(new Uint8Array(16))),
    on: (event, callback) => driver.listeners.on(event, callback),
    connect: () => driver.connect(),
    disconnect: () => driver.disconnect(),
    updateClientToken: token => driver.updateToken(token),
    getState: () => driver.state.view,
    getLocalParticipant: () => {
      const local = driver.state.view.participants[driver.state.id]
      if (!local) throw notConnected(driver.state.status)
      return local
    },
    getLocalStreams: () => Object.freeze(Object.fromEntries(streamsOf(driver.state.id))),
    addStream: async (key, tracks) => driver.addStream(key, readTracks(tracks)),
    updateStream: async (key, tracks) => driver.dispatch({ type: 'update', key, tracks: readTracks(tracks) }),
    removeStream: async key => driver.dispatch({ type: 'remove', key }),
    addSubscription: async (participantId, key, config) =>
      driver.subscribe({ type: 'subscribe', participantId, key, config: Object(config) }),
    updateSubscription: async (participantId, key, config) =>
      driver.subscribe({ type: 'reconfigure', participantId, key, config: Object(config) }),
    removeSubscription: async (participantId, key) => {
      driver.dispatch({ type: 'unsubscribe', participantId, key })
    },
    getParticipantStreams: streamsOf,
    getParticipantsStreams: streamsOf,
    getParticipantStream: (participantId, key) => streamsOf(participantId).get(key),
    getWebRTCStatsForStream: async (participantId, key) => {
      if (!streamsOf(participantId).has(key))
        throw new SignalError('UNKNOWN_STREAM', `there is no stream '${key}'`)
      return driver.connected().connections.meter.stream(participantId, key)
    },
    sendMessage: async (message, recipients) => driver.sendMessage(message, recipients),
    enableNetworkMetricsReport: async (participantIds, { includeStreams = false } = {}) => {
      for (const participantId of participantIds) driver.assertKnown(participantId)
      driver.reports.enable(participantIds, includeStreams)
    },
    disableNetworkMetricsReport: async participantIds => driver.reports.disable(participantIds),
    kick: async participantId => driver.moderate(participantId, { action: 'kick' }),
    censor: async (participantId, key, kind) =>
      driver.moderate(participantId, { action: 'censor', key, kind }),
    uncensor: async (participantId, key, kind) =>
      driver.moderate(participantId, { action: 'uncensor', key, kind })
  })
}
