import { type LookupAt, toKey } from 'socket-signal'
import { each } from './each.ts'
import type { Entry, Member } from './entry.ts'
import { encodeNote } from './note.ts'
import type { Place } from './place.ts'
import type { Pulse } from './pulse.ts'
import { CHUNK, type Coming, type Registry } from './registry.ts'
import { unavailable } from './trouble.ts'
import { type Listener, type Room, View } from './view.ts'

export interface TopicsOptions {
  pulse: Pulse
  registry: Registry
  node: string
  /** Who has an id on this node. */
  places: ReadonlyMap<string, Place>
  /** Another session of an id was found, with its epoch. */
  onother(key: string, epoch: string): void
}

/** Who is in which topic: of this node at once, of others by way of Redis. */
export class Topics {
  readonly #options: TopicsOptions
  readonly #view = new View()

  constructor(options: TopicsOptions) {
    this.#options = options
  }

  get count(): number {
    return this.#view.topics
  }

  get watches(): number {
    return this.#view.watches
  }

  async lookup(topic: Uint8Array, { limit, after, except }: LookupAt): Promise<Member[]> {
    const { pulse, registry } = this.#options
    const [key, own] = [toKey(topic), toKey(except)]
    const room = this.#view.rooms.get(key)
    if (limit <= 0) return []
    if (limit === Number.POSITIVE_INFINITY && room?.loaded) {
      await room.loaded // From here on, its listeners hear of what changes.
      return known(room, own)
    }
    if (!pulse.isReady) return lookupHere(room, limit, own, after)
    try {
      const walks = after || limit === Number.POSITIVE_INFINITY
      if (!walks) return (await registry.sample(key, limit, own)).map(toMember)
      return (await registry.walk(key, limit, own, after)).map(toMember)
    } catch {
      return lookupHere(this.#view.rooms.get(key), limit, own, after)
    }
  }

  find(topic: Uint8Array, id: Uint8Array): Member | undefined | Promise<Member | undefined> {
    const { pulse, registry } = this.#options
    const room = this.#view.rooms.get(toKey(topic))
    const here = room?.members.get(toKey(id))
    if (here) return toMember(here)
    if (room?.isNew) return this.#findLater(room, id)
    if (!pulse.isReady) return Promise.reject(unavailable('the backplane is degraded'))
    return registry.find(toKey(topic), id).then(entry => entry && toMember(entry))
  }

  async #findLater(room: Room, id: Uint8Array): Promise<Member | undefined> {
    await room.loaded
    const entry = room.members.get(toKey(id))
    return entry && toMember(entry)
  }

  watch(topic: Uint8Array, listener: Listener): () => void {
    const room = this.#view.room(toKey(topic))
    // Each call is a listener of its own.
    const own: Listener = change => listener(change)
    room.listeners.add(own)
    if (room.listeners.size === 1) room.loaded = this.#load(room)
    return () => {
      if (!room.listeners.delete(own) || room.listeners.size > 0) return
      this.#options.registry.unfollow(room.key)
      this.#view.forget(room)
    }
  }

  publish(topic: Uint8Array, frame: Uint8Array, except: Uint8Array): number | Promise<number> {
    const { pulse, registry } = this.#options
    const here = this.speakHere(topic, frame, except)
    if (!pulse.isReady) return here
    const own = this.#view.rooms.get(toKey(topic))?.own.size ?? 0
    const note = encodeNote({
      ...{ kind: 'spoken', topic: Buffer.from(topic), except: Buffer.from(except), frame: frame as Buffer }
    })
    return registry.speak(toKey(topic), note).then(
      all => here + Math.max(all - own, 0),
      () => here
    )
  }

  /** To members of this node. Gives how many took it. */
  speakHere(topic: Uint8Array, frame: Uint8Array, except: Uint8Array): number {
    const [own, not] = [this.#view.rooms.get(toKey(topic))?.own ?? [], toKey(except)]
    let count = 0
    for (const key of [...own])
      if (key !== not && this.#options.places.get(key)?.mailbox.deliver(frame)) count++
    return count
  }

  /** Puts a member of this node in: here at once, in Redis soon. `before`: the session that it goes on from. */
  async enter(place: Place, topic: string, before?: string): Promise<void> {
    const room = this.#view.room(topic)
    const entry = this.#entryOf(place, topic)
    this.#view.put(room, entry, true, before)
    if (!place.epoch || !this.#options.pulse.isReady) return
    await this.#enterAll(topic, [{ entry, before }]).catch(() => {})
  }

  async #enterAll(topic: string, coming: readonly Coming[], how = {}): Promise<void> {
    const { registry, onother } = this.#options
    const stands = await registry.enter(topic, coming, how)
    for (const [at, { entry }] of coming.entries()) if (stands[at]) onother(toKey(entry.id), stands[at])
  }

  #entryOf({ id, isAway: away, epoch, topics }: Place, topic: string): Entry {
    return { id, info: topics.get(topic) ?? Buffer.alloc(0), away, node: this.#options.node, epoch }
  }

  /** Takes a member of this node out. */
  leave({ id, key, epoch }: Place, topic: string): Promise<void> {
    const room = this.#view.room(topic)
    const isIn = room.members.get(key)?.epoch === epoch && room.own.has(key)
    if (isIn) this.#view.remove(room, key)
    else this.#view.drop(room)
    const last = () => !this.#view.rooms.get(topic)?.own.size
    return this.#options.registry.leave(topic, [{ id, epoch }], last)
  }

  /** From here on it is a member of another node. */
  part(place: Place, topic: string, node: string): void {
    const room = this.#view.room(topic)
    const entry = room.members.get(place.key)
    room.own.delete(place.key)
    if (entry && room.loaded) room.members.set(place.key, { ...entry, node })
    else room.members.delete(place.key)
    this.#view.drop(room)
  }

  /** It was let in without Redis, and has its epoch now. */
  rename({ key, epoch, topics }: Place): void {
    for (const topic of topics.keys()) {
      const entry = this.#view.rooms.get(topic)?.members.get(key)
      if (entry) entry.epoch = epoch
    }
  }

  /** Another node says that somebody came. */
  entered(topic: Uint8Array, entry: Entry, before: string): void {
    const id = toKey(entry.id)
    this.#options.onother(id, entry.epoch)
    const room = this.#view.rooms.get(toKey(topic))
    if (room && room.listeners.size > 0 && !room.own.has(id)) this.#view.put(room, entry, false, before)
  }

  /** Another node says that somebody went. */
  gone(topic: Uint8Array, id: Uint8Array, epoch: string): void {
    const room = this.#view.rooms.get(toKey(topic))
    const key = toKey(id)
    if (!room || room.own.has(key)) return
    const known = room.members.get(key)
    if (!known || known.epoch === epoch) this.#view.remove(room, key)
  }

  /** A node is dead, and who was there has left. */
  bury(node: string): void {
    for (const room of [...this.#view.rooms.values()]) {
      for (const [id, entry] of [...room.members]) {
        if (entry.node === node && !room.own.has(id)) this.#view.remove(room, id)
      }
    }
  }

  /** Says who of this node is in which topic, and what is watched here. */
  announce(urgent: boolean): Promise<void> {
    const { registry } = this.#options
    return each([...this.#view.rooms.values()], room => registry.spare(this.#announce(room, urgent)))
  }

  async #announce(room: Room, urgent: boolean): Promise<void> {
    const { registry, places } = this.#options
    if (room.listeners.size > 0) await registry.follow(room.key, urgent)
    const own = [...room.own].flatMap(key => places.get(key) ?? [])
    for (let at = 0; at < own.length; at += CHUNK) {
      const coming = own.slice(at, at + CHUNK).map(place => ({ entry: this.#entryOf(place, room.key) }))
      await this.#enterAll(room.key, coming, { urgent, aloud: urgent })
    }
  }

  /** Tells who watches what differs from what Redis has. `leaving`: also who is not there any more. */
  reconcile(leaving: boolean): Promise<void> {
    // One that is being read for the first time is not known by who asked for it: to begin anew would keep members from it.
    return each([...this.#view.rooms.values()], async room => {
      if (room.listeners.size > 0 && !room.isNew) await this.#load(room, leaving)
    })
  }

  /** Reads who is in a topic: for the first time, or to put right what is known. */
  async #load(room: Room, leaving = true): Promise<void> {
    if (!this.#options.pulse.isReady) return
    const touched = new Set<string>()
    room.touched = touched
    if (!room.loaded) room.isNew = true
    const read = await this.#read(room.key)
    if (room.touched !== touched) return
    if (read) this.#merge(room, read, touched, leaving)
    room.touched = undefined
    room.isNew = false
  }

  async #read(topic: string): Promise<Entry[] | undefined> {
    const { registry } = this.#options
    try {
      await registry.follow(topic)
      return await registry.walk(topic, Number.POSITIVE_INFINITY)
    } catch {
      return undefined
    }
  }

  #merge(room: Room, read: readonly Entry[], touched: ReadonlySet<string>, leaving: boolean): void {
    const found = new Set(read.map(({ id }) => toKey(id)))
    const isOurs = (id: string) => touched.has(id) || room.own.has(id)
    for (const entry of read)
      if (!isOurs(toKey(entry.id)) && entry.node !== this.#options.node) this.#view.put(room, entry, false)
    if (!leaving) return
    for (const id of [...room.members.keys()]) if (!found.has(id) && !isOurs(id)) this.#view.remove(room, id)
  }
}

function known(room: Room, except: string): Member[] {
  return [...room.members].flatMap(([key, entry]) => (key === except ? [] : [toMember(entry)]))
}

/** What this node knows by itself. */
function lookupHere(room: Room | undefined, limit: number, except: string, after?: Uint8Array): Member[] {
  const members = room ? known(room, except) : []
  if (!after) return members.sort(() => Math.random() - 0.5).slice(0, limit)
  const behind = members.filter(({ id }) => Buffer.compare(id, after) > 0)
  return behind.sort((a, b) => Buffer.compare(a.id, b.id)).slice(0, limit)
}

function toMember({ id, info, away }: Entry): Member {
  return away ? { id, info, isAway: true } : { id, info }
}
