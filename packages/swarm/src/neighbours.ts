import { type Peer, toKey } from 'socket-signal'
import { MS } from './bounds.ts'
import type { Channel } from './channel.ts'
import type { Host } from './host.ts'
import { Neighbour } from './neighbour.ts'
import { Sharing } from './sharing.ts'
import { decodeWord, type Word } from './wire.ts'

export interface NeighboursHost extends Host {
  /** Whether the server is asked to tell of single ones: where it does not tell of all in the topic. */
  readonly follows: boolean
  /** A broadcast, or a signal to be carried; what it throws, the neighbour is to blame for. */
  onword(neighbour: Neighbour, word: Word): unknown
  /** It broke the rules. */
  onblame(neighbour: Neighbour, error: unknown): void
}

/** Connections that are open: what is said over them, and whether somebody is still there. */
export class Neighbours {
  readonly #host: NeighboursHost
  readonly #all = new Map<string, Neighbour>()
  readonly #sharing: Sharing
  /** What was said above what one may say. */
  #unheard = 0

  constructor(host: NeighboursHost) {
    this.#host = host
    this.#sharing = new Sharing({
      ...host,
      neighbour: key => this.get(key),
      end: neighbour => {
        this.#end(neighbour)
        neighbour.peer.destroy()
      }
    })
  }

  get all(): Neighbour[] {
    return [...this.#all.values()]
  }

  get size(): number {
    return this.#all.size
  }

  get unheard(): number {
    return this.#unheard
  }

  get(id: string): Neighbour | undefined {
    return this.#all.get(id)
  }

  of(topic: string): Neighbour[] {
    return this.all.filter(({ shared }) => shared.has(topic))
  }

  /** One has opened. */
  open(peer: Peer, channel: Channel): void {
    const { company, emit, maxUnread, mesh } = this.#host
    const neighbour = new Neighbour(peer, channel, company.clock)
    const topic = toKey(peer.topic)
    const before = this.#all.get(neighbour.key)
    if (before) {
      // Both dialed, in two topics: both sides keep the same one. Else the older one is stale: its other end has started anew.
      const both = toKey(before.peer.topic) !== topic && neighbour.since - before.since < MS.proven
      if (both && toKey(before.peer.sessionId) < toKey(peer.sessionId)) return peer.destroy()
      this.#end(before)
      before.peer.destroy()
      // Who heard of that may have left the topic, or banned it.
      if (!mesh(topic) || peer.destroyed) return peer.destroy()
    }
    this.#all.set(neighbour.key, neighbour)
    neighbour.limitUnread(maxUnread)
    this.#sharing.share(neighbour, topic)
    emit('connection', neighbour.connection)
    this.#sharing.tell(neighbour, topic)
    channel.listen(bytes => this.#hear(neighbour, bytes))
  }

  /** Gives whether it was one of these. */
  closed(peer: Peer): boolean {
    const neighbour = this.#all.get(toKey(peer.id))
    if (neighbour?.peer !== peer) return false
    this.#end(neighbour)
    return true
  }

  /** Asks one to share a topic as well. */
  ask(neighbour: Neighbour, topic: string, needy: boolean): void {
    this.#sharing.ask(neighbour, topic, needy)
  }

  /** A topic is shared no longer; a connection that shares no other one ends. */
  part(neighbour: Neighbour, topic: string): void {
    this.#sharing.part(neighbour, topic, { tell: true })
  }

  /** Time passes: each hears how this peer stands, and who is silent is asked for a sign of life. */
  beat(): void {
    const now = this.#host.company.clock.now()
    for (const neighbour of this.all) {
      if (now - neighbour.heardAt > MS.silence) this.doubt(neighbour.key)
      for (const topic of neighbour.shared.keys()) this.#sharing.tell(neighbour, topic)
    }
  }

  /** The server says that somebody is gone, which may be the server's own trouble: one sign of life and it stays. */
  doubt(id: string): void {
    const neighbour = this.#all.get(id)
    if (!neighbour || neighbour.probe !== undefined) return
    const { clock } = this.#host.company
    const asked = clock.now()
    neighbour.say({ kind: 'ping' })
    neighbour.probe = clock.setTimeout(() => {
      neighbour.probe = undefined
      if (neighbour.heardAt < asked) neighbour.peer.destroy()
    }, MS.probe)
  }

  /** The server is there: it is asked to tell of those that came while it was not. */
  followAll(): void {
    for (const neighbour of this.all) this.#sharing.follow(neighbour)
  }

  /** Takes what came over the reserved channel of a connection. */
  #hear(neighbour: Neighbour, bytes: Uint8Array): void {
    // Of a connection that was replaced, or has ended.
    if (this.#all.get(neighbour.key) !== neighbour) return
    if (!neighbour.maySay()) return void this.#unheard++
    neighbour.heardAt = this.#host.company.clock.now()
    try {
      this.#take(neighbour, decodeWord(bytes))
    } catch (error) {
      this.#host.onblame(neighbour, error)
    }
  }

  #take(neighbour: Neighbour, word: Word): unknown {
    switch (word.kind) {
      case 'ping':
        return neighbour.say({ kind: 'pong' })
      case 'beat': {
        const { client, mesh } = this.#host
        if (!neighbour.shared.has(word.topic)) this.#sharing.onStray(neighbour, word.topic)
        return mesh(word.topic)?.heard(neighbour.key, word, !client.connected)
      }
      case 'add':
        return this.#sharing.onAdd(neighbour, word.topic, word.needy)
      case 'drop':
        return this.#sharing.onDrop(neighbour, word.topic)
      default:
        return this.#host.onword(neighbour, word)
    }
  }

  /** A connection is over. */
  #end(neighbour: Neighbour): void {
    const { company, emit } = this.#host
    const { key, channel, info, probe, heardAt } = neighbour
    if (this.#all.get(key) === neighbour) this.#all.delete(key)
    company.clock.clearTimeout(probe)
    channel.end()
    this.#sharing.end(neighbour, company.clock.now() - heardAt > MS.silence)
    emit('disconnection', info)
  }
}
