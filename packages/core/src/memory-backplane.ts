import type { Kept } from './away.ts'
import type {
  Attachment,
  AttachOptions,
  Backplane,
  HistoryBounds,
  LookupOptions,
  Mailbox,
  Member,
  Outgoing,
  PresenceChange,
  RecallOptions,
  ReplyTo
} from './backplane.ts'
import { copy, equals, toKey } from './bytes.ts'
import { SignalError } from './errors.ts'
import type { Past } from './frame.ts'
import { History } from './history.ts'
import { settleConflict } from './identity.ts'
import { add, list, type SmallSet, without } from './small-set.ts'
import { type Keyed, Topics } from './topics.ts'

/** @inline */
type Listener = (change: PresenceChange) => void

/** What several nodes in one process share. Give the same one to each of their backplanes. */
export class MemoryCluster {
  /** Who has which id, by its key. Of the backplanes alone, as is all else here. @internal */
  readonly places = new Map<string, Place>()
  /** Who is in which topic. @internal */
  readonly topics = new Topics<Member & Keyed>()
  /** Who is told of which topic. @internal */
  readonly watches = new Map<string, Set<Listener>>()
  /** Who is told what others tell. @internal */
  readonly nodes = new Map<Backplane, Set<(note: Uint8Array) => void>>()
  /** What was said in topics. @internal */
  readonly history = new History(Date.now)

  /** Tells the watchers of a topic. @internal */
  tell(topic: string, change: PresenceChange): void {
    for (const listener of [...(this.watches.get(topic) ?? [])]) listener(change)
  }
}

const NO_INFO = new Uint8Array(0)

/** One of the backplanes that share a cluster. */
interface Node {
  readonly cluster: MemoryCluster
  /** Its places, also those that hold nothing any more. */
  places: number
}

/** An id's place, and where its frames go. A replaced socket may close late: only who holds the id may do anything. */
class Place implements Attachment, Member, Keyed {
  readonly id: Uint8Array
  readonly key: string
  readonly proven: boolean
  /** Nothing once another holds the id, or nobody. */
  mailbox: Mailbox | undefined
  /** Whether its socket broke. Such a place can be taken by whoever proves the key. */
  isAway = false
  resumed: Kept | undefined
  #topics: SmallSet
  /** To whom its last signal went. */
  #partner: Place | undefined
  readonly #node: Node
  #detached = false

  constructor(id: Uint8Array, key: string, proven: boolean, mailbox: Mailbox, node: Node) {
    this.id = id
    this.key = key
    this.proven = proven
    this.mailbox = mailbox
    this.#node = node
    node.places++
    node.cluster.places.get(key)?.lose()
    node.cluster.places.set(key, this)
  }

  /** What it says of itself where it says nothing: so it is its own member there. */
  get info(): Uint8Array {
    return NO_INFO
  }

  isOf(node: Node): boolean {
    return this.#node === node
  }

  join(topic: Uint8Array, info: Uint8Array): void {
    if (!this.#holds) return
    const { topics } = this.#cluster
    const member = info.length > 0 ? { id: this.id, key: this.key, info: copy(info) } : this
    const key = toKey(topic)
    const known = topics.get(key, this.key)
    this.#topics = add(this.#topics, topics.set(key, member))
    if (known && equals(known.info, member.info)) return
    this.#cluster.tell(key, { change: known ? 'updated' : 'joined', id: this.id, info: member.info })
  }

  leave(topic: Uint8Array): void {
    this.#leave(toKey(topic))
  }

  leaveAll(): void {
    for (const topic of list(this.#topics)) this.#leave(topic)
  }

  #leave(topic: string): void {
    if (!this.#holds) return
    const member = this.#cluster.topics.delete(topic, this.key)
    this.#topics = without(this.#topics, topic)
    if (member) this.#cluster.tell(topic, { change: 'left', id: this.id, info: member.info })
  }

  away(): void {
    if (!this.#holds || this.isAway) return
    this.isAway = true
    this.#tell('away')
  }

  /** Goes on in another one's place, with its topics. */
  follow(before: Place, resumed: Kept): void {
    this.resumed = resumed
    this.#topics = before.#topics
    before.#topics = undefined
    for (const topic of list(this.#topics)) {
      const { topics } = this.#cluster
      // What has ended must not be kept for as long as it is a member.
      if (topics.get(topic, this.key) === before) topics.set(topic, this)
    }
    before.detach() // It holds nothing any more.
    if (before.isAway) this.#tell('back')
  }

  /** Tells something of itself wherever it is a member. */
  #tell(change: 'away' | 'back'): void {
    for (const topic of list(this.#topics)) {
      const member = this.#cluster.topics.get(topic, this.key)
      if (!member) continue
      member.isAway = change === 'away'
      this.#cluster.tell(topic, { change, id: this.id, info: member.info })
    }
  }

  send(signal: Outgoing): boolean {
    if (!this.#holds) return false
    if (!this.#partner?.mailbox || !signal.isFor(this.#partner.id))
      this.#partner = this.#cluster.places.get(toKey(signal.remoteId))
    return this.#partner?.mailbox?.deliver(signal.frame) ?? false
  }

  detach(): void {
    if (this.#detached) return
    this.#detached = true
    this.leaveAll()
    this.#node.places--
    if (this.#holds) this.#cluster.places.delete(this.key)
    this.lose()
  }

  /** Nobody holds the id, or another one. Who remembers this place must not hold on to what it had. */
  lose(): void {
    this.mailbox = undefined
    this.resumed = undefined
    this.#partner = undefined
  }

  get #cluster(): MemoryCluster {
    return this.#node.cluster
  }

  get #holds(): boolean {
    return this.mailbox !== undefined
  }
}

/** With whom it is one, and how it draws samples. */
export interface MemoryBackplaneOptions {
  /** Shared with other backplanes of this process. Default: one of its own. */
  cluster?: MemoryCluster
  /** Numbers from 0 to below 1, for samples. */
  random?: () => number
}

/** Topics and mailboxes in this process; with a shared cluster, of several nodes in this process. */
export class MemoryBackplane implements Backplane {
  readonly #cluster: MemoryCluster
  readonly #random: () => number
  readonly #node: Node

  constructor({ cluster = new MemoryCluster(), random = Math.random }: MemoryBackplaneOptions = {}) {
    this.#cluster = cluster
    this.#random = random
    this.#node = { cluster, places: 0 }
  }

  attach(id: Uint8Array, { proven, conflict, resumeKey }: AttachOptions, mailbox: Mailbox): Attachment {
    const key = toKey(id)
    const holder = this.#cluster.places.get(key)
    const resumed = resumeKey && holder?.proven === proven ? holder.mailbox?.handOver?.(resumeKey) : undefined
    if (holder && !resumed) {
      const { isAway: away, proven: before } = holder
      if (settleConflict({ proven: before, away }, { proven }, conflict) === 'holder')
        throw new SignalError('ID_IN_USE', 'this id is connected already')
      holder.leaveAll()
      holder.mailbox?.lost()
    }
    const place = new Place(id, key, proven, mailbox, this.#node)
    if (holder && resumed) place.follow(holder, resumed)
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
    return this.#cluster.places.get(toKey(to))?.mailbox?.deliver(frame, replyTo) ?? false
  }

  publish(topic: Uint8Array, frame: Uint8Array, except: Uint8Array): number {
    const own = toKey(except)
    let count = 0
    for (const { key } of [...this.#cluster.topics.members(toKey(topic))]) {
      if (key !== own && this.#cluster.places.get(key)?.mailbox?.deliver(frame)) count++
    }
    return count
  }

  keep(topic: Uint8Array, frame: Uint8Array, bounds: HistoryBounds): void {
    this.#cluster.history.keep(topic, frame, bounds)
  }

  recall(topic: Uint8Array, options: RecallOptions): Past[] {
    return this.#cluster.history.recall(topic, options)
  }

  tell(note: Uint8Array): void {
    for (const [node, listeners] of this.#cluster.nodes) {
      if (node !== this) for (const listener of [...listeners]) listener(copy(note))
    }
  }

  listen(listener: (note: Uint8Array) => void): () => void {
    const { nodes } = this.#cluster
    const listeners = nodes.get(this) ?? new Set()
    const own = (note: Uint8Array) => listener(note)
    nodes.set(this, listeners.add(own))
    return () => {
      if (listeners.delete(own) && listeners.size === 0) nodes.delete(this)
    }
  }

  stats(): { topics: number; mailboxes: number; watches: number; history: number } {
    return {
      topics: this.#cluster.topics.size,
      mailboxes: this.#node.places,
      watches: this.#cluster.watches.size,
      history: this.#cluster.history.taken
    }
  }

  async close(): Promise<void> {
    for (const place of this.#cluster.places.values()) if (place.isOf(this.#node)) place.detach()
    this.#cluster.nodes.delete(this)
  }
}
