import { SignalError } from './errors.ts'

/** An offer or an answer, as SDP (RFC 8866). @inline */
export interface Description {
  type: 'offer' | 'answer'
  sdp: string
}

/** What peers tell each other about a connection; simple-peer's words for it. */
export type RtcSignal =
  | Description
  | { type: 'candidate'; candidate: RTCIceCandidateInit }
  | { type: 'renegotiate'; renegotiate: true; iceRestart?: true }
  | {
      type: 'transceiverRequest'
      transceiverRequest: { kind: 'audio' | 'video'; init?: RTCRtpTransceiverInit }
    }

/**
 * The part of simple-peer that a Peer uses: a Node duplex stream that emits `signal`, `connect`, `stream`, `track`,
 * `error` and `close`, and is given the other side's signals. One that shows its RTCPeerConnection as `_pc` also emits
 * `iceStateChange` with `iceConnectionState` and `iceGatheringState`, at each change of either: without, its path counts as gone.
 */
export interface Rtc {
  /** Whether the data channel is open. */
  readonly connected: boolean
  /** Whether it is over, or ending. Then `signal` and `write` may throw. */
  readonly destroyed: boolean
  /** Takes a signal of the other side, which was checked before. */
  signal(signal: RtcSignal): void
  /** Sends over the data channel, or keeps it until the channel is open. Gives false when `drain` should be awaited. */
  write(data: Uint8Array | string): boolean
  /** MUST emit `error` with what it is given, then `close`; or `close` alone. */
  destroy(error?: Error): void
  /** Sends media; on a live connection it is renegotiated. */
  addStream(stream: MediaStream): void
  /** Sends it no more. */
  removeStream(stream: MediaStream): void
  /** As Node's EventEmitter has it. */
  // biome-ignore lint/suspicious/noExplicitAny: the events and the duplex half belong to the implementation.
  on(event: string, listener: (...args: any[]) => void): unknown
  /** As Node's EventEmitter has it. */
  // biome-ignore lint/suspicious/noExplicitAny: as above
  removeListener(event: string, listener: (...args: any[]) => void): unknown
}

/** Makes an Rtc. simple-peer's constructor is the default one. */
export type CreateRtc = (options: RtcOptions) => Rtc

/** What an Rtc is made with: simple-peer's options. */
export interface RtcOptions {
  /** Whether this side makes the offer. */
  initiator: boolean
  /** With the ICE servers of the client, and its `privacy`. */
  config: RTCConfiguration
  /** Media that is sent from the first offer or answer on. */
  streams: MediaStream[]
  /** In Node: `{ RTCPeerConnection, RTCSessionDescription, RTCIceCandidate }`, for instance of `@roamhq/wrtc`. */
  wrtc?: object
  /** Everything else is simple-peer's. */
  [option: string]: unknown
}

/** The STUN server for who names none: Google's public one learns your address. `iceServers: []` turns it off. */
export const DEFAULT_ICE_SERVERS: RTCIceServer[] = [{ urls: 'stun:stun.l.google.com:19302' }]

/** simple-peer, loaded when a client opens: importing this library must not touch the platform. */
export async function loadSimplePeer(): Promise<CreateRtc> {
  const loaded = (await import('#simple-peer')) as { default?: unknown }
  const SimplePeer = (loaded.default ?? loaded) as new (options: object) => Rtc
  return options => {
    try {
      return new SimplePeer(options)
    } catch (error) {
      if ((error as { code?: string }).code !== 'ERR_WEBRTC_SUPPORT') throw error
      const words = 'no WebRTC: in Node, pass simplePeer: { wrtc } of @roamhq/wrtc'
      throw new SignalError('WEBRTC_UNAVAILABLE', words, { cause: error })
    }
  }
}

/** The ICE user name of a description: it changes with an ICE restart, and with nothing else (RFC 8839 section 4.4.1). */
export function iceUfrag(sdp: string): string | undefined {
  return /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1]
}
