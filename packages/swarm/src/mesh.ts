import type { Clock } from 'socket-signal'
import { Book, type Failure } from './book.ts'
import { MAX, MS } from './bounds.ts'
import { Component, type Root } from './component.ts'
import type { LinkView, Moves, Topology } from './topology.ts'

/** What somebody who dials says of itself. */
export interface Plea {
  /** It has fewer links than it wants. */
  needy?: boolean
  /** It is of another part of a mesh that has split. */
  bridge?: boolean
}

/** What neighbours tell each other. */
export interface Beat {
  degree: number
  root: Root
  near: readonly string[]
}

/** How a mesh acts on the world. Each dial ends with `linked` or `failed`, each link with `unlinked`. */
export interface MeshHost {
  readonly self: string
  readonly clock: Clock
  random(): number
  dial(id: string, plea: Plea): void
  /** Ends a link, or gives up a dial. */
  hangUp(id: string): void
  /** Whether a dial has any way to go: not while the server is down and no neighbour names somebody. */
  reaches(id: string): boolean
  /** Asks somebody whether it is of the same mesh; if it is not, it dials. */
  ask(id: string, root: Root): void
  /** Asks the server for others. */
  sample(): void
  /** It was looked at anew. */
  onturn?(): void
  /** A policy threw, or gave what is none of its. */
  onerror(error: unknown): void
}

export interface MeshOptions {
  topology: Topology
  /** Links at most. */
  maxPeers: number
  /** Dials at once. Default: 8. */
  parallel?: number
}

interface Link extends LinkView {
  since: number
  degree: number
  near: ReadonlySet<string>
}

interface Comer {
  until: number
  needy: boolean
}

const NOBODY: ReadonlySet<string> = new Set()

/** One topic: who is known and connected there, and by its policy whom to dial and to part from. */
export class Mesh {
  readonly #host: MeshHost
  readonly #topology: Topology
  readonly #maxPeers: number
  readonly #parallel: number
  readonly #book: Book
  readonly #component: Component
  readonly #links = new Map<string, Link>()
  readonly #dialing = new Set<string>()
  readonly #comers = new Map<string, Comer>()
  readonly #isBanned: (id: string) => boolean
  readonly #random = () => this.#host.random()
  #timer: unknown
  #check: unknown
  #due = false
  #soon: unknown
  #turnedAt = Number.NEGATIVE_INFINITY
  #closed = false
  /** Whom the server has named since the last check. */
  readonly #fresh: string[] = []
  #sampledAt = Number.NEGATIVE_INFINITY
  #pause: number = MS.sample

  constructor(
    host: MeshHost,
    { topology, maxPeers, parallel = MAX.dials }: MeshOptions,
    isBanned: (id: string) => boolean = () => false
  ) {
    const now = () => host.clock.now()
    this.#host = host
    this.#topology = topology
    this.#maxPeers = maxPeers
    this.#parallel = parallel
    this.#isBanned = isBanned
    this.#book = new Book({ now, random: () => host.random() })
    this.#component = new Component(host.self, now)
    if (!topology.everybody) this.#checkLater()
  }

  get links(): string[] {
    return [...this.#links.keys()]
  }

  get dialing(): string[] {
    return [...this.#dialing]
  }

  isDialing(id: string): boolean {
    return this.#dialing.has(id)
  }

  get root(): Root {
    return this.#component.root
  }

  get needy(): boolean {
    return this.#links.size < Math.min(this.#topology.enough, this.#maxPeers)
  }

  /** Whether everybody who is known was tried, as far as more are wanted. */
  get settled(): boolean {
    if (this.#dialing.size > 0 || this.#due) return false
    return !this.needy || !this.#book.hasUntried(id => this.#isFree(id))
  }

  /** What this peer tells its neighbours. */
  beat(): Beat {
    this.#component.beat()
    this.wake() // A ban may be over.
    return this.tell()
  }

  tell(): Beat {
    const near = [...this.#links.keys()]
    while (near.length > MAX.near) near.splice(Math.floor(this.#host.random() * near.length), 1)
    return { degree: this.#links.size, root: this.root, near }
  }

  /**
   * The server says that somebody has come, or is still there when it is back. `news`: both hear so, and lest they dial
   * each other the smaller id does.
   */
  found(id: string, news = false): void {
    const wait = news && this.#host.self > id ? MS.courtesy : 0
    if (this.#book.has(id)) this.#book.refresh(id)
    this.sampled(id, wait)
  }

  /** The server names somebody out of many, as it does again and again. */
  sampled(id: string, wait = 0): void {
    if (id === this.#host.self) return
    if (this.#fresh.length < MAX.near) this.#fresh.push(id)
    this.#book.add(id, { wait })
    this.wake()
  }

  /** The server says that somebody is not there any more. */
  lost(id: string): void {
    if (!this.#links.has(id)) this.#book.delete(id)
  }

  /** A neighbour tells how it stands. What it says of others is used where there is no better word. */
  heard(id: string, { degree, root, near }: Beat, believe: boolean): void {
    const link = this.#links.get(id)
    if (!link) return
    link.degree = degree
    link.near = new Set(near.slice(0, MAX.near))
    this.#component.hear(root)
    if (believe)
      for (const other of link.near) if (other !== this.#host.self) this.#book.add(other, { source: id })
    this.wake()
  }

  /** Neighbours that say that they are connected with somebody. */
  via(id: string): string[] {
    return [...this.#links].filter(([, { near }]) => near.has(id)).map(([neighbour]) => neighbour)
  }

  /** Whether somebody who dials may come in. Who may is expected for a while. */
  admit(id: string, { needy = false, bridge = false }: Plea = {}): boolean {
    if (this.#closed || this.#isBanned(id)) return false
    if (this.#links.has(id) || this.#dialing.has(id)) return true
    const comer = { until: this.#host.clock.now() + MS.coming, needy: needy || bridge }
    const { hangUp } = this.#ask([], { id, ...comer })
    const places = this.#links.size + this.#comers.size - hangUp.filter(gone => this.#links.has(gone)).length
    if (hangUp.includes(id) || (places >= this.#maxPeers && !this.#comers.has(id))) return false
    this.#comers.set(id, comer)
    for (const gone of hangUp) this.#part(gone)
    return true
  }

  /** Who was let in does not come. */
  missed(id: string): void {
    if (this.#comers.delete(id)) this.wake()
  }

  linked(id: string): void {
    this.#dialing.delete(id)
    this.#comers.delete(id)
    if (!this.#links.has(id))
      this.#links.set(id, { id, since: this.#host.clock.now(), degree: 1, near: NOBODY })
    this.#book.linked(id)
    this.#pause = MS.sample
    this.wake()
  }

  failed(id: string, how: Failure): void {
    if (!this.#dialing.delete(id)) return
    this.#book.failed(id, how)
    this.wake()
  }

  /** A link ended. `silent`: nobody answered there any more. */
  unlinked(id: string, silent = false): void {
    const link = this.#links.get(id)
    if (!link) return
    this.#links.delete(id)
    this.#book.ended(id, this.#host.clock.now() - link.since, silent)
    this.wake()
  }

  /** Looks at it all anew: soon, or where it has just done so when some time is over. */
  wake(): void {
    if (this.#due || this.#closed) return
    this.#due = true
    const { clock } = this.#host
    const pause = this.#turnedAt + MS.turn - clock.now()
    if (pause > 0) this.#soon = clock.setTimeout(() => this.#turn(), pause)
    else queueMicrotask(() => this.#turn())
  }

  close(): void {
    this.#closed = true
    for (const timer of [this.#timer, this.#check, this.#soon]) this.#host.clock.clearTimeout(timer)
  }

  #turn(): void {
    const now = this.#host.clock.now()
    this.#due = false
    this.#turnedAt = now
    if (this.#closed) return
    for (const [id, { until }] of this.#comers) if (until <= now) this.#comers.delete(id)
    const busy = this.#dialing.size >= this.#parallel
    const { dial, hangUp } = this.#ask(busy ? [] : this.#ready())
    for (const id of [...hangUp, ...this.#excess]) this.#part(id)
    for (const id of this.#affordable(dial)) {
      this.#dialing.add(id)
      this.#host.dial(id, { needy: this.needy })
    }
    if (this.needy && this.#dialing.size === 0) this.#sample(now)
    this.#later(now)
    this.#host.onturn?.()
  }

  /** Dials and comers are more than there are places, since most come to nothing. */
  get #excess(): string[] {
    const { size } = this.#links
    if (size < this.#maxPeers) return []
    return [...this.#dialing, ...[...this.#links.keys()].slice(this.#maxPeers)]
  }

  #part(id: string): void {
    if (this.#links.has(id)) this.#host.hangUp(id)
    else if (this.#dialing.delete(id)) this.#host.hangUp(id)
  }

  #ready(): string[] {
    return this.#book.ready(id => this.#isFree(id))
  }

  #isFree(id: string): boolean {
    const busy = this.#links.has(id) || this.#dialing.has(id) || this.#comers.has(id)
    return !busy && !this.#isBanned(id) && this.#host.reaches(id)
  }

  #affordable(dial: readonly string[]): Set<string> {
    const places = this.#maxPeers - this.#links.size - this.#comers.size - this.#dialing.size
    const turns = Math.min(places, this.#parallel - this.#dialing.size)
    const chosen = new Set<string>()
    for (const id of dial) {
      if (chosen.size >= turns) break
      if (!this.#book.has(id)) this.#host.onerror(new TypeError('a policy dials whom nobody has named'))
      else if (this.#isFree(id)) chosen.add(id)
    }
    return chosen
  }

  #ask(known: string[], comer?: { id: string; needy: boolean }): Moves {
    const { self, onerror } = this.#host
    const links = this.#views.bind(this, comer)
    try {
      const view = {
        self,
        known,
        // Not every policy asks.
        get links() {
          return links()
        },
        dialing: [...this.#dialing],
        random: this.#random
      }
      const { dial, hangUp } = this.#topology.policy(view)
      if (Array.isArray(dial) && Array.isArray(hangUp)) return { dial, hangUp }
      throw new TypeError('a policy gives { dial, hangUp }')
    } catch (error) {
      onerror.call(this.#host, error)
      return { dial: [], hangUp: [] }
    }
  }

  #views(comer?: { id: string; needy: boolean }): LinkView[] {
    const views: LinkView[] = [...this.#links.values()]
    for (const [id, { needy }] of this.#comers)
      if (id !== comer?.id && !this.#links.has(id)) views.push({ id, degree: 0, near: NOBODY, needy })
    if (comer) views.push({ id: comer.id, degree: 0, near: NOBODY, comer: true, needy: comer.needy })
    return views
  }

  #sample(now: number): void {
    if (this.#topology.everybody || now < this.#sampledAt + this.#pause) return
    this.#sampledAt = now
    this.#pause = Math.min(this.#pause * 2, MS.longestSample)
    this.#host.sample()
  }

  #later(now: number): void {
    const { clock } = this.#host
    clock.clearTimeout(this.#timer)
    this.#timer = undefined
    // Where all dials are under way, the end of one is the next time.
    const mayDial = this.needy && this.#dialing.size < this.#parallel
    let at = mayDial ? this.#book.next(id => this.#isFree(id)) : Number.POSITIVE_INFINITY
    for (const { until } of this.#comers.values()) at = Math.min(at, until)
    if (this.needy && !this.#topology.everybody && this.#dialing.size === 0)
      at = Math.min(at, this.#sampledAt + this.#pause)
    if (at < Number.POSITIVE_INFINITY)
      this.#timer = clock.setTimeout(() => this.wake(), Math.max(at - now, 1))
  }

  /** A mesh that has split looks whole from inside: only who is outside can tell. */
  #checkLater(): void {
    const { clock, random } = this.#host
    const pause = MS.check * (0.5 + random.call(this.#host))
    this.#check = clock.setTimeout(() => {
      const fresh = this.#fresh.filter(id => this.#isFree(id))
      const other = fresh[Math.floor(this.#host.random() * fresh.length)]
      this.#fresh.length = 0
      if (other) this.#host.ask(other, this.root)
      this.#host.sample() // Whom it gives is for the next time.
      this.#checkLater()
    }, pause)
  }
}
