import type { Unsubscribe } from 'socket-signal'

export type { Unsubscribe } from 'socket-signal'

/** Nothing of it changes, at any depth; what a browser made (tracks) is left as it is. */
export type Immutable<T> = T extends string | ((...args: never[]) => unknown) | MediaStreamTrack
  ? T
  : T extends object
    ? { readonly [K in keyof T]: Immutable<T[K]> }
    : T

/** What a track is of: sound or pictures. */
export type Kind = 'audio' | 'video'
/** How a room stands. A room that is `disconnected` may be connected again, and is empty then. */
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
  /** Always true here: whoever is in the room hears `sendMessage`. */
  canReceiveMessages: boolean
  /** `local` is this client. Nobody is of a `telephony_engine` here; the word is one of the API that this follows. */
  origin: 'local' | 'remote' | 'telephony_engine'
  /** Its connection with the server broke; it may come back. */
  isAway: boolean
}>

/** What a participant publishes under a key: a track of sound, of pictures, or both. */
export type Stream = Immutable<{
  /** Participant and key: unique in the room. */
  id: string
  /** One of its participant's own: 1 to 64 characters. */
  key: string
  /** Who publishes it: 64 hexadecimal digits. */
  participantId: Participant['id']
  /** `local` is what this client publishes. */
  origin: 'local' | 'remote'
  /** Whether it can be rendered: everything that was subscribed and is published has come. Always, of local streams. */
  isConfigured: boolean
  /** Whether its publisher has a track of sound in it, subscribed or not. */
  isAudioEnabled: boolean
  /** Whether its publisher has a track of pictures in it, subscribed or not. */
  isVideoEnabled: boolean
  /** Whether a moderator took its sound away. It stays enabled. */
  isAudioCensored: boolean
  /** Whether a moderator took its pictures away. It stays enabled. */
  isVideoCensored: boolean
  /** Whether somebody speaks in it, by its level; known of what is subscribed or sent. */
  isSpeaking: boolean
  /** Of a remote stream: only when subscribed, enabled and not censored. */
  audioTrack?: MediaStreamTrack
  /** Of a remote stream: only when subscribed, enabled and not censored. */
  videoTrack?: MediaStreamTrack
}>

/** All that is known of a room, frozen. What has not changed is the same object as in the state before. */
export type State = Immutable<{
  /** Streams, subscriptions and messages are for `connected` alone; else they reject with NOT_CONNECTED. */
  status: Status
  /** Empty until the client of a `connect()` is open. */
  localParticipantId: Participant['id']
  /** By id, the local one as well. */
  participants: { [id: string]: Participant }
  /** By id, of everybody, subscribed or not. */
  streams: { [id: string]: Stream }
  /** Whether the socket is gone and being opened again; connections between participants go on. */
  isReconnecting: boolean
  /** There when the room was connected, and is no more. */
  disconnectReason?: DisconnectReason
}>

/** What `sendMessage` sends. */
export type Message = Immutable<{
  /** The only one there is. */
  type: 'text'
  /** What fits into a message of the server, 16 KiB by default. */
  payload: string
}>

/** How pictures are sent. */
export interface VideoOptions {
  /** Each subscriber is sent the size that it asks for. */
  enableSimulcast?: boolean
}

/** In `updateStream`, null takes a track away, and what is absent stays. */
export interface Tracks {
  /** Sound; one that is null is muted. */
  audio?: MediaStreamTrack | null | undefined
  /** Pictures, and how they are sent. */
  video?:
    | MediaStreamTrack
    | { track?: MediaStreamTrack | null | undefined; options?: VideoOptions | undefined }
    | null
    | undefined
}

/** What is wanted of a stream of somebody else. */
export interface Subscription {
  /** Sound, if there is some. */
  audio: boolean
  /** Pictures, if there are some. */
  video: boolean
  /** How high the picture is wanted, where the publisher enabled simulcast. Default: as it is. Unit: pixels. */
  height?: number
}

/** Of one track on its way. */
export interface TrackStats {
  /** Since this was asked last; 0 the first time. Unit: bits a second. */
  bitrate: number
  /** Sent or received so far, without headers (W3C WebRTC Statistics). */
  bytes: number
  /** RTP packets, sent or received so far. */
  packets: number
  /** Share of packets that were lost since this was asked last, or of late as the other side says: 0 to 1. */
  packetLoss: number
  /** Unit: ms. */
  jitter: number
  /** Unit: ms. */
  roundTripTime: number
  /** Pictures: of the last second, as far as the browser says. */
  framesPerSecond?: number
  /** Pictures, as they come over. Unit: pixels. */
  width?: number
  /** Pictures, as they come over. Unit: pixels. */
  height?: number
  /** Encoded or decoded so far. */
  frames?: number
  /** Sound: 0 to 1. */
  level?: number
}

/** Of a stream's sound and pictures, where there are some. */
export type TracksStats = { [K in Kind]?: TrackStats }

/** Of a local stream `senders`: sums over its subscribers, each of them in `subscribers`. Of a remote one `receivers`. */
export interface WebRTCStats {
  /** Of a local stream: sums; nothing in it where nobody has subscribed. */
  senders: TracksStats
  /** Of a remote stream: what comes. */
  receivers: TracksStats
  /** Of a local stream, by participant: what each is sent. */
  subscribers: { [participantId: string]: TracksStats }
}

/** `connectionQuality`: 0 (none) to 5. Unit of `roundTripTime` and `jitter`: ms. */
export interface NetworkMetrics {
  /** By participant. */
  [participantId: string]: {
    /** 0 (none) to 5 (good). */
    connectionQuality: 0 | 1 | 2 | 3 | 4 | 5
    /** Unit: ms. */
    roundTripTime: number
    /** Unit: ms. */
    jitter: number
    /** Share of packets that were lost: 0 to 1. */
    packetLoss: number
    /** With `includeStreams`, by key. */
    streams?: { [key: string]: WebRTCStats }
  }
}

/** What a room tells, each with the state right after it. All listeners of one change hear of the same state. */
export interface Events {
  /** Before the events of the same change. */
  state_changed: (state: State) => void
  /** Who was there before is in the state, without events. */
  connected: (state: State) => void
  /** It is over: `disconnectReason` says why. The state is empty. */
  disconnected: (state: State) => void
  /** Somebody else has come. */
  participant_joined: (participantId: string, state: State) => void
  /** A moderator removes somebody; the local one hears it of itself. */
  participant_leaving: (participantId: string, reason: 'kicked' | null, state: State) => void
  /** Somebody else has gone, after the end of its streams was told. */
  participant_left: (participantId: string, state: State) => void
  /** The local one's own as well, once the server knows them. */
  stream_published: (participantId: string, key: string, state: State) => void
  /** The local one's own as well. */
  stream_unpublished: (participantId: string, key: string, state: State) => void
  /** A track was added to a stream, or is not null any more. Of a remote one, the state has it once it has come. */
  track_enabled: (participantId: string, key: string, kind: Kind, state: State) => void
  /** A track of a stream is null. */
  track_disabled: (participantId: string, key: string, kind: Kind, state: State) => void
  /** A moderator took a track away. */
  track_censored: (participantId: string, key: string, kind: Kind, state: State) => void
  /** A moderator gave a track back. */
  track_uncensored: (participantId: string, key: string, kind: Kind, state: State) => void
  /** Somebody began or ended to speak, see `isSpeaking`; `key` is null when it tells of the participant as such. */
  audio_activity: (participantId: string, key: string | null, state: State) => void
  /** It can be rendered: `getParticipantStream` has its tracks. */
  subscription_started: (participantId: string, key: string, state: State) => void
  /** What `updateSubscription` asked for has come. */
  subscription_reconfigured: (participantId: string, key: string, state: State) => void
  /** By `removeSubscription`, or because the stream has gone. */
  subscription_ended: (participantId: string, key: string, state: State) => void
  /** Signed by its sender. `recipients`: null when it was for everybody. */
  message_received: (
    participantId: string,
    message: Message,
    recipients: string[] | null,
    state: State
  ) => void
  /** Every 2 s by default, see `enableNetworkMetricsReport`. Without the state. */
  network_metrics_report: (networkMetrics: NetworkMetrics) => void
}

/** One place in one room. Its methods may be taken off it. Errors: see the README. */
export type Room = Immutable<{
  /** Of this instance. */
  id: string
  /** Gives what ends it. A listener that throws, or whose promise rejects, is reported and stops no other. */
  on<E extends keyof Events>(event: E, callback: Events[E]): Unsubscribe
  /**
   * Opens the client and joins. Harmless when it is connected. Rejects as the client's `open` and `join`, with
   * NOT_CONNECTED when it was disconnected meanwhile.
   */
  connect: () => Promise<void>
  /** Ends every connection, and closes the client if the room made it. Harmless at any time. */
  disconnect: () => Promise<void>
  /** Replaces the token on the open socket, before it ends. Rejects with TOKEN_…, NOT_CONNECTED. */
  updateClientToken: (clientToken: string) => Promise<void>
  /** Frozen, and the same object until something changes. */
  getState: () => State
  /** This client's own. Throws NOT_CONNECTED. */
  getLocalParticipant: () => Participant
  /** By key, as in the state; empty before the first is published. */
  getLocalStreams: () => { [key: string]: Stream }
  /**
   * Publishes tracks under a key of 1 to 64 characters; resolves when the server has told the others. Rejects with
   * KEY_IN_USE, TOO_LARGE for a seventeenth, NOT_CONNECTED.
   */
  addStream: (key: string, tracks?: Tracks) => Promise<void>
  /**
   * Changes tracks without negotiation: null mutes, what is absent stays. Rejects with UNKNOWN_STREAM, NOT_CONNECTED.
   */
  updateStream: (key: string, tracks?: Tracks) => Promise<void>
  /** Takes it back. Its tracks are not stopped. Rejects with UNKNOWN_STREAM, NOT_CONNECTED. */
  removeStream: (key: string) => Promise<void>
  /**
   * Resolves when it can be rendered. Rejects with UNKNOWN_PARTICIPANT, UNKNOWN_STREAM, KEY_IN_USE, SUBSCRIPTION_ENDED,
   * and TIMEOUT after `subscribeTimeout`, whose `cause` says why.
   */
  addSubscription: (participantId: string, key: string, config: Subscription) => Promise<void>
  /** Resolves when what is asked for has come. Rejects with UNKNOWN_SUBSCRIPTION, SUBSCRIPTION_ENDED, TIMEOUT. */
  updateSubscription: (participantId: string, key: string, config: Subscription) => Promise<void>
  /** Nothing more comes of it. Rejects with UNKNOWN_SUBSCRIPTION. */
  removeSubscription: (participantId: string, key: string) => Promise<void>
  /** By key, subscribed or not; empty for somebody who is not here. */
  getParticipantStreams: (participantId: string) => Map<string, Stream>
  /** The same, under the name that the document's text has. */
  getParticipantsStreams: (participantId: string) => Map<string, Stream>
  /** None for what is not published. */
  getParticipantStream: (participantId: string, key: string) => Stream | undefined
  /** Of a local or subscribed stream, as the browser counts. Rejects with UNKNOWN_STREAM, NOT_CONNECTED. */
  getWebRTCStatsForStream: (participantId: string, key: string) => Promise<WebRTCStats>
  /**
   * Over the server, signed, at most once: 16 KiB, 10 a second and 50 at once, where each recipient counts. To everybody,
   * or to the ids in `recipients`. Rejects with UNKNOWN_PARTICIPANT, TOO_LARGE, RATE_LIMITED: some may have got it then.
   */
  sendMessage: (message: Message, recipients?: readonly string[]) => Promise<void>
  /** Has `network_metrics_report` tell of these. Throws NOT_CONNECTED, UNKNOWN_PARTICIPANT. */
  enableNetworkMetricsReport: (
    participantIds: readonly string[],
    options?: { includeStreams?: boolean }
  ) => Promise<void>
  /** Of these no more; of nobody without ids. */
  disableNetworkMetricsReport: (participantIds?: readonly string[]) => Promise<void>
  /** Removes somebody, for whoever holds a token that may `moderate`. */
  kick: (participantId: string) => Promise<void>
  /** Silences or hides a track of somebody, as above; who comes later does not get it either. */
  censor: (participantId: string, key: string, kind: Kind) => Promise<void>
  /** Takes `censor` back. Rejects with FORBIDDEN. */
  uncensor: (participantId: string, key: string, kind: Kind) => Promise<void>
}>
