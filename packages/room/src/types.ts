import type { Unsubscribe } from 'socket-signal'

export type { Unsubscribe } from 'socket-signal'

/** Nothing of it changes, at any depth; what a browser made (tracks) is left as it is. */
export type Immutable<T> = T extends string | ((...args: never[]) => unknown) | MediaStreamTrack
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Immutable<T[K]> }
    : T

export type Kind = 'audio' | 'video'
export type Status = 'initialized' | 'connecting' | 'connected' | 'disconnecting' | 'disconnected'

/** Why a room is disconnected: as asked, by a moderator, by the end of its token, or by the code of an error. */
export type DisconnectReason = 'left' | 'kicked' | 'token_expired' | (string & {})

/** Somebody in the room. */
export type Participant = Immutable<{
  /** The id of its client: 64 hexadecimal digits. */
  id: string
  /** What others call it, as it says. */
  name?: string
  /** Whatever it says of itself. Up to 512 characters. */
  context?: string
  /** Ids of its streams by their keys. */
  streams: { [key: string]: Stream['id'] }
  canReceiveMessages: boolean
  origin: 'local' | 'remote' | 'telephony_engine'
  /** Its connection with the server broke; it may come back. */
  isAway: boolean
}>

/** What a participant publishes under a key: a track of sound, of pictures, or both. */
export type Stream = Immutable<{
  /** Participant and key: unique in the room. */
  id: string
  key: string
  participantId: Participant['id']
  origin: 'local' | 'remote'
  /** Whether it can be rendered: everything that was subscribed and is published has come. Always, of local streams. */
  isConfigured: boolean
  isAudioEnabled: boolean
  isVideoEnabled: boolean
  isAudioCensored: boolean
  isVideoCensored: boolean
  isSpeaking: boolean
  /** Of a remote stream: only when subscribed, enabled and not censored. */
  audioTrack?: MediaStreamTrack
  videoTrack?: MediaStreamTrack
}>

export type State = Immutable<{
  status: Status
  /** Empty before the first `connect()`. */
  localParticipantId: Participant['id']
  participants: { [id: string]: Participant }
  streams: { [id: string]: Stream }
  /** Whether the socket is gone and being opened again; connections between participants go on. */
  isReconnecting: boolean
  disconnectReason?: DisconnectReason
}>

/** `payload`: what fits into a message of the server, 16 KiB by default. */
export type Message = Immutable<{ type: 'text'; payload: string }>

export interface VideoOptions {
  /** Each subscriber is sent the size that it asks for. */
  enableSimulcast?: boolean
}

/** In `updateStream`, null takes a track away, and what is absent stays. */
export interface Tracks {
  audio?: MediaStreamTrack | null | undefined
  video?:
    | MediaStreamTrack
    | { track?: MediaStreamTrack | null | undefined; options?: VideoOptions | undefined }
    | null
    | undefined
}

export interface Subscription {
  audio: boolean
  video: boolean
  /** How high the picture is wanted, where the publisher enabled simulcast. Default: as it is. Unit: pixels. */
  height?: number
}

/** Of one track on its way. */
export interface TrackStats {
  /** Since this was asked last; 0 the first time. Unit: bits a second. */
  bitrate: number
  bytes: number
  packets: number
  /** Share of packets that were lost: 0 to 1. */
  packetLoss: number
  /** Unit: ms. */
  jitter: number
  /** Unit: ms. */
  roundTripTime: number
  framesPerSecond?: number
  width?: number
  height?: number
  /** Encoded or decoded so far. */
  frames?: number
  /** Sound: 0 to 1. */
  level?: number
}

export type TracksStats = { [K in Kind]?: TrackStats }

/** Of a local stream `senders`: sums over its subscribers, each of them in `subscribers`. Of a remote one `receivers`. */
export interface WebRTCStats {
  senders: TracksStats
  receivers: TracksStats
  subscribers: { [participantId: string]: TracksStats }
}

/** `connectionQuality`: 0 (none) to 5. Unit of `roundTripTime` and `jitter`: ms. */
export interface NetworkMetrics {
  [participantId: string]: {
    connectionQuality: 0 | 1 | 2 | 3 | 4 | 5
    roundTripTime: number
    jitter: number
    packetLoss: number
    /** With `includeStreams`, by key. */
    streams?: { [key: string]: WebRTCStats }
  }
}

export interface Events {
  state_changed: (state: State) => void
  connected: (state: State) => void
  disconnected: (state: State) => void
  participant_joined: (participantId: string, state: State) => void
  participant_leaving: (participantId: string, reason: 'kicked' | null, state: State) => void
  participant_left: (participantId: string, state: State) => void
  stream_published: (participantId: string, key: string, state: State) => void
  stream_unpublished: (participantId: string, key: string, state: State) => void
  track_enabled: (participantId: string, key: string, kind: Kind, state: State) => void
  track_disabled: (participantId: string, key: string, kind: Kind, state: State) => void
  track_censored: (participantId: string, key: string, kind: Kind, state: State) => void
  track_uncensored: (participantId: string, key: string, kind: Kind, state: State) => void
  /** Somebody began or ended to speak, see `isSpeaking`; `key` is null when it tells of the participant as such. */
  audio_activity: (participantId: string, key: string | null, state: State) => void
  subscription_started: (participantId: string, key: string, state: State) => void
  subscription_reconfigured: (participantId: string, key: string, state: State) => void
  subscription_ended: (participantId: string, key: string, state: State) => void
  message_received: (
    participantId: string,
    message: Message,
    recipients: readonly string[] | null,
    state: State
  ) => void
  network_metrics_report: (networkMetrics: NetworkMetrics) => void
}

/** One place in one room. Its methods may be taken off it. Errors: see the README. */
export type Room = Immutable<{
  /** Of this instance. */
  id: string
  on<E extends keyof Events>(event: E, callback: Events[E]): Unsubscribe
  connect: () => Promise<void>
  disconnect: () => Promise<void>
  updateClientToken: (clientToken: string) => Promise<void>
  getState: () => State
  getLocalParticipant: () => Participant
  getLocalStreams: () => { [key: string]: Stream }
  addStream: (key: string, tracks?: Tracks) => Promise<void>
  updateStream: (key: string, tracks?: Tracks) => Promise<void>
  removeStream: (key: string) => Promise<void>
  addSubscription: (participantId: string, key: string, config: Subscription) => Promise<void>
  updateSubscription: (participantId: string, key: string, config: Subscription) => Promise<void>
  removeSubscription: (participantId: string, key: string) => Promise<void>
  getParticipantStreams: (participantId: string) => Map<string, Stream>
  /** The same, under the name that the document's text has. */
  getParticipantsStreams: (participantId: string) => Map<string, Stream>
  getParticipantStream: (participantId: string, key: string) => Stream | undefined
  getWebRTCStatsForStream: (participantId: string, key: string) => Promise<WebRTCStats>
  sendMessage: (message: Message, recipients?: readonly string[]) => Promise<void>
  enableNetworkMetricsReport: (
    participantIds: readonly string[],
    options?: { includeStreams?: boolean }
  ) => Promise<void>
  disableNetworkMetricsReport: (participantIds?: readonly string[]) => Promise<void>
  /** Removes somebody, for whoever holds a token that may `moderate`. */
  kick: (participantId: string) => Promise<void>
  /** Silences or hides a track of somebody, as above; who comes later does not get it either. */
  censor: (participantId: string, key: string, kind: Kind) => Promise<void>
  uncensor: (participantId: string, key: string, kind: Kind) => Promise<void>
}>
