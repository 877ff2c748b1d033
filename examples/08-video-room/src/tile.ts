import type { Participant, Stream } from 'socket-signal-room'
import { el, faceOf, type Icon, icon } from './dom.ts'

/** One picture with its name. What is heard is `Sound`'s. */
export class Tile {
  readonly element: HTMLElement = el('figure', 'tile')
  readonly #video: HTMLVideoElement = el('video')
  readonly #name: HTMLElement = el('span', 'name')
  readonly #marks: HTMLElement = el('span', 'marks')
  readonly #quality: HTMLElement = el('span', 'quality')
  #face: HTMLElement = el('span', 'face')
  #drawn = ''

  constructor() {
    Object.assign(this.#video, { autoplay: true, playsInline: true, muted: true })
    this.#quality.append(...[1, 2, 3, 4, 5].map(() => el('i')))
    this.#quality.role = 'img'
    this.element.append(this.#face, this.#video, el('figcaption', '', this.#quality, this.#name, this.#marks))
  }

  /** `stream`: absent of who publishes nothing. */
  show(person: Participant, stream: Stream | undefined, { screen = false, quality = -1 } = {}): void {
    const own = person.origin === 'local'
    const picture = stream?.isVideoCensored ? undefined : stream?.videoTrack
    this.#attach(picture)
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
    this.#write(person, marksOf(person, stream, screen), screen)
  }

  /** How high the picture is shown. Unit: device pixels. */
  get height(): number {
    return Math.round(this.element.clientHeight * devicePixelRatio)
  }

  /** Drawn anew only when it says something else. */
  #write(person: Participant, marks: Mark[], screen: boolean): void {
    const name = person.name ?? person.id.slice(0, 6)
    const label = `${name}${person.origin === 'local' ? ' (you)' : ''}${screen ? ' · screen' : ''}`
    const looks = JSON.stringify([label, marks])
    if (looks === this.#drawn) return
    this.#drawn = looks
    this.#name.textContent = label
    this.#marks.replaceChildren(
      ...marks.map(([drawing, words]) => {
        const mark = el('span', 'mark', ...(drawing ? [icon(drawing)] : []), el('span', 'words', words))
        mark.title = words
        return mark
      })
    )
    const face = faceOf(person.id, name)
    this.#face.replaceWith(face)
    this.#face = face
  }

  #attach(picture: MediaStreamTrack | undefined): void {
    const [now] = (this.#video.srcObject as MediaStream | null)?.getTracks() ?? []
    if (now === picture) return
    this.#video.srcObject = picture ? new MediaStream([picture]) : null
    void this.#video.play().catch(() => {}) // Ended by the next one.
  }
}

type Mark = [drawing: Icon | undefined, words: string]

function marksOf(person: Participant, stream: Stream | undefined, screen: boolean): Mark[] {
  const marks: Mark[] = []
  if (person.isAway) marks.push([undefined, 'reconnecting'])
  if (stream?.isAudioCensored) marks.push(['mic', 'muted by a moderator'])
  else if (!screen && !stream?.isAudioEnabled) marks.push(['mic', 'muted'])
  if (stream?.isVideoCensored) marks.push(['cam', 'hidden by a moderator'])
  return marks
}
