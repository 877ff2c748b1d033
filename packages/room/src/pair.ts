import type { Peer, Rtc } from 'socket-signal'
import { type Encoding, encodingFor } from './encodings.ts'
import { KINDS, type Media, type Own } from './model.ts'
import { Talk, type Words } from './talk.ts'
import type { Kind, Subscription } from './types.ts'

export interface PairOptions {
  /** What we ask of the other side, by key. */
  wants(): ReadonlyMap<string, Subscription>
  /** What of ours may be sent under a key, to whoever asks. */
  sent(key: string): Own | undefined
  /** How long it stays once neither of the two wants anything. Unit: ms. */
  idleTimeout: number
  /** What has come, by key. */
  onmedia(media: ReadonlyMap<string, Media>): void
}

/** What a line of ours is to carry. */
interface Sending {
  readonly key: string
  readonly kind: Kind
  readonly track: MediaStreamTrack | null
  readonly encoding: Encoding | undefined
}

/** What one carries that is free. */
const NOTHING = { track: null, encoding: undefined }

/** What of simple-peer is used beyond Rtc. */
interface Negotiating {
  _pc?: RTCPeerConnection
  negotiate?(): void
}

/**
 * The media of one connection. Its lines (transceivers) stand for both directions and carry now this, now that: what is
 * sent is changed by `replaceTrack` alone, and a new line is negotiated only when all are in use at once. Only who made
 * the connection adds lines. Each call of `sync` makes things as they should be, whatever they were.
 */
export class Pair {
  readonly peer: Peer
  readonly #options: PairOptions
  readonly #sending = new Map<RTCRtpTransceiver, Sending>()
  /** Lines that are being changed. */
  readonly #changing = new Set<RTCRtpTransceiver>()
  #rtc: (Rtc & Negotiating) | undefined
  #talk: Talk | undefined
  #theirs: NonNullable<Words['want']> = new Map()
  #lines: NonNullable<Words['lines']> = new Map()
  #idle: ReturnType<typeof setTimeout> | undefined
  #media: ReadonlyMap<string, Media> = new Map()

  constructor(peer: Peer, options: PairOptions) {
    this.peer = peer
    this.#options = options
    // Media is negotiated behind the first offer as well.
    peer.subscribeMediaStream = true
    peer.on('rtc', rtc => this.#begin(rtc))
    peer.on('connect', () => this.sync())
    peer.on('close', () => clearTimeout(this.#idle))
  }

  get pc(): RTCPeerConnection | undefined {
    return this.#rtc?.destroyed ? undefined : this.#rtc?._pc
  }

  /** Brings what is asked, sent and received up to date. */
  sync(): void {
    if (!this.pc || this.peer.destroyed) return
    const added = this.#reserve()
    if (added) this.#rtc?.negotiate?.()
    if (!this.peer.connected) return
    this.#talk?.say('want', this.#options.wants())
    this.#send()
    this.#receive()
    this.#rest()
  }

  /** The senders and receivers that carry something now. */
  *carriers(): Generator<{ key: string; kind: Kind; sender?: RTCRtpSender; receiver?: RTCRtpReceiver }> {
    for (const [{ sender }, { key, kind, track }] of this.#sending) if (track) yield { key, kind, sender }
    for (const transceiver of this.pc?.getTransceivers() ?? []) {
      const [key, kind] = this.#lines.get(transceiver.mid ?? '') ?? []
      if (key && kind && this.#media.get(key)?.[kind]) yield { key, kind, receiver: transceiver.receiver }
    }
  }

  #begin(rtc: Rtc & Negotiating): void {
    this.#rtc = rtc
    const { _pc: pc } = rtc
    this.#talk = new Talk(
      rtc,
      words => this.#hear(words),
      () => this.peer.destroy(new TypeError('the other side talks nonsense'))
    )
    // Where the other side added the line, it would only receive.
    pc?.addEventListener('track', ({ transceiver }) => {
      if (transceiver.direction === 'recvonly') transceiver.direction = 'sendrecv'
    })
    pc?.addEventListener('signalingstatechange', () => {
      if (pc.signalingState === 'stable') this.sync()
    })
    // What is known before the first offer travels with it.
    this.#reserve()
  }

  #hear({ want, lines }: Words): void {
    if (want) this.#theirs = want
    if (lines) this.#lines = lines
    this.sync()
  }

  /** Adds the lines that are missing. Gives whether there were any. */
  #reserve(): boolean {
    if (!this.peer.initiator) return false
    let added = false
    for (const kind of KINDS) {
      const incoming = [...this.#options.wants().values()].filter(want => want[kind]).length
      const outgoing = this.#asked(kind).length
      for (let missing = Math.max(incoming, outgoing) - this.#linesOf(kind).length; missing > 0; missing--) {
        this.pc?.addTransceiver(kind, { direction: 'sendrecv' })
        added = true
      }
    }
    return added
  }

  #linesOf(kind: Kind): RTCRtpTransceiver[] {
    return (this.pc?.getTransceivers() ?? []).filter(({ receiver }) => receiver.track.kind === kind)
  }

  /** Keys of our streams of which they want this kind, and which have it. */
  #asked(kind: Kind): string[] {
    const carried = new Set([...this.#sending.values()].flatMap(each => (each.kind === kind ? each.key : [])))
    return [...this.#theirs.keys()].filter(key => {
      const own = this.#options.sent(key)
      return own && this.#theirs.get(key)?.[kind] && (own[kind] || carried.has(key))
    })
  }

  #send(): void {
    for (const kind of KINDS) {
      const asked = new Set(this.#asked(kind))
      for (const [line, sending] of this.#sending) {
        if (sending.kind === kind && !asked.delete(sending.key)) this.#apply(line, undefined)
      }
      const free = this.#linesOf(kind).filter(line => !this.#sending.has(line) && line.mid !== null)
      for (const key of asked) {
        const line = free.shift()
        if (line) this.#sending.set(line, { key, kind, ...NOTHING })
      }
    }
    for (const [line, { key, kind }] of this.#sending) this.#apply(line, { key, kind })
    const lines = [...this.#sending].map(([{ mid }, { key, kind }]) => [mid ?? '', [key, kind]] as const)
    this.#talk?.say('lines', new Map(lines))
  }

  /** Makes a line carry what it should; without a stream, nothing. */
  #apply(line: RTCRtpTransceiver, stream: { key: string; kind: Kind } | undefined): void {
    if (!stream) this.#sending.delete(line)
    else {
      const { key, kind } = stream
      const own = this.#options.sent(key)
      const track = own?.[kind] ?? null
      const height = own?.simulcast ? this.#theirs.get(key)?.height : undefined
      const encoding = track?.kind === 'video' ? encodingFor(track.getSettings?.().height, height) : undefined
      const before = this.#sending.get(line)
      if (before?.track === track && same(before.encoding, encoding)) return
      this.#sending.set(line, { key, kind, track, encoding })
    }
    void this.#change(line)
  }

  /**
   * Does what is wanted of a line, and then what is wanted by then: changes must not overtake one another, and who asks
   * for more than can be done gets the last of it.
   */
  async #change(line: RTCRtpTransceiver): Promise<void> {
    if (this.#changing.has(line)) return
    this.#changing.add(line)
    const wanted = () => this.#sending.get(line) ?? NOTHING
    try {
      for (let done: unknown; this.pc && done !== wanted(); ) {
        done = wanted()
        await carry(line.sender, wanted())
      }
    } catch (error) {
      if (this.pc) this.peer.destroy(error as Error)
    }
    this.#changing.delete(line)
  }

  /** What neither of the two wants anything of is closed after a while: who turns pages would hold one for each. */
  #rest(): void {
    const { wants, sent } = this.#options
    // What they ask of nothing that is ours keeps nothing open.
    const asked = [...this.#theirs.keys()].some(key => sent(key) !== undefined)
    if (wants().size === 0 && !asked)
      this.#idle ??= setTimeout(() => this.peer.destroy(), this.#options.idleTimeout)
    else {
      clearTimeout(this.#idle)
      this.#idle = undefined
    }
  }

  #receive(): void {
    const wants = this.#options.wants()
    const media = new Map<string, { [K in Kind]?: MediaStreamTrack }>()
    for (const line of this.pc?.getTransceivers() ?? []) {
      const [key, kind] = this.#lines.get(line.mid ?? '') ?? []
      if (!key || !kind || kind !== line.receiver.track.kind || !wants.get(key)?.[kind]) continue
      if (!/recv/.test(line.currentDirection ?? '')) continue
      media.set(key, { ...media.get(key), [kind]: line.receiver.track })
    }
    if (equal(media, this.#media)) return
    this.#media = media
    this.#options.onmedia(media)
  }
}

function equal(one: ReadonlyMap<string, Media>, other: ReadonlyMap<string, Media>): boolean {
  const same = ([key, media]: [string, Media]) => KINDS.every(kind => media[kind] === other.get(key)?.[kind])
  return one.size === other.size && [...one].every(same)
}

async function carry(
  sender: RTCRtpSender,
  { track, encoding }: Pick<Sending, 'track' | 'encoding'>
): Promise<void> {
  if (sender.track !== track) await sender.replaceTrack(track)
  const parameters = sender.getParameters()
  const [first] = parameters.encodings ?? []
  if (track?.kind !== 'video' || !first) return
  const { scaleResolutionDownBy, maxBitrate, ...rest } = first
  parameters.encodings[0] = {
    ...rest,
    ...(encoding ?? (scaleResolutionDownBy && { scaleResolutionDownBy: 1 }))
  }
  await sender.setParameters(parameters)
}

function same(one: Partial<Encoding> | undefined, other: Partial<Encoding> | undefined): boolean {
  return one?.scaleResolutionDownBy === other?.scaleResolutionDownBy && one?.maxBitrate === other?.maxBitrate
}
