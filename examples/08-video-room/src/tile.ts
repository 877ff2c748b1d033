import type { Participant, Stream } from 'socket-signal-room'
import { el, faceOf } from './dom.ts'

/** One picture with its name. */
export class Tile {
  readonly element: HTMLElement = el('figure', 'tile')
  readonly #video: HTMLVideoElement = el('video')
  readonly #name: HTMLElement = el('span', 'name')
  readonly #mark: HTMLElement = el('span', 'mark')
  readonly #quality: HTMLElement = el('span', 'quality')
  #face: HTMLElement = el('span', 'face')

  constructor() {
    Object.assign(this.#video, { autoplay: true, playsInline: true })
    this.#quality.append(...[1, 2, 3, 4, 5].map(() => el('i')))
    this.element.append(this.#face, this.#video, el('figcaption', '', this.#quality, this.#name, this.#mark))
  }

  /** `stream`: absent of who publishes nothing. */
  show(person: Participant, stream: Stream | undefined, { screen = false, quality = -1 } = {}): void {
    const own = person.origin === 'local'
    const name = person.name ?? person.id.slice(0, 6)
    const picture = stream?.isVideoCensored ? undefined : stream?.videoTrack
    this.#attach(
      [stream?.audioTrack, picture].filter(track => track !== undefined),
      own
    )
    this.#name.textContent = `${name}${own ? ' (you)' : ''}${screen ? ' · screen' : ''}`
    const muted = !screen && (!stream?.isAudioEnabled || stream.isAudioCensored)
    this.#mark.textContent = marks(person, stream, muted).join(' · ')
    const { classList } = this.element
    classList.toggle('speaking', stream?.isSpeaking === true)
    classList.toggle('away', person.isAway)
    classList.toggle('screen', screen)
    classList.toggle('mirrored', own && !screen)
    classList.toggle('empty', picture === undefined)
    classList.toggle('waiting', stream?.isVideoEnabled === true && !picture && !stream.isVideoCensored)
    this.#quality.hidden = own || quality < 0
    this.#quality.dataset.quality = String(quality)
    this.#quality.title = `Connection: ${quality} of 5`
    const face = faceOf(person.id, name)
    this.#face.replaceWith(face)
    this.#face = face
  }

  /** How high the picture is shown. Unit: device pixels. */
  get height(): number {
    return Math.round(this.element.clientHeight * devicePixelRatio)
  }

  #attach(tracks: MediaStreamTrack[], own: boolean): void {
    const now = (this.#video.srcObject as MediaStream | null)?.getTracks() ?? []
    this.#video.muted = own
    if (now.length === tracks.length && tracks.every(track => now.includes(track))) return
    this.#video.srcObject = tracks.length > 0 ? new MediaStream(tracks) : null
    void this.#video.play().catch(() => {}) // Sound may have to wait for a click.
  }
}

function marks(person: Participant, stream: Stream | undefined, muted: boolean): string[] {
  return [
    person.isAway ? 'reconnecting' : '',
    muted ? (stream?.isAudioCensored ? 'muted by a moderator' : 'muted') : '',
    stream?.isVideoCensored ? 'hidden by a moderator' : ''
  ].filter(mark => mark !== '')
}
