import type { Participant, State, Stream } from 'socket-signal-room'
import { Area } from './area.ts'
import { byId } from './dom.ts'

/** Faces on one page: what a mesh, and a phone, carry. */
const PAGE = 9

/** Who is shown. `id`: of a screen's stream, or of somebody, who may publish nothing. */
export interface Shown {
  id: string
  person: Participant
  stream: Stream | undefined
  screen: boolean
}

/** Everybody, in pages; what screens are shared stands large beside them. */
export class Grid {
  readonly #onshown: (shown: Shown[]) => void
  readonly #screens: Area<Shown>
  readonly #faces: Area<Shown>
  #page = 0
  #state: State | undefined
  #shown: Shown[] = []
  #quality = new Map<string, number>()

  /** `onshown`: with what is on the page now, when that has changed or is shown at another size. */
  constructor(onshown: (shown: Shown[]) => void) {
    this.#onshown = onshown
    const onresize = () => this.#state && onshown(this.#shown)
    this.#screens = new Area('screens', { free: true, onresize })
    this.#faces = new Area('faces', { onresize })
    byId('page-back').addEventListener('click', () => this.#turn(-1))
    byId('page-on').addEventListener('click', () => this.#turn(1))
  }

  show(state: State): void {
    this.#state = state
    this.#draw()
  }

  rate(quality: Map<string, number>): void {
    this.#quality = quality
    this.#draw()
  }

  /** How high a picture is shown. Unit: device pixels. */
  heightOf(id: string): number {
    return this.#screens.heightOf(id) ?? this.#faces.heightOf(id) ?? 0
  }

  clear(): void {
    this.#state = undefined
    this.#page = 0
    for (const area of [this.#screens, this.#faces]) area.show([], () => {})
  }

  #turn(by: number): void {
    this.#page += by
    this.#draw()
  }

  #draw(): void {
    if (!this.#state) return
    const [screens, faces] = [screensOf(this.#state), facesOf(this.#state)]
    const pages = Math.max(1, Math.ceil(faces.length / PAGE))
    this.#page = Math.max(0, Math.min(this.#page, pages - 1))
    const page = faces.slice(this.#page * PAGE, (this.#page + 1) * PAGE)
    byId('pages').hidden = pages < 2
    byId('page-at').textContent = `${this.#page + 1} of ${pages}`
    byId<HTMLButtonElement>('page-back').disabled = this.#page === 0
    byId<HTMLButtonElement>('page-on').disabled = this.#page === pages - 1
    for (const [area, all] of [
      [this.#screens, screens],
      [this.#faces, page]
    ] as const) {
      area.show(all, (tile, { person, stream, screen }) =>
        tile.show(person, stream, { screen, quality: this.#quality.get(person.id) ?? -1 })
      )
    }
    this.#shown = [...screens, ...page]
    this.#onshown(this.#shown)
  }
}

function screensOf({ participants, streams }: State): Shown[] {
  return Object.values(participants).flatMap(person => {
    const stream = streams[person.streams.screen ?? '']
    return stream?.isVideoEnabled ? [{ id: stream.id, person, stream, screen: true }] : []
  })
}

/** Oneself, then the others as they came; who publishes nothing is shown too. */
function facesOf({ participants, streams }: State): Shown[] {
  return Object.values(participants)
    .sort((a, b) => Number(b.origin === 'local') - Number(a.origin === 'local'))
    .map(person => ({ id: person.id, person, stream: streams[person.streams.self ?? ''], screen: false }))
}
