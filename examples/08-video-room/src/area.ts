import { byId } from './dom.ts'
import { fit, usedBy } from './fit.ts'
import { Tile } from './tile.ts'

/** A place on the page for tiles, as large as fits. */
export class Area<Shown extends { id: string }> {
  readonly #element: HTMLElement
  readonly #free: boolean
  readonly #tiles = new Map<string, Tile>()

  /** `free`: see `fit`. `onresize`: its tiles have another size now. */
  constructor(id: string, { free = false, onresize }: { free?: boolean; onresize: () => void }) {
    this.#element = byId(id)
    this.#free = free
    const observer = new ResizeObserver(() => {
      this.#lay()
      onresize()
    })
    observer.observe(this.#element)
  }

  show(all: Shown[], draw: (tile: Tile, shown: Shown) => void): void {
    const ids = new Set(all.map(({ id }) => id))
    for (const [id, tile] of this.#tiles) {
      if (ids.has(id)) continue
      tile.element.remove()
      this.#tiles.delete(id)
    }
    const order = all.map(shown => {
      const tile = this.#tiles.get(shown.id) ?? new Tile()
      this.#tiles.set(shown.id, tile)
      draw(tile, shown)
      return tile.element
    })
    // Moving a video that plays would stop it.
    if (order.some((element, at) => this.#element.children[at] !== element)) this.#element.append(...order)
    this.#lay()
  }

  /** How high a picture is shown. Unit: device pixels. */
  heightOf(id: string): number | undefined {
    return this.#tiles.get(id)?.height
  }

  #lay(): void {
    const { clientWidth: width, clientHeight: height, style } = this.#element
    if (this.#tiles.size === 0 || width === 0) return
    const best = fit(this.#tiles.size, width, height, this.#free)
    style.setProperty('--tile', `${best.wide}px`)
    style.setProperty('--ratio', `${best.wide} / ${best.high}`)
    // So that no more fit beside each other than were meant; what is left over stands in the middle.
    style.paddingInline = `${Math.max(0, Math.floor((width - usedBy(best)) / 2) - 1)}px`
  }
}
