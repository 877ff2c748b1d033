import type { Attachment, Kept, Mailbox } from 'socket-signal'
import { toKey } from 'socket-signal'

/** What a place asks of its backplane. */
export interface Ground {
  holds(place: Place): boolean
  enter(place: Place, topic: string): Promise<void>
  leave(place: Place, topic: string): Promise<void>
  away(place: Place): void
  detach(place: Place): Promise<void>
}

/** An id's place on this node. A replaced socket may close late: only who holds the id may change anything. */
export class Place implements Attachment {
  readonly id: Uint8Array
  readonly key: string
  readonly proven: boolean
  readonly mailbox: Mailbox
  readonly resumed: Kept | undefined
  /** Which session of the id this is; empty as long as Redis does not know it. */
  epoch: string
  isAway = false
  /** As `performance.now()` has it. */
  readonly since: number = performance.now()
  /** What it says of itself, by topic. */
  readonly topics: Map<string, Uint8Array>
  readonly #ground: Ground

  constructor(
    ground: Ground,
    { id, proven, mailbox, epoch }: Pick<Place, 'id' | 'proven' | 'mailbox' | 'epoch'>,
    resumed?: Kept,
    topics: Map<string, Uint8Array> = new Map()
  ) {
    this.#ground = ground
    this.id = id
    this.key = toKey(id)
    this.proven = proven
    this.mailbox = mailbox
    this.epoch = epoch
    this.resumed = resumed
    this.topics = topics
  }

  join(topic: Uint8Array, info: Uint8Array): void | Promise<void> {
    if (!this.#ground.holds(this)) return
    const key = toKey(topic)
    this.topics.set(key, Buffer.from(info))
    return this.#ground.enter(this, key)
  }

  leave(topic: Uint8Array): void | Promise<void> {
    const key = toKey(topic)
    if (this.#ground.holds(this) && this.topics.delete(key)) return this.#ground.leave(this, key)
  }

  away(): void {
    if (!this.#ground.holds(this) || this.isAway) return
    this.isAway = true
    this.#ground.away(this)
  }

  detach(): void | Promise<void> {
    if (this.#ground.holds(this)) return this.#ground.detach(this)
  }
}
