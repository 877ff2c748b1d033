import type { Stream } from 'socket-signal-room'

/** How pictures stand below the root element. */
export interface Layout {
  /** As many as make the grid about square. */
  columns: number
  /** Ids of streams, in the order of their pictures. */
  streams: readonly string[]
}

interface Tile {
  box: HTMLElement
  media: HTMLVideoElement
  caption: HTMLElement
}

/** Puts a `video` for each stream below an element, in a grid of its own, and takes it away again; leaves all else there alone. */
export class Tiles {
  readonly #grid: HTMLElement
  readonly #tiles = new Map<string, Tile>()
  readonly #onlayout: (layout: Layout) => void

  constructor(root: HTMLElement, onlayout: (layout: Layout) => void) {
    this.#onlayout = onlayout
    this.#grid = root.ownerDocument.createElement('div')
    this.#grid.setAttribute('part', 'grid')
    Object.assign(this.#grid.style, {
      display: 'grid',
      gridAutoRows: 'minmax(0, 1fr)',
      gap: 'var(--signal-gap, 8px)',
      width: '100%',
      height: '100%'
    })
    root.append(this.#grid)
  }

  /** Shows these streams and no others, each with what its participant is called. */
  show(streams: readonly { stream: Stream; name: string }[]): void {
    const before = [...this.#tiles.keys()].join()
    const wanted = new Set(streams.map(({ stream }) => stream.id))
    for (const id of [...this.#tiles.keys()]) if (!wanted.has(id)) this.#remove(id)
    for (const { stream, name } of streams)
      this.#update(this.#tiles.get(stream.id) ?? this.#add(stream), stream, name)
    const ids = [...this.#tiles.keys()]
    if (ids.join() === before) return
    const columns = Math.max(Math.ceil(Math.sqrt(ids.length)), 1)
    this.#grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`
    this.#onlayout({ columns, streams: ids })
  }

  /** Takes everything away. */
  end(): void {
    for (const id of [...this.#tiles.keys()]) this.#remove(id)
    this.#grid.remove()
  }

  #add({ id, origin }: Stream): Tile {
    const document = this.#grid.ownerDocument
    const box = document.createElement('figure')
    box.setAttribute('part', `tile ${origin}`)
    Object.assign(box.style, { margin: '0', position: 'relative', minHeight: '0' })
    const media = document.createElement('video')
    media.setAttribute('part', 'video')
    Object.assign(media, { autoplay: true, playsInline: true, muted: origin === 'local' })
    Object.assign(media.style, { width: '100%', height: '100%', objectFit: 'cover' })
    const caption = document.createElement('figcaption')
    caption.setAttribute('part', 'name')
    box.append(media, caption)
    this.#grid.append(box)
    const tile = { box, media, caption }
    this.#tiles.set(id, tile)
    return tile
  }

  #update({ box, media, caption }: Tile, { audioTrack, videoTrack, isSpeaking }: Stream, name: string): void {
    const tracks = [audioTrack, videoTrack].filter(track => track !== undefined)
    const shown = media.srcObject instanceof MediaStream ? media.srcObject.getTracks() : []
    // A new stream begins anew: only when something has changed.
    if (tracks.length !== shown.length || !tracks.every(track => shown.includes(track))) {
      media.srcObject = tracks.length > 0 ? new MediaStream(tracks) : null
      if (tracks.length > 0) media.play().catch(() => {}) // Where the page has not been touched yet it waits.
    }
    if (caption.textContent !== name) caption.textContent = name
    media.setAttribute('aria-label', name)
    box.toggleAttribute('data-speaking', isSpeaking)
  }

  #remove(id: string): void {
    const tile = this.#tiles.get(id)
    this.#tiles.delete(id)
    if (tile) tile.media.srcObject = null
    tile?.box.remove()
  }
}
