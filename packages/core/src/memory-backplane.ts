import type { Kept } from './away.ts'
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
import { copy, equals, toKey } from './bytes.ts'
import { SignalError } from './errors.ts'
import { settleConflict } from './identity.ts'
import { Topics } from './topics.ts'

type Listener = (change: PresenceChange) => void

/** What several nodes in one process share. Give the same one to each of their backplanes. */
export class MemoryCluster {
  readonly places = new Map<string, Place>()
  readonly topics = new Topics<Member>()
  readonly watches = new Map<string, Set<Listener>>()

  tell(topic: string, change: PresenceChange): void {
    for (const listener of [...(this.watches.get(topic) ?? [])]) listener(change)
  }

  leave(topic: string, key: string): void {
    const member = this.topics.delete(topic, key)
    if (member) this.tell(topic, { change: 'left', id: member.id, info: member.info })
  }

  leaveAll(key: string): void {
    for (const topic of this.topics.topics(key)) this.leave(topic, key)
  }
}

const NO_INFO = new Uint8Array(0)

/** An id's place, and where its frames go. A replaced socket may close late: only who holds the id may change anything. */
class Place implements Attachment, Member {
  readonly id: Uint8Array
  /** What it says of itself where it says nothing: so it is its own member there. */
  readonly info: Uint8Array = NO_INFO
  readonly proven: boolean
  readonly mailbox: Mailbox
  readonly resumed: Kept | undefined
  /** Whether its socket broke. Such a place can be taken by whoever proves the key. */
  isAway = false
  readonly #key: string
  readonly #cluster: MemoryCluster
  /** The places of its node. */
  readonly #here: Set<Place>

  constructor(
    id: Uint8Array,
    proven: boolean,
    mailbox: Mailbox,
    cluster: MemoryCluster,
    here: Set<Place>,
    resumed?: Kept
  ) {
    this.id = id
    this.proven = proven
    this.mailbox = mailbox
    this.resumed = resumed
    this.#key = toKey(id)
    this.#cluster = cluster
    this.#here = here
    cluster.places.set(this.#key, this)
    here.add(this)
  }

  join(topic: Uint8Array, info: Uint8Array): void {
    if (!this.#holds) return
    const { topics } = this.#cluster
    const member: Member = info.length > 0 ? { id: this.id, info: copy(info) } : this
    const key = toKey(topic)
    const known = topics.get(key, this.#key)
    topics.set(key, this.#key, member)
    if (known && equals(known.info, member.info)) return
    this.#cluster.tell(key, { change: known ? 'updated' : 'joined', id: this.id, info: member.info })
  }

  leave(topic: Uint8Array): void {
    if (this.#holds) this.#cluster.leave(toKey(topic), this.#key)
  }

  away(): void {
    if (!this.#holds || this.isAway) return
    this.isAway = true
    this.tell('away')
  }

  /** Tells something of itself wherever it is a member. */
  tell(change: 'away' | 'back'): void {
    const { topics } = this.#cluster
    for (const topic of topics.topics(this.#key)) {
      const info = topics.get(topic, this.#key)?.info ?? NO_INFO
      this.#cluster.tell(topic, { change, id: this.id, info })
    }
  }

  detach(): void {
    this.#here.delete(this)
    if (!this.#holds) return
    this.#cluster.leaveAll(this.#key)
    this.#cluster.places.delete(this.#key)
  }

  get #holds(): boolean {
    return this.#cluster.places.get(this.#key) === this
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
  readonly #here = new Set<Place>()

  constructor({ cluster = new MemoryCluster(), random = Math.random }: MemoryBackplaneOptions = {}) {
    this.#cluster = cluster
    this.#random = random
  }

  attach(id: Uint8Array, { proven, conflict, resumeKey }: AttachOptions, mailbox: Mailbox): Attachment {
    const key = toKey(id)
    const holder = this.#cluster.places.get(key)
    if (!holder) return new Place(id, proven, mailbox, this.#cluster, this.#here)
    const same = resumeKey !== undefined && holder.proven === proven
    const { proven: before, isAway: away, mailbox: old } = holder
    const resumed = same ? old.handOver?.(resumeKey) : undefined
    if (!resumed && settleConflict({ proven: before, away }, { proven }, conflict) === 'holder') {
      throw new SignalError('ID_IN_USE', 'this id is connected already')
    }
    if (!resumed) {
      this.#cluster.leaveAll(key)
      old.lost()
    }
    const place = new Place(id, proven, mailbox, this.#cluster, this.#here, resumed)
    if (resumed) holder.detach() // It holds nothing any more.
    if (resumed && away) place.tell('back')
    return place
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
    for (const place of [...this.#here]) place.detach()
  }
}
