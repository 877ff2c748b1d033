import type { FakeMediaStream, FakeMediaStreamTrack, MediaKind } from './media.ts'
import type { Direction, Section } from './sdp.ts'

/** `RTCRtpSender`. */
export class FakeRtpSender {
  /** What is sent; null: nothing. */
  track: FakeMediaStreamTrack | null
  /** In which streams the remote finds it. */
  streams: FakeMediaStream[]
  readonly #kind: MediaKind
  #encodings: RTCRtpEncodingParameters[]

  constructor(
    kind: MediaKind,
    track: FakeMediaStreamTrack | null,
    streams: FakeMediaStream[] = [],
    encodings: RTCRtpEncodingParameters[] = [{}]
  ) {
    this.#kind = kind
    this.track = track
    this.streams = streams
    this.#encodings = encodings
  }

  /** Another track of the same kind, without negotiation. Rejects with `TypeError` for the other kind. */
  async replaceTrack(track: FakeMediaStreamTrack | null): Promise<void> {
    if (track && track.kind !== this.#kind) throw new TypeError(`a track of kind ${this.#kind} is needed`)
    this.track = track
  }

  /** A copy, one encoding unless it was made with more. */
  getParameters(): { encodings: RTCRtpEncodingParameters[] } {
    return { encodings: this.#encodings.map(encoding => ({ ...encoding })) }
  }

  /** Takes any encodings, and sends as before. */
  async setParameters({ encodings }: { encodings: RTCRtpEncodingParameters[] }): Promise<void> {
    this.#encodings = encodings.map(encoding => ({ ...encoding }))
  }
}

/** `RTCRtpTransceiver`. */
export class FakeRtpTransceiver {
  /** Of its line; null before it was negotiated. */
  mid: string | null = null
  /** What was negotiated last; null before. */
  currentDirection: Direction | null = null
  /** What this side wants. */
  direction: Direction
  /** Its half that sends. */
  readonly sender: FakeRtpSender
  /** Its half that receives: there is always a track, live or not. */
  readonly receiver: { track: FakeMediaStreamTrack }
  /** Made by `addTrack`, so that it may take a place that the remote offers (RFC 8829 section 5.10). @internal */
  readonly byTrack: boolean
  /** Whether the remote sends here, and in which streams. @internal */
  receiving = false
  /** Streams of the remote that its track is in. @internal */
  remoteStreams: FakeMediaStream[] = []

  constructor(options: {
    sender: FakeRtpSender
    receiver: { track: FakeMediaStreamTrack }
    direction: Direction
    byTrack: boolean
  }) {
    this.sender = options.sender
    this.receiver = options.receiver
    this.direction = options.direction
    this.byTrack = options.byTrack
  }

  /** `audio` or `video`. */
  get kind(): MediaKind {
    return this.receiver.track.kind
  }

  /** Its m-line: in an answer, what both sides want. @internal */
  section(mid: string, remote?: Direction): Section {
    const { direction, sender, kind } = this
    return {
      mid,
      kind,
      direction: remote ? both(direction, reverse(remote)) : direction,
      streams: sender.streams.map(({ id }) => id),
      track: sender.track?.id
    }
  }
}

export function sends(direction: Direction | null): boolean {
  return direction === 'sendrecv' || direction === 'sendonly'
}

export function receives(direction: Direction | null): boolean {
  return direction === 'sendrecv' || direction === 'recvonly'
}

export function toDirection(send: boolean, receive: boolean): Direction {
  if (send) return receive ? 'sendrecv' : 'sendonly'
  return receive ? 'recvonly' : 'inactive'
}

/** What the other side calls it. */
export function reverse(direction: Direction): Direction {
  return toDirection(receives(direction), sends(direction))
}

function both(a: Direction, b: Direction): Direction {
  return toDirection(sends(a) && sends(b), receives(a) && receives(b))
}
