import { FakeTarget, type Handler } from './target.ts'

export type MediaKind = 'audio' | 'video'

/** `MediaStreamTrack` without media. */
export class FakeMediaStreamTrack extends FakeTarget {
  readonly kind: MediaKind
  readonly id: string
  readonly label: string
  enabled = true
  muted = false
  readyState: MediaStreamTrackState = 'live'
  onended: Handler = null
  onmute: Handler = null
  onunmute: Handler = null

  constructor(kind: MediaKind, id: string) {
    super(['ended', 'mute', 'unmute'])
    this.kind = kind
    this.id = id
    this.label = `fake ${kind}`
  }

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
  readonly id: string
  onaddtrack: Handler = null
  onremovetrack: Handler = null
  readonly #tracks = new Set<FakeMediaStreamTrack>()

  constructor(id: string, tracks: Iterable<FakeMediaStreamTrack> = []) {
    super(['addtrack', 'removetrack'])
    this.id = id
    for (const track of tracks) this.#tracks.add(track)
  }

  get active(): boolean {
    return this.getTracks().some(({ readyState }) => readyState === 'live')
  }

  getTracks(): FakeMediaStreamTrack[] {
    return [...this.#tracks]
  }

  getAudioTracks(): FakeMediaStreamTrack[] {
    return this.getTracks().filter(({ kind }) => kind === 'audio')
  }

  getVideoTracks(): FakeMediaStreamTrack[] {
    return this.getTracks().filter(({ kind }) => kind === 'video')
  }

  getTrackById(id: string): FakeMediaStreamTrack | null {
    return this.getTracks().find(track => track.id === id) ?? null
  }

  addTrack(track: FakeMediaStreamTrack): void {
    this.#tracks.add(track)
  }

  removeTrack(track: FakeMediaStreamTrack): void {
    this.#tracks.delete(track)
  }

  /** What the remote adds or takes away, told as an event. */
  change(track: FakeMediaStreamTrack, there: boolean): void {
    if (this.#tracks.has(track) === there) return
    if (there) this.#tracks.add(track)
    else this.#tracks.delete(track)
    this.emit(there ? 'addtrack' : 'removetrack', { track })
  }
}
