import { FakeTarget, type Handler } from './target.ts'

/** As `MediaStreamTrack.kind`. @inline */
export type MediaKind = 'audio' | 'video'

/** `MediaStreamTrack` without media. */
export class FakeMediaStreamTrack extends FakeTarget {
  /** `audio` or `video`. */
  readonly kind: MediaKind
  /** 16 random letters and digits. */
  readonly id: string
  /** `fake audio` or `fake video`. */
  readonly label: string
  /** Set by whoever has the track; nothing follows from it. */
  enabled = true
  /** Set by `mute()`. */
  muted = false
  /** `ended` after `stop()`. */
  readyState: MediaStreamTrackState = 'live'
  /** Its source has ended: never by `stop()` here. */
  onended: Handler = null
  /** The sender has stopped. */
  onmute: Handler = null
  /** The sender sends again. */
  onunmute: Handler = null

  constructor(kind: MediaKind, id: string) {
    super(['ended', 'mute', 'unmute'])
    this.kind = kind
    this.id = id
    this.label = `fake ${kind}`
  }

  /** Ends it here, without an event, as W3C Media Capture, 4.3.1 wants it. */
  stop(): void {
    this.readyState = 'ended'
  }

  /** The sender stops, or starts again. */
  mute(muted: boolean): void {
    if (this.muted === muted) return
    this.muted = muted
    this.emit(muted ? 'mute' : 'unmute')
  }
}

/** `MediaStream` without media: its tracks. */
export class FakeMediaStream extends FakeTarget {
  /** 16 random letters and digits. */
  readonly id: string
  /** The remote has added a track. */
  onaddtrack: Handler = null
  /** The remote has taken a track away. */
  onremovetrack: Handler = null
  readonly #tracks = new Set<FakeMediaStreamTrack>()

  constructor(id: string, tracks: Iterable<FakeMediaStreamTrack> = []) {
    super(['addtrack', 'removetrack'])
    this.id = id
    for (const track of tracks) this.#tracks.add(track)
  }

  /** Whether one of its tracks is live. */
  get active(): boolean {
    return this.getTracks().some(({ readyState }) => readyState === 'live')
  }

  /** In the order in which they came. */
  getTracks(): FakeMediaStreamTrack[] {
    return [...this.#tracks]
  }

  /** Those of sound. */
  getAudioTracks(): FakeMediaStreamTrack[] {
    return this.getTracks().filter(({ kind }) => kind === 'audio')
  }

  /** Those of pictures. */
  getVideoTracks(): FakeMediaStreamTrack[] {
    return this.getTracks().filter(({ kind }) => kind === 'video')
  }

  /** None: null. */
  getTrackById(id: string): FakeMediaStreamTrack | null {
    return this.getTracks().find(track => track.id === id) ?? null
  }

  /** Without an event, which only what the remote does has. */
  addTrack(track: FakeMediaStreamTrack): void {
    this.#tracks.add(track)
  }

  /** Without an event. */
  removeTrack(track: FakeMediaStreamTrack): void {
    this.#tracks.delete(track)
  }

  /** What the remote adds or takes away, told as an event. @internal */
  change(track: FakeMediaStreamTrack, there: boolean): void {
    if (this.#tracks.has(track) === there) return
    if (there) this.#tracks.add(track)
    else this.#tracks.delete(track)
    this.emit(there ? 'addtrack' : 'removetrack', { track })
  }
}
