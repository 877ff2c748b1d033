import { type Peer, SignalError, toKey } from 'socket-signal'
import { fromKey } from 'socket-signal/wire'
import { MAX, MS } from './bounds.ts'
import type { Channel } from './channel.ts'
import { type Host, isOver } from './host.ts'
import type { Plea } from './mesh-host.ts'
import { Neighbour } from './neighbour.ts'
import { decodeWord, type Word } from './wire.ts'

export interface NeighboursHost extends Host {
  /** Whether the server is asked to tell of single ones: where it does not tell of all in the topic. */
  readonly follows: boolean
  /** A broadcast, or a signal to be carried; what it throws, the neighbour is to blame for. */
  onword(neighbour: Neighbour, word: Word): unknown
  /** It broke the rules. */
  onblame(neighbour: Neighbour, error: unknown): void
}

/** Connections that are open: which topics each is of, and whether somebody is still there. */
export class Neighbours {
  readonly #host: NeighboursHost
  readonly #all = new Map<string, Neighbour>()
  /** What was said above what one may say. */
  #unheard = 0

  constructor(host: NeighboursHost) {
    this.#host = host
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

  sharing(topic: string): Neighbour[] {
    return this.all.filter(({ shared }) => shared.has(topic))
  }

  /** One has opened. */
  open(peer: Peer, channel: Channel): void {
    const { company, emit, maxUnread } = this.#host
    const neighbour = new Neighbour(peer, channel, company.clock)
    const topic = toKey(peer.topic)
    const before = this.#all.get(neighbour.key)
    if (before) {
      // Both dialed, in two topics: both sides keep the same one. Else the older one is stale: its other end has started anew.
      const both = toKey(before.peer.topic) !== topic && neighbour.since - before.since < MS.proven
      if (both && toKey(before.peer.sessionId) < toKey(peer.sessionId)) return peer.destroy()
      this.#end(before)
      before.peer.destroy()
    }
    this.#all.set(neighbour.key, neighbour)
    neighbour.limitUnread(maxUnread)
    this.#share(neighbour, topic)
    emit('connection', neighbour.connection)
    this.#tell(neighbour, topic)
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
    const { asked, key } = neighbour
    const failed = () => {
      asked.delete(topic)
      this.#host.mesh(topic)?.failed(key, 'failed')
    }
    this.#hush(neighbour, topic)
    if (!neighbour.say({ kind: 'add', topic, needy })) return failed()
    asked.set(topic, this.#host.company.clock.setTimeout(failed, MS.coming))
  }

  /** A topic is shared no longer; a connection that shares no other one ends. */
  part(neighbour: Neighbour, topic: string, { tell }: { tell: boolean }): void {
    const { key, peer, shared } = neighbour
    if (shared.size === 1) {
      this.#end(neighbour)
      return peer.destroy()
    }
    shared.delete(topic)
    this.#host.mesh(topic)?.unlinked(key)
    this.#follow(neighbour, topic, false)
    if (tell) neighbour.say({ kind: 'drop', topic })
    this.#host.emit('topics', neighbour.info)
  }

  /** Time passes: each hears how this peer stands, and who is silent is asked for a sign of life. */
  beat(): void {
    const now = this.#host.company.clock.now()
    for (const neighbour of this.all) {
      if (now - neighbour.heardAt > MS.silence) this.doubt(neighbour.key)
      for (const topic of neighbour.shared.keys()) this.#tell(neighbour, topic)
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
    for (const neighbour of this.all)
      for (const topic of neighbour.shared.keys())
        if (!neighbour.watched.has(topic)) this.#follow(neighbour, topic, true)
  }

  /** Takes what came over the reserved channel of a connection. */
  hear(peer: Peer, bytes: Uint8Array): void {
    const neighbour = this.#all.get(toKey(peer.id))
    // Of a connection that is not open yet, or was replaced.
    if (neighbour?.peer !== peer) return
    if (!neighbour.maySay()) return void this.#unheard++
    neighbour.heardAt = this.#host.company.clock.now()
    try {
      if (bytes.length > MAX.message) throw new SignalError('BAD_FRAME', 'too large')
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
        return mesh(word.topic)?.heard(neighbour.key, word, !client.connected)
      }
      case 'add':
        return this.#onAdd(neighbour, word.topic, word.needy)
      case 'drop':
        return this.#onDrop(neighbour, word.topic)
      default:
        return this.#host.onword(neighbour, word)
    }
  }

  /** It says yes, or asks: then it must be in the topic, as for an offer. */
  #onAdd(neighbour: Neighbour, topic: string, needy: boolean): void {
    const { key, shared } = neighbour
    const mesh = this.#host.mesh(topic)
    if (shared.has(topic)) return
    if (mesh?.isDialing(key)) this.#agree(neighbour, topic)
    else if (!mesh || !neighbour.mayShare()) neighbour.say({ kind: 'drop', topic })
    else void this.#isIn(neighbour, topic).then(is => this.#decide(neighbour, topic, is && { needy }))
  }

  #decide(neighbour: Neighbour, topic: string, plea: Plea | false): void {
    const { client, mesh } = this.#host
    const { key, peer, shared, watched } = neighbour
    if (this.#all.get(key) === neighbour && !shared.has(topic)) {
      const lets = plea && mesh(topic)?.admit(key, plea)
      neighbour.say(lets ? { kind: 'add', topic, needy: false } : { kind: 'drop', topic })
      if (lets) this.#agree(neighbour, topic)
    }
    if (!watched.has(topic) && !isOver(client)) client.unwatch(fromKey(topic), peer.id).catch(() => {})
  }

  #agree(neighbour: Neighbour, topic: string): void {
    this.#share(neighbour, topic)
    this.#tell(neighbour, topic)
    this.#host.emit('topics', neighbour.info)
  }

  /** Whether it is in a topic: the server knows; while there is none, who was named there may be. */
  async #isIn({ key, peer }: Neighbour, topic: string): Promise<boolean> {
    const { client, mesh } = this.#host
    if (!client.connected) return mesh(topic)?.knows(key) === true
    return client.watch(fromKey(topic), peer.id).catch(() => false)
  }

  #onDrop(neighbour: Neighbour, topic: string): void {
    this.#hush(neighbour, topic)
    if (neighbour.shared.has(topic)) this.part(neighbour, topic, { tell: false })
    else this.#host.mesh(topic)?.failed(neighbour.key, 'crowded')
  }

  #share(neighbour: Neighbour, topic: string): void {
    this.#hush(neighbour, topic)
    neighbour.shared.set(topic, fromKey(topic))
    this.#host.mesh(topic)?.linked(neighbour.key)
    this.#follow(neighbour, topic, true)
  }

  /** Its word is not waited for any more. */
  #hush(neighbour: Neighbour, topic: string): void {
    this.#host.company.clock.clearTimeout(neighbour.asked.get(topic))
    neighbour.asked.delete(topic)
  }

  /** A connection is over, in all of its topics. */
  #end(neighbour: Neighbour): void {
    const { company, mesh, emit } = this.#host
    const { key, asked, channel, info, probe, shared, heardAt } = neighbour
    const silent = company.clock.now() - heardAt > MS.silence
    if (this.#all.get(key) === neighbour) this.#all.delete(key)
    for (const timer of [probe, ...asked.values()]) company.clock.clearTimeout(timer)
    channel.end()
    for (const topic of asked.keys()) mesh(topic)?.failed(key, 'failed')
    for (const topic of shared.keys()) {
      mesh(topic)?.unlinked(key, silent)
      this.#follow(neighbour, topic, false)
    }
    emit('disconnection', info)
  }

  /** Where the topic is not watched, its single peers are: the server knows first when one is gone. */
  #follow({ peer, watched }: Neighbour, topic: string, on: boolean): void {
    const { client, follows } = this.#host
    if (!follows || isOver(client)) return
    if (!on) {
      if (watched.delete(topic)) client.unwatch(fromKey(topic), peer.id).catch(() => {})
      return
    }
    watched.add(topic)
    client.watch(fromKey(topic), peer.id).catch(() => void watched.delete(topic))
  }

  /** It hears of those alone to whom signals can be brought. */
  #tell(neighbour: Neighbour, topic: string): void {
    const told = this.#host.mesh(topic)?.tell()
    if (!told) return
    const near = told.near.filter(key => this.#host.carry && this.#all.get(key)?.carries)
    neighbour.say({ kind: 'beat', topic, ...told, near })
  }
}
