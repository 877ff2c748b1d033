import type { Member, PresenceChange } from './backplane.ts'
import { Batch } from './batch.ts'
import { fromKey, ID_SIZE, toKey } from './bytes.ts'
import type { Clock } from './clock.ts'
import type { Connection } from './connection.ts'
import { encodeFrame, type Presence } from './frame.ts'
import { CEILING } from './protocol.ts'

/** What became of one member since the last batch. */
interface Fate {
  member: Member
  left?: boolean
  joined?: boolean
  updated?: boolean
  moved?: 'away' | 'back'
}

/** Room for one frame's lists below the smallest payload limit that makes sense. Unit: bytes. */
const PAGE = 48 * 1024

/** Presence of one topic to the connections of this server that watch it, or watch single members of it. */
export class PresenceFeed {
  readonly #topic: Uint8Array
  readonly #batch: Batch
  readonly #stop: () => void
  readonly #ofAll = new Set<Connection>()
  /** Who watches single members, and which. */
  readonly #ofSome = new Map<Connection, Set<string>>()
  #fates = new Map<string, Fate>()

  constructor(
    topic: Uint8Array,
    watch: (listener: (change: PresenceChange) => void) => () => void,
    options: { clock: Clock; interval: number }
  ) {
    this.#topic = topic
    this.#batch = new Batch(options.clock, options.interval, () => this.flush())
    this.#stop = watch(change => this.#change(change))
  }

  get idle(): boolean {
    return this.#ofAll.size === 0 && this.#ofSome.size === 0
  }

  has(connection: Connection): boolean {
    return this.#ofAll.has(connection) || this.#ofSome.has(connection)
  }

  /** Whether a connection watches everybody. */
  hasAll(connection: Connection): boolean {
    return this.#ofAll.has(connection)
  }

  /** The single members that a connection watches. */
  ones(connection: Connection): { topic: Uint8Array; id: Uint8Array }[] {
    return [...(this.#ofSome.get(connection) ?? [])].map(key => ({ topic: this.#topic, id: fromKey(key) }))
  }

  /** Whether a connection watches this single member. */
  hasOne(connection: Connection, id: Uint8Array): boolean {
    return this.#ofSome.get(connection)?.has(toKey(id)) ?? false
  }

  /** How many single members a connection watches here. */
  singles(connection: Connection): number {
    return this.#ofSome.get(connection)?.size ?? 0
  }

  /** Adds a watcher of everybody. What it will be told begins after what is in its snapshot. */
  add(connection: Connection): void {
    this.flush()
    this.#ofAll.add(connection)
  }

  addOne(connection: Connection, id: Uint8Array): void {
    this.flush()
    const watched = this.#ofSome.get(connection) ?? new Set()
    this.#ofSome.set(connection, watched.add(toKey(id)))
  }

  remove(connection: Connection): void {
    this.#ofAll.delete(connection)
  }

  removeOne(connection: Connection, id: Uint8Array): void {
    const watched = this.#ofSome.get(connection)
    if (watched?.delete(toKey(id)) && watched.size === 0) this.#ofSome.delete(connection)
  }

  removeSingles(connection: Connection): void {
    this.#ofSome.delete(connection)
  }

  /** Removes a connection that has ended. */
  forget(connection: Connection): void {
    this.remove(connection)
    this.removeSingles(connection)
  }

  end(): void {
    this.#batch.end()
    this.#stop()
  }

  #change({ change, id, info }: PresenceChange): void {
    const key = toKey(id)
    const fate = this.#fates.get(key)
    const member = { id, info }
    if (change === 'joined') this.#fates.set(key, { ...fate, member, joined: true })
    else if (change === 'updated') this.#fates.set(key, { ...fate, member, updated: true })
    else if (change !== 'left') this.#fates.set(key, moved(member, fate, change))
    else if (fate?.joined && !fate.left)
      this.#fates.delete(key) // Came and went: nobody need hear of it.
    else this.#fates.set(key, { member, left: true })
    this.#batch.schedule()
  }

  /** Tells at once what has been gathered. */
  flush(): void {
    if (this.#fates.size === 0) return
    const fates = [...this.#fates.values()]
    this.#fates = new Map()
    const frames = encode(this.#topic, fates)
    for (const connection of this.#ofAll) this.#send(connection, frames)
    for (const [connection, watched] of this.#ofSome) {
      if (this.#ofAll.has(connection)) continue
      const some = fates.filter(({ member }) => watched.has(toKey(member.id)))
      if (some.length > 0) this.#send(connection, encode(this.#topic, some))
    }
  }

  #send(connection: Connection, frames: readonly Uint8Array[]): void {
    for (const frame of frames) connection.presence(this.#topic, frame)
  }
}

/** Away and back, or the other way round, within one batch: nothing has changed. */
function moved(member: Member, fate: Fate | undefined, change: 'away' | 'back'): Fate {
  const { moved, ...rest } = { ...fate, member }
  return moved && moved !== change ? rest : { ...rest, moved: change }
}

/**
 * One frame, or several where there is much to tell. A reader applies left, joined, away and back in this order: who
 * left and came back within one batch is told as both, for it is another one now.
 */
function encode(topic: Uint8Array, fates: readonly Fate[]): Uint8Array[] {
  const frames: Uint8Array[] = []
  let frame = empty(topic)
  let size = 0
  for (const { member, left, joined, updated, moved } of fates) {
    const { id, info } = member
    if (size + 2 * ID_SIZE + info.length > PAGE || count(frame) + 3 > CEILING.ids) {
      frames.push(encodeFrame(frame))
      frame = empty(topic)
      size = 0
    }
    if (left) frame.left.push(id)
    if (joined || updated) frame.joined.push(member)
    if (moved) frame[moved].push(id)
    size += 3 * ID_SIZE + info.length
  }
  if (count(frame) > 0) frames.push(encodeFrame(frame))
  return frames
}

function empty(topic: Uint8Array): Presence {
  return { kind: 'presence', requestId: 0, topic, resync: false, joined: [], left: [], away: [], back: [] }
}

function count({ joined, left, away, back }: Presence): number {
  return joined.length + left.length + away.length + back.length
}
