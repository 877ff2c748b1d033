import type { FakeMediaStream, FakeMediaStreamTrack, MediaKind } from './media.ts'
import type { Direction, Section } from './sdp.ts'

/** `RTCRtpSender`. */
export class FakeRtpSender {
  track: FakeMediaStreamTrack | null
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

  getParameters(): { encodings: RTCRtpEncodingParameters[] } {
    return { encodings: this.#encodings.map(encoding => ({ ...encoding })) }
  }

  async setParameters({ encodings }: { encodings: RTCRtpEncodingParameters[] }): Promise<void> {
    this.#encodings = encodings.map(encoding => ({ ...encoding }))
  }
}

/** `RTCRtpTransceiver`. */
export class FakeRtpTransceiver {
  mid: string | null = null
  currentDirection: Direction | null = null
  direction: Direction
  readonly sender: FakeRtpSender
  readonly receiver: { track: FakeMediaStreamTrack }
  /** Made by `addTrack`, so that it may take a place that the remote offers (RFC 8829 section 5.10). */
  readonly byTrack: boolean
  /** Whether the remote sends here, and in which streams. */
  receiving = false
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

  get kind(): MediaKind {
    return this.receiver.track.kind
  }

  /** Its m-line: in an answer, what both sides want. */
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
