import type {
  Attachment,
  AttachOptions,
  Backplane,
  LookupOptions,
  Mailbox,
  Member,
  PresenceChange,
  ReplyTo
} from './backplane.ts'
import { copy, toKey } from './bytes.ts'
import { SignalError } from './errors.ts'
import { settleConflict } from './identity.ts'
import { Topics } from './topics.ts'

type Listener = (change: PresenceChange) => void

interface Place {
  id: Uint8Array
  proven: boolean
  mailbox: Mailbox
}

/** What several nodes in one process share. Give the same one to each of their backplanes. */
export class MemoryCluster {
  readonly places = new Map<string, Place>()
  readonly topics = new Topics<Member>()
  readonly watches = new Map<string, Set<Listener>>()

  tell(topic: string, change: PresenceChange): void {
    for (const listener of [...(this.watches.get(topic) ?? [])]) listener(change)
  }
}

export interface MemoryBackplaneOptions {
  cluster?: MemoryCluster
  /** Numbers from 0 to below 1, for samples. */
  random?: () => number
}

/** Topics and mailboxes in this process; with a shared cluster, of several nodes in this process. */
export class MemoryBackplane implements Backplane {
  readonly #cluster: MemoryCluster
  readonly #random: () => number
  readonly #here = new Map<Place, Attachment>()

  constructor({ cluster = new MemoryCluster(), random = Math.random }: MemoryBackplaneOptions = {}) {
    this.#cluster = cluster
    this.#random = random
  }

  attach(id: Uint8Array, { proven, conflict }: AttachOptions, mailbox: Mailbox): Attachment {
    const { places } = this.#cluster
    const key = toKey(id)
    const holder = places.get(key)
    if (holder && settleConflict(holder, { proven }, conflict) === 'holder') {
      throw new SignalError('ID_IN_USE', 'this id is connected already')
    }
    const place: Place = { id: copy(id), proven, mailbox }
    if (holder) {
      this.#leaveAll(key)
      holder.mailbox.lost()
    }
    places.set(key, place)
    const attachment = this.#attachment(key, place)
    this.#here.set(place, attachment)
    return attachment
  }

  lookup(topic: Uint8Array, { limit, after, except }: LookupOptions): Member[] {
    const { topics } = this.#cluster
    if (after) return topics.walk(toKey(topic), limit, toKey(after), toKey(except))
    return topics.sample(toKey(topic), limit, toKey(except), this.#random)
  }

  find(topic: Uint8Array, id: Uint8Array): Member | undefined {
    return this.#cluster.topics.get(toKey(topic), toKey(id))
  }

  watch(topic: Uint8Array, listener: Listener): () => void {
    const { watches } = this.#cluster
    const key = toKey(topic)
    const listeners = watches.get(key) ?? new Set()
    watches.set(key, listeners.add(listener))
    return () => {
      if (listeners.delete(listener) && listeners.size === 0 && watches.get(key) === listeners)
        watches.delete(key)
    }
  }

  send(to: Uint8Array, frame: Uint8Array, replyTo?: ReplyTo): boolean {
    return this.#cluster.places.get(toKey(to))?.mailbox.deliver(frame, replyTo) ?? false
  }

  publish(topic: Uint8Array, frame: Uint8Array, except: Uint8Array): number {
    const own = toKey(except)
    let count = 0
    for (const { id } of [...this.#cluster.topics.members(toKey(topic))]) {
      const key = toKey(id)
      if (key !== own && this.#cluster.places.get(key)?.mailbox.deliver(frame)) count++
    }
    return count
  }

  stats(): { topics: number; mailboxes: number; watches: number } {
    return {
      topics: this.#cluster.topics.size,
      mailboxes: this.#here.size,
      watches: this.#cluster.watches.size
    }
  }

  async close(): Promise<void> {
    for (const attachment of [...this.#here.values()]) await attachment.detach()
  }

  #attachment(key: string, place: Place): Attachment {
    const { places, topics } = this.#cluster
    // A replaced socket may close late; only the one that holds the id may touch its memberships.
    const current = () => places.get(key) === place
    return {
      join: (topic, info) => {
        if (!current()) return
        const member = { id: place.id, info: copy(info) }
        const topicKey = toKey(topic)
        const known = topics.get(topicKey, key)
        topics.set(topicKey, key, member)
        if (!known) this.#cluster.tell(topicKey, { change: 'joined', ...member })
      },
      leave: topic => {
        if (current()) this.#leave(toKey(topic), key)
      },
      detach: () => {
        this.#here.delete(place)
        if (!current()) return
        this.#leaveAll(key)
        places.delete(key)
      }
    }
  }

  #leaveAll(key: string): void {
    for (const topic of this.#cluster.topics.topics(key)) this.#leave(topic, key)
  }

  #leave(topic: string, key: string): void {
    const member = this.#cluster.topics.delete(topic, key)
    if (member) this.#cluster.tell(topic, { change: 'left', ...member })
  }
}
