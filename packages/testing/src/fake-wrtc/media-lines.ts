import { FakeMediaStream, FakeMediaStreamTrack, type MediaKind } from './media.ts'
import type { FakeNetwork } from './network.ts'
import type { Direction, Section } from './sdp.ts'
import { FakeRtpSender, FakeRtpTransceiver, receives, reverse, sends, toDirection } from './transceiver.ts'

export interface Line {
  mid: string
  kind: Section['kind']
  /** Absent for data. */
  transceiver?: FakeRtpTransceiver | undefined
}

/** A track that the remote sends from here on. */
export interface Arrival {
  transceiver: FakeRtpTransceiver
  track: FakeMediaStreamTrack
  streams: FakeMediaStream[]
}

/** The m-lines of one connection, in the order of its descriptions, and the transceivers behind them. */
export class MediaLines {
  readonly transceivers: FakeRtpTransceiver[] = []
  readonly #network: FakeNetwork
  #lines: Line[] = []
  readonly #streams = new Map<string, FakeMediaStream>()

  constructor(network: FakeNetwork) {
    this.#network = network
  }

  /** Whether both sides know of a line for data. */
  get data(): boolean {
    return this.#lines.some(({ kind }) => kind === 'application')
  }

  /** How many lines there are. */
  get size(): number {
    return this.#lines.length
  }

  addTrack(track: FakeMediaStreamTrack, streams: FakeMediaStream[]): FakeRtpSender {
    if (this.transceivers.some(({ sender }) => sender.track === track)) {
      throw new DOMException('a sender has this track already', 'InvalidAccessError')
    }
    const free = this.transceivers.find(
      ({ kind, sender, currentDirection }) => kind === track.kind && !sender.track && !sends(currentDirection)
    )
    if (!free) return this.#add(track.kind, { track, streams, direction: 'sendrecv', byTrack: true }).sender
    free.sender.track = track
    free.sender.streams = streams
    free.direction = toDirection(true, receives(free.direction))
    return free.sender
  }

  removeTrack(sender: FakeRtpSender): void {
    const transceiver = this.transceivers.find(known => known.sender === sender)
    if (!transceiver) throw new DOMException('a sender of another connection', 'InvalidAccessError')
    sender.track = null
    transceiver.direction = toDirection(false, receives(transceiver.direction))
  }

  addTransceiver(
    what: MediaKind | FakeMediaStreamTrack,
    init: RTCRtpTransceiverInit = {}
  ): FakeRtpTransceiver {
    const kind = typeof what === 'string' ? what : what.kind
    if (kind !== 'audio' && kind !== 'video') throw new TypeError(`no kind of media: ${String(kind)}`)
    const track = typeof what === 'string' ? null : what
    const streams = (init.streams ?? []) as unknown as FakeMediaStream[]
    const { direction = 'sendrecv', sendEncodings } = init
    return this.#add(kind, {
      track,
      streams,
      direction: direction as Direction,
      byTrack: false,
      sendEncodings
    })
  }

  /** The m-lines of a new offer: those that are there, then what was added since. */
  offer(data: boolean): Line[] {
    const lines = [...this.#lines]
    const add = (kind: Line['kind'], transceiver?: FakeRtpTransceiver) =>
      lines.push({ mid: this.#freeMid(lines), kind, transceiver })
    if (data && !lines.some(({ kind }) => kind === 'application')) add('application')
    for (const transceiver of this.transceivers) {
      if (!lines.some(line => line.transceiver === transceiver)) add(transceiver.kind, transceiver)
    }
    return lines
  }

  /** Puts the lines of an offer of ours in place. */
  take(lines: Line[]): void {
    this.#lines = lines
    for (const { mid, transceiver } of lines) if (transceiver) transceiver.mid = mid
  }

  sections(lines: readonly Line[] = this.#lines, remote?: readonly Section[]): Section[] {
    return lines.map(({ mid, kind, transceiver }, at) => {
      if (transceiver) return transceiver.section(mid, remote?.[at]?.direction)
      return { mid, kind, direction: 'sendrecv', streams: [], track: undefined }
    })
  }

  /** Takes the remote's sections: finds or makes a transceiver for each, and gives what it sends from here on. */
  receive(sections: readonly Section[]): Arrival[] {
    this.#lines = sections.map((section, at) => {
      const { mid, kind } = section
      if (kind === 'application') return { mid, kind }
      const transceiver = this.#lines[at]?.transceiver ?? this.#free(kind)
      transceiver.mid = mid
      return { mid, kind, transceiver }
    })
    return this.#lines.flatMap((line, at) => this.#arrive(line, sections[at] as Section))
  }

  /** An answer stands: what each line now does. `sections` as this side has them. */
  settle(sections: readonly Section[]): void {
    this.#lines.forEach(({ transceiver }, at) => {
      if (transceiver) transceiver.currentDirection = sections[at]?.direction ?? null
    })
  }

  #arrive({ transceiver }: Line, section: Section): Arrival[] {
    if (!transceiver) return []
    const { track } = transceiver.receiver
    const before = transceiver.remoteStreams
    const there = receives(reverse(section.direction)) && receives(transceiver.direction)
    const streams = there ? section.streams.map(id => this.#stream(id)) : []
    for (const stream of before) if (!streams.includes(stream)) stream.change(track, false)
    const known = transceiver.receiving
    transceiver.remoteStreams = streams
    transceiver.receiving = there
    if (known !== there) track.mute(!there)
    if (!there || (known && streams.every(stream => before.includes(stream)))) return []
    for (const stream of streams) stream.change(track, true)
    return [{ transceiver, track, streams }]
  }

  #free(kind: MediaKind): FakeRtpTransceiver {
    const own = this.transceivers.find(
      transceiver => transceiver.kind === kind && transceiver.mid === null && transceiver.byTrack
    )
    return own ?? this.#add(kind, { track: null, streams: [], direction: 'recvonly', byTrack: false })
  }

  #add(
    kind: MediaKind,
    options: {
      track: FakeMediaStreamTrack | null
      streams: FakeMediaStream[]
      direction: Direction
      byTrack: boolean
      sendEncodings?: RTCRtpEncodingParameters[] | undefined
    }
  ): FakeRtpTransceiver {
    const { track, streams, direction, byTrack, sendEncodings } = options
    const sender = new FakeRtpSender(kind, track, streams, sendEncodings)
    const received = new FakeMediaStreamTrack(kind, this.#network.text(16))
    const transceiver = new FakeRtpTransceiver({ sender, receiver: { track: received }, direction, byTrack })
    this.transceivers.push(transceiver)
    return transceiver
  }

  #stream(id: string): FakeMediaStream {
    let stream = this.#streams.get(id)
    if (!stream) this.#streams.set(id, (stream = new FakeMediaStream(id)))
    return stream
  }

  #freeMid(lines: readonly Line[]): string {
    let mid = lines.length
    while (lines.some(line => line.mid === String(mid))) mid++
    return String(mid)
  }
}
