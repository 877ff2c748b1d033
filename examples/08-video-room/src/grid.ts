import type { Participant, State, Stream } from 'socket-signal-room'
import { byId } from './dom.ts'
import { Tile } from './tile.ts'

/** Pictures on one page: what a mesh, and a phone, carry. */
const PAGE = 9
const GAP = 10
const WIDE = 16 / 9

/** Who is shown. `id`: of the stream, or of somebody who publishes none. */
export interface Shown {
  id: string
  person: Participant
  stream: Stream | undefined
  screen: boolean
}

/** Everybody, as large as fits, in pages. */
export class Grid {
  readonly #element = byId('grid')
  readonly #tiles = new Map<string, Tile>()
  readonly #onshown: (shown: Shown[]) => void
  #page = 0
  #state: State | undefined
  #quality = new Map<string, number>()
  #reserved = new ResizeObserver(() => this.#lay())

  /** `onshown`: with what is on the page now, when that has changed or is shown at another size. */
  constructor(onshown: (shown: Shown[]) => void) {
    this.#onshown = onshown
    this.#reserved.observe(this.#element)
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
    return this.#tiles.get(id)?.height ?? 0
  }

  clear(): void {
    this.#state = undefined
    this.#page = 0
    this.#tiles.clear()
    this.#element.replaceChildren()
  }

  #turn(by: number): void {
    this.#page += by
    this.#draw()
  }

  #draw(): void {
    if (!this.#state) return
    const all = everybody(this.#state)
    const pages = Math.ceil(all.length / PAGE)
    this.#page = Math.max(0, Math.min(this.#page, pages - 1))
    const shown = all.slice(this.#page * PAGE, (this.#page + 1) * PAGE)
    byId('pages').hidden = pages < 2
    byId('page-at').textContent = `${this.#page + 1} of ${pages}`
    byId<HTMLButtonElement>('page-back').disabled = this.#page === 0
    byId<HTMLButtonElement>('page-on').disabled = this.#page === pages - 1
    const ids = new Set(shown.map(({ id }) => id))
    for (const [id, tile] of this.#tiles) {
      if (ids.has(id)) continue
      tile.element.remove()
      this.#tiles.delete(id)
    }
    for (const { id, person, stream, screen } of shown) {
      const tile = this.#tiles.get(id) ?? new Tile()
      this.#tiles.set(id, tile)
      tile.show(person, stream, { screen, quality: this.#quality.get(person.id) ?? -1 })
    }
    const order = shown.map(({ id }) => (this.#tiles.get(id) as Tile).element)
    // Moving a video that plays would stop it.
    if (order.some((element, at) => this.#element.children[at] !== element)) this.#element.append(...order)
    this.#lay()
    this.#onshown(shown)
  }

  /** The number of columns at which tiles are largest: wide ones, but held upright there is height to spare. */
  #lay(): void {
    const count = this.#element.childElementCount
    const { clientWidth: width, clientHeight: height } = this.#element
    if (count === 0 || width === 0) return
    let best = { columns: 1, wide: 0, high: 0 }
    for (let columns = 1; columns <= count; columns++) {
      const rows = Math.ceil(count / columns)
      const across = (width - GAP * (columns - 1)) / columns
      const down = (height - GAP * (rows - 1)) / rows
      const wide = Math.floor(Math.min(across, down * WIDE))
      const high = Math.floor(width < height ? Math.min(down, wide) : wide / WIDE)
      if (wide * high > best.wide * best.high) best = { columns, wide, high }
    }
    const used = best.columns * (best.wide + GAP) - GAP
    const { style } = this.#element
    style.setProperty('--tile', `${best.wide}px`)
    style.setProperty('--ratio', `${best.wide} / ${best.high}`)
    // So that no more fit beside each other than were meant; what is left over stands in the middle.
    style.paddingInline = `${Math.max(0, Math.floor((width - used) / 2) - 1)}px`
  }
}

/** Screens first, then oneself, then the others as they came; who publishes nothing is shown too. */
function everybody({ participants, streams }: State): Shown[] {
  const people = Object.values(participants)
  const screens = people.flatMap(person => {
    const stream = streams[person.streams.screen ?? '']
    return stream?.isVideoEnabled ? [{ id: stream.id, person, stream, screen: true }] : []
  })
  const faces = people
    .sort((a, b) => Number(b.origin === 'local') - Number(a.origin === 'local'))
    .map(person => ({ id: person.id, person, stream: streams[person.streams.self ?? ''], screen: false }))
  return [...screens, ...faces]
}
