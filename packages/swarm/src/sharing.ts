import { fromKey } from 'socket-signal/wire'
import { MAX, MS } from './bounds.ts'
import { type Host, isOver } from './host.ts'
import type { Plea } from './mesh-host.ts'
import type { Neighbour } from './neighbour.ts'

export interface SharingHost extends Host {
  /** Whether the server is asked to tell of single ones: where it does not tell of all in the topic. */
  readonly follows: boolean
  /** One that is open. */
  neighbour(key: string): Neighbour | undefined
  /** It shares no topic any more. */
  end(neighbour: Neighbour): void
}

/** Of which topics each connection is: one is added to it by a word, not by a dial. */
export class Sharing {
  readonly #host: SharingHost
  /** Single peers that are watched, in all topics. */
  #watches = 0

  constructor(host: SharingHost) {
    this.#host = host
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
    const { key, shared } = neighbour
    if (shared.size === 1) return this.#host.end(neighbour)
    shared.delete(topic)
    this.#host.mesh(topic)?.unlinked(key)
    this.#follow(neighbour, topic, false)
    if (tell) neighbour.say({ kind: 'drop', topic })
    this.#host.emit('topics', neighbour.info)
  }

  /** It says yes, or asks: then it must be in the topic. */
  onAdd(neighbour: Neighbour, topic: string, needy: boolean): void {
    const { key, shared } = neighbour
    const mesh = this.#host.mesh(topic)
    if (shared.has(topic)) return
    if (mesh?.isDialing(key)) this.#agree(neighbour, topic)
    else if (!mesh || !neighbour.mayShare()) neighbour.say({ kind: 'drop', topic })
    else void this.#isIn(neighbour, topic).then(is => this.#decide(neighbour, topic, is && { needy }))
  }

  onDrop(neighbour: Neighbour, topic: string): void {
    this.#hush(neighbour, topic)
    if (neighbour.shared.has(topic)) this.part(neighbour, topic, { tell: false })
    else this.#host.mesh(topic)?.failed(neighbour.key, 'crowded')
  }

  /** It takes a topic for shared that is not: it has said yes, which was lost, or it has not heard no. */
  onStray(neighbour: Neighbour, topic: string): void {
    if (this.#host.mesh(topic)?.isDialing(neighbour.key)) this.#agree(neighbour, topic)
    else neighbour.say({ kind: 'drop', topic })
  }

  share(neighbour: Neighbour, topic: string): void {
    this.#hush(neighbour, topic)
    neighbour.shared.set(topic, fromKey(topic))
    this.#host.mesh(topic)?.linked(neighbour.key)
    this.#follow(neighbour, topic, true)
  }

  /** It hears how this peer stands in a topic, and of those alone to whom signals can be brought. */
  tell(neighbour: Neighbour, topic: string): void {
    const { carry, mesh } = this.#host
    const told = mesh(topic)?.tell()
    if (!told) return
    const near = told.near.filter(key => carry && this.#host.neighbour(key)?.carries)
    neighbour.say({ kind: 'beat', topic, ...told, near })
  }

  /** The server is there: it is asked to tell of those that came while it was not. */
  follow(neighbour: Neighbour): void {
    for (const topic of neighbour.shared.keys())
      if (!neighbour.watched.has(topic)) this.#follow(neighbour, topic, true)
  }

  /** A connection is over, in all of its topics. `silent`: nobody answered there any more. */
  end(neighbour: Neighbour, silent: boolean): void {
    const { asked, key, shared } = neighbour
    const { company, mesh } = this.#host
    for (const [topic, timer] of asked) {
      company.clock.clearTimeout(timer)
      mesh(topic)?.failed(key, 'failed')
    }
    for (const topic of shared.keys()) {
      mesh(topic)?.unlinked(key, silent)
      this.#follow(neighbour, topic, false)
    }
  }

  #decide(neighbour: Neighbour, topic: string, plea: Plea | false): void {
    const { client, mesh } = this.#host
    const { key, peer, shared } = neighbour
    const now = this.#host.neighbour(key)
    if (now === neighbour && !shared.has(topic)) {
      const lets = plea && mesh(topic)?.admit(key, plea)
      neighbour.say(lets ? { kind: 'add', topic, needy: false } : { kind: 'drop', topic })
      if (lets) this.#agree(neighbour, topic)
    }
    // Another connection of it may have come since.
    if (!now?.watched.has(topic) && !isOver(client)) client.unwatch(fromKey(topic), peer.id).catch(() => {})
  }

  #agree(neighbour: Neighbour, topic: string): void {
    this.share(neighbour, topic)
    this.tell(neighbour, topic)
    this.#host.emit('topics', neighbour.info)
  }

  /** Whether it is in a topic: the server knows; while there is none, who was named there may be. */
  async #isIn({ key, peer }: Neighbour, topic: string): Promise<boolean> {
    const { client, mesh } = this.#host
    if (!client.connected) return mesh(topic)?.knows(key) === true
    return client.watch(fromKey(topic), peer.id).catch(() => false)
  }

  /** Its word is not waited for any more. */
  #hush(neighbour: Neighbour, topic: string): void {
    this.#host.company.clock.clearTimeout(neighbour.asked.get(topic))
    neighbour.asked.delete(topic)
  }

  /** Where the topic is not watched, its single peers are: the server knows first when one is gone. */
  #follow({ peer, watched }: Neighbour, topic: string, on: boolean): void {
    const { client, follows } = this.#host
    const forget = () => watched.delete(topic) && this.#watches--
    if (!follows || isOver(client)) return
    if (!on) {
      if (forget()) client.unwatch(fromKey(topic), peer.id).catch(() => {})
    } else if (this.#watches < MAX.watches) {
      this.#watches++
      watched.add(topic)
      client.watch(fromKey(topic), peer.id).catch(forget)
    }
  }
}
