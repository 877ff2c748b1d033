import { MAX, MS } from './bounds.ts'

export interface BookOptions {
  now(): number
  random(): number
}

/** How a dial ended that came to nothing. `gone`: nobody is there. `crowded`: there is no place now. */
export type Failure = 'failed' | 'crowded' | 'gone'

interface Entry {
  id: string
  /** Tries since the last one that proved itself. */
  tries: number
  /** How often in a row it had no place. */
  crowded: number
  /** When it may be dialed. */
  at: number
  /** Whether it has been left to dial first. */
  polite: boolean
  /** How often it had a link that proved itself. */
  useful: number
  tried: boolean
  /** Among equals, a random order that stays. */
  order: number
  /** Who named it, where that was a neighbour. */
  source: string | undefined
}

interface Liar {
  lies: number
  /** When they were counted. */
  at: number
}

/** How many tries a silence counts as. */
const SILENT = 2

/** Who is known in a topic, whom to dial first, and when again. */
export class Book {
  readonly #options: BookOptions
  readonly #entries = new Map<string, Entry>()
  /** Those that are not connected: in a mesh of many that is complete, nobody. */
  readonly #idle = new Map<string, Entry>()
  /** While connections come about, who was left to dial first may be busy with others: it is left some more. */
  #quietAt = 0
  /** Kept when one goes: who comes back is not believed the more for it. */
  readonly #liars = new Map<string, Liar>()

  constructor(options: BookOptions) {
    this.#options = options
  }

  has(id: string): boolean {
    return this.#entries.has(id)
  }

  /** Somebody is there. `wait`: how long it may dial first. `source`: the neighbour that says so. */
  add(id: string, { wait = 0, source }: { wait?: number; source?: string } = {}): void {
    const known = this.#entries.get(id)
    if (!source && known) known.source = undefined
    if (known) return
    if (source && this.#lies(source) >= MAX.lies) return
    if (this.#entries.size >= MAX.known && !this.#makeRoom(source !== undefined)) return
    const { now, random } = this.#options
    const at = wait && now() + wait
    const entry = {
      id,
      tries: 0,
      crowded: 0,
      at,
      polite: wait > 0,
      useful: 0,
      tried: false,
      order: random(),
      source
    }
    this.#entries.set(id, entry)
    this.#idle.set(id, entry)
  }

  delete(id: string): void {
    this.#entries.delete(id)
    this.#idle.delete(id)
  }

  /** A try came to nothing. */
  failed(id: string, how: Failure): void {
    const entry = this.#entries.get(id)
    if (!entry) return
    const { source } = entry
    entry.tried = true
    if (source && how !== 'crowded') this.#distrust(source)
    if (how === 'gone' && entry.useful === 0) return this.delete(id)
    if (how === 'crowded')
      return this.#wait(entry, Math.min(MS.crowded * 2 ** entry.crowded++, MS.longestCrowded))
    entry.crowded = 0
    this.#wait(entry, MS.tiers[Math.min(entry.tries++, MS.tiers.length - 1)] as number)
    // Who never answered is let go in the end: its place is for others.
    if (entry.tries > MS.tiers.length + 2) this.delete(id)
  }

  /** It is connected: not to be dialed before it has ended. */
  linked(id: string): void {
    this.add(id)
    this.#quietAt = this.#options.now() + MS.courtesy
    const entry = this.#entries.get(id)
    if (!entry) return
    this.#idle.delete(id)
    entry.crowded = 0
    entry.tried = true
  }

  /**
   * A link ended after so long. Unit: ms. `silent`: nobody answers there, so it is not tried again before those who
   * name it have noticed as well.
   */
  ended(id: string, life: number, silent = false): void {
    this.add(id)
    const entry = this.#entries.get(id)
    if (!entry) return
    this.#idle.set(id, entry)
    if (life >= MS.proven) {
      entry.useful++
      entry.tries = 0
    } else entry.tries++
    if (silent) entry.tries = Math.max(entry.tries, SILENT)
    this.#wait(entry, MS.tiers[Math.min(entry.tries, MS.tiers.length - 1)] as number)
  }

  /** Its word counts again from the first try on: the server says that it is there, or is back. */
  refresh(id: string): void {
    const entry = this.#entries.get(id)
    if (!entry) return this.add(id)
    entry.tries = entry.crowded = 0
    entry.at = Math.min(entry.at, this.#options.now() + MS.courtesy)
    entry.source = undefined
  }

  /** Who may be dialed now, those that proved useful first. */
  ready(isFree: (id: string) => boolean): string[] {
    const now = this.#options.now()
    const found: Entry[] = []
    for (const entry of this.#idle.values())
      if (this.#due(entry) <= now && isFree(entry.id)) found.push(entry)
    return found.sort(byUse).map(({ id }) => id)
  }

  /** Whether somebody was never dialed. */
  hasUntried(isFree: (id: string) => boolean): boolean {
    for (const [id, { tried }] of this.#idle) if (!tried && isFree(id)) return true
    return false
  }

  /** When the next one may be dialed, of those that may not yet. */
  next(isFree: (id: string) => boolean): number {
    const now = this.#options.now()
    let next = Number.POSITIVE_INFINITY
    for (const [id, entry] of this.#idle) {
      const at = this.#due(entry)
      if (at > now && at < next && isFree(id)) next = at
    }
    return next
  }

  /** Whom it has named and nobody else knows of is forgotten with its credit. */
  #distrust(source: string): void {
    const lies = this.#lies(source) + 1
    this.#liars.delete(source)
    this.#liars.set(source, { lies, at: this.#options.now() })
    for (const oldest of this.#liars.keys()) if (this.#liars.size > MAX.known) this.#liars.delete(oldest)
    if (lies < MAX.lies) return
    for (const [id, entry] of this.#idle) if (entry.source === source && !entry.tried) this.delete(id)
  }

  /** Who names the dead now and then, as everybody does, is believed again. */
  #lies(source: string): number {
    const { lies, at } = this.#liars.get(source) ?? { lies: 0, at: 0 }
    return Math.max(0, lies - (this.#options.now() - at) / MS.forgotten)
  }

  #due({ at, polite }: Entry): number {
    return polite ? Math.min(Math.max(at, this.#quietAt), at + MS.patience) : at
  }

  #wait(entry: Entry, base: number): void {
    const { now, random } = this.#options
    entry.polite = false
    entry.at = now() + base * (0.5 + random())
  }

  /** What a neighbour says never takes the place of what is known otherwise. */
  #makeRoom(named: boolean): boolean {
    for (const [id, { useful, source }] of this.#idle) {
      if (useful > 0 || (named && !source)) continue
      this.delete(id)
      return true
    }
    return false
  }
}

function byUse(a: Entry, b: Entry): number {
  return a.tries - b.tries || b.useful - a.useful || a.order - b.order
}
