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

/** A picture that is narrower is none. Unit: CSS pixels. */
const NARROW = 200

// Weighs nothing: whatever a page says of these elements holds.
const STYLE = `
:where([data-signal-tiles]) { display: grid; grid-auto-rows: minmax(0, 1fr); gap: var(--signal-gap, 8px); width: 100%; height: 100% }
:where([data-signal-tiles] > figure) { position: relative; margin: 0; min-height: 0; aspect-ratio: 16 / 9; overflow: hidden;
  align-self: stretch; justify-self: stretch; border-radius: var(--signal-radius, 12px);
  background: var(--signal-tile, light-dark(#e4e4e7, #27272a)) }
:where([data-signal-tiles] > [data-speaking]) { outline: 3px solid var(--signal-accent, light-dark(#2563eb, #60a5fa)); outline-offset: -3px }
:where([data-signal-tiles] video) { display: block; width: 100%; height: 100%; object-fit: cover }
:where([data-signal-tiles] figcaption) { position: absolute; inset-inline-start: 8px; bottom: 8px; max-width: calc(100% - 16px); box-sizing: border-box;
  padding: 2px 8px; border-radius: 8px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 14px;
  unicode-bidi: plaintext; color: #fff; background: rgb(0 0 0 / 65%) }
:where([data-signal-tiles] > [data-dark] figcaption) { inset: 0; max-width: none; padding: 8px; border-radius: 0; display: grid; place-items: center;
  font-size: 18px; text-align: center; white-space: normal; overflow-wrap: anywhere; color: inherit; background: none }
`

/** Puts a `video` for each stream below an element, in a grid of its own, and takes it away again; leaves all else there alone. */
export class Tiles {
  readonly #grid: HTMLElement
  readonly #tiles = new Map<string, Tile>()
  readonly #onlayout: (layout: Layout) => void
  readonly #home: DocumentOrShadowRoot
  readonly #sheet: CSSStyleSheet
  readonly #observer: ResizeObserver
  #shown = ''

  constructor(root: HTMLElement, onlayout: (layout: Layout) => void) {
    const { ownerDocument } = root
    this.#onlayout = onlayout
    this.#grid = ownerDocument.createElement('div')
    this.#grid.setAttribute('part', 'grid')
    this.#grid.setAttribute('data-signal-tiles', '')
    // A sheet belongs to a window, and to the shadow root or the document where it is used.
    const { CSSStyleSheet, ResizeObserver } = ownerDocument.defaultView ?? globalThis
    this.#sheet = new CSSStyleSheet()
    this.#sheet.replaceSync(STYLE)
    const home = root.getRootNode()
    this.#home = 'adoptedStyleSheets' in home ? (home as ShadowRoot) : ownerDocument
    this.#home.adoptedStyleSheets = [...this.#home.adoptedStyleSheets, this.#sheet]
    root.append(this.#grid)
    this.#observer = new ResizeObserver(() => this.#arrange())
    this.#observer.observe(this.#grid)
  }

  /** Shows these streams and no others, each with what its participant is called. */
  show(streams: readonly { stream: Stream; name: string }[]): void {
    const wanted = new Set(streams.map(({ stream }) => stream.id))
    for (const id of [...this.#tiles.keys()]) if (!wanted.has(id)) this.#remove(id)
    for (const { stream, name } of streams)
      this.#update(this.#tiles.get(stream.id) ?? this.#add(stream), stream, name)
    this.#arrange()
  }

  /** Takes everything away. */
  end(): void {
    this.#observer.disconnect()
    this.#home.adoptedStyleSheets = this.#home.adoptedStyleSheets.filter(sheet => sheet !== this.#sheet)
    for (const id of [...this.#tiles.keys()]) this.#remove(id)
    this.#grid.remove()
  }

  /** As square as there is room for. Told when something has changed. */
  #arrange(): void {
    const streams = [...this.#tiles.keys()]
    const most = Math.max(Math.floor(this.#grid.clientWidth / NARROW), 1)
    const columns = Math.max(Math.min(Math.ceil(Math.sqrt(streams.length)), most), 1)
    const shown = [columns, ...streams].join()
    if (shown === this.#shown || (!this.#shown && streams.length === 0)) return
    this.#shown = shown
    this.#grid.style.gridTemplateColumns = `repeat(${columns}, minmax(0, 1fr))`
    this.#onlayout({ columns, streams })
  }

  #add({ id, origin }: Stream): Tile {
    const document = this.#grid.ownerDocument
    const box = document.createElement('figure')
    box.setAttribute('part', `tile ${origin}`)
    const media = document.createElement('video')
    media.setAttribute('part', 'video')
    Object.assign(media, { autoplay: true, playsInline: true, muted: origin === 'local' })
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
    box.toggleAttribute('data-dark', !videoTrack)
  }

  #remove(id: string): void {
    const tile = this.#tiles.get(id)
    this.#tiles.delete(id)
    if (tile) tile.media.srcObject = null
    tile?.box.remove()
  }
}
