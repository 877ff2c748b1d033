import { Book, type Failure } from './book.ts'
import { MAX, MS } from './bounds.ts'
import { Comers } from './comers.ts'
import { Component, type Root } from './component.ts'
import type { Beat, MeshHost, MeshOptions, Plea } from './mesh-host.ts'
import { Sampler } from './sampler.ts'
import { type LinkView, type Moves, movesOf, type Topology } from './topology.ts'
import { Turns } from './turns.ts'

interface Link extends LinkView {
  since: number
  degree: number
  near: ReadonlySet<string>
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
  readonly #comers: Comers
  /** Where the server does not tell of everybody. */
  readonly #sampler: Sampler | undefined
  readonly #isBanned: (id: string) => boolean
  readonly #random = () => this.#host.random()
  readonly #turns: Turns
  #closed = false

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
    this.#comers = new Comers(host.clock)
    this.#turns = new Turns(host.clock, () => this.#turn())
    if (topology.everybody) return
    this.#sampler = new Sampler({
      clock: host.clock,
      random: this.#random,
      sample: () => host.sample(),
      ask: id => host.ask(id, this.root),
      isFree: id => this.#isFree(id)
    })
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
    if (this.#dialing.size > 0 || this.#turns.due) return false
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
    this.#sampler?.named(id)
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

  /** Whether somebody was named, by the server or by neighbours. */
  knows(id: string): boolean {
    return this.#book.has(id) || this.via(id).length > 0
  }

  /** Neighbours that say that they are connected with somebody. */
  via(id: string): string[] {
    return [...this.#links].filter(([, { near }]) => near.has(id)).map(([neighbour]) => neighbour)
  }

  /** Whether somebody who dials may come in. Who may is expected for a while. */
  admit(id: string, { needy = false, bridge = false }: Plea = {}): boolean {
    if (this.#closed) return false
    if (this.#links.has(id) || this.#dialing.has(id)) return true
    const comer = { id, needy: needy || bridge }
    const { hangUp } = this.#ask([], comer)
    const places = this.#links.size + this.#comers.size - hangUp.filter(gone => this.#links.has(gone)).length
    if (hangUp.includes(id) || (places >= this.#maxPeers && !this.#comers.has(id))) return false
    this.#comers.add(id, comer.needy)
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
    this.#sampler?.hurry()
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

  /** Looks at it all anew, soon. */
  wake(): void {
    this.#turns.wake()
  }

  close(): void {
    this.#closed = true
    this.#sampler?.close()
    this.#turns.close()
  }

  #turn(): void {
    this.#comers.expire()
    const busy = this.#dialing.size >= this.#parallel
    const { dial, hangUp } = this.#ask(busy ? [] : this.#ready())
    for (const id of [...hangUp, ...this.#excess]) this.#part(id)
    for (const id of this.#affordable(dial)) {
      this.#dialing.add(id)
      this.#host.dial(id, { needy: this.needy })
    }
    if (this.needy && this.#dialing.size === 0) this.#sampler?.sample()
    this.#turns.at(this.#next)
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
    const { self } = this.#host
    const links = this.#views.bind(this, comer)
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
    return movesOf(this.#topology, view, error => this.#host.onerror(error))
  }

  #views(comer?: { id: string; needy: boolean }): LinkView[] {
    const views: LinkView[] = [...this.#links.values()]
    const unknown = { degree: 0, near: NOBODY }
    for (const each of this.#comers.all)
      if (each.id !== comer?.id && !this.#links.has(each.id)) views.push({ ...unknown, ...each })
    if (comer) views.push({ ...unknown, ...comer, comer: true })
    return views
  }

  /** When there is something to do again, as far as is known. */
  get #next(): number {
    // Where all dials are under way, the end of one is the next time.
    const mayDial = this.needy && this.#dialing.size < this.#parallel
    const maySample = this.#sampler && this.needy && this.#dialing.size === 0
    return Math.min(
      mayDial ? this.#book.next(id => this.#isFree(id)) : Number.POSITIVE_INFINITY,
      maySample ? this.#sampler.next : Number.POSITIVE_INFINITY,
      this.#comers.next
    )
  }
}
