import { SmallSet } from './small-set.ts'

interface Place<Member> {
  id: string
  member: Member
  /** Where it stands in the list. */
  at: number
}

interface Room<Member> {
  topic: string
  /** In no order, so that a random sample costs its own size and a departure one swap. */
  list: Place<Member>[]
  places: Map<string, Place<Member>>
  /** In byte order of the ids, made when a walk asks for it, dropped when somebody comes or goes. */
  sorted?: Place<Member>[] | undefined
}

/**
 * Who is in what, both ways: topic to members and member to topics. What has become empty is deleted, so that a
 * server that has seen many topics holds only the living ones. A member that ends costs only its own topics.
 */
export class Topics<Member> {
  readonly #rooms = new Map<string, Room<Member>>()
  readonly #topics = new Map<string, SmallSet<string>>()

  /** Topics that have at least one member. */
  get size(): number {
    return this.#rooms.size
  }

  /** Adds or replaces a member. */
  set(topic: string, id: string, member: Member): void {
    const room = entry(this.#rooms, topic, () => ({ topic, list: [], places: new Map() }) as Room<Member>)
    const known = room.places.get(id)
    if (known) known.member = member
    else {
      const place = { id, member, at: room.list.length }
      room.list.push(place)
      room.places.set(id, place)
      room.sorted = undefined
      // The room's own string, so that a thousand members don't keep a thousand of the same.
      entry(this.#topics, id, () => new SmallSet<string>()).add(room.topic)
    }
  }

  get(topic: string, id: string): Member | undefined {
    return this.#rooms.get(topic)?.places.get(id)?.member
  }

  /** Gives the member that was deleted. */
  delete(topic: string, id: string): Member | undefined {
    const room = this.#rooms.get(topic)
    const gone = room?.places.get(id)
    if (!room || !gone) return undefined
    room.places.delete(id)
    room.sorted = undefined
    const last = room.list.pop() as Place<Member>
    if (last !== gone) {
      room.list[gone.at] = last
      last.at = gone.at
    }
    if (room.list.length === 0) this.#rooms.delete(topic)
    const topics = this.#topics.get(id)
    if (topics?.delete(topic) && topics.size === 0) this.#topics.delete(id)
    return gone.member
  }

  *members(topic: string): Iterable<Member> {
    for (const { member } of this.#rooms.get(topic)?.places.values() ?? []) yield member
  }

  topics(id: string): string[] {
    return [...(this.#topics.get(id) ?? [])]
  }

  /** Up to `limit` members but `except`, each as likely as any other. `random` gives numbers from 0 to below 1. */
  sample(topic: string, limit: number, except: string, random: () => number): Member[] {
    const room = this.#rooms.get(topic)
    if (!room) return []
    const { list, places } = room
    const others = list.length - (places.has(except) ? 1 : 0)
    const found: Member[] = []
    const taken = new Set<number>()
    while (found.length < Math.min(limit, others)) {
      // With room for all, walk; else draw, which a limit below the size ends soon.
      const at = limit >= others ? taken.size : Math.floor(random() * list.length)
      if (taken.has(at)) continue
      taken.add(at)
      const { id, member } = list[at] as Place<Member>
      if (id !== except) found.push(member)
    }
    return found
  }

  /** Up to `limit` members behind the id `after`, in byte order, without `except`. */
  walk(topic: string, limit: number, after: string, except: string): Member[] {
    const room = this.#rooms.get(topic)
    if (!room) return []
    room.sorted ??= [...room.list].sort((a, b) => (a.id < b.id ? -1 : 1))
    const found: Member[] = []
    for (let at = firstAfter(room.sorted, after); at < room.sorted.length && found.length < limit; at++) {
      const { id, member } = room.sorted[at] as Place<Member>
      if (id !== except) found.push(member)
    }
    return found
  }
}

function firstAfter(sorted: readonly { id: string }[], key: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as { id: string }).id <= key) low = middle + 1
    else high = middle
  }
  return low
}

function entry<K, V>(map: Map<K, V>, key: K, create: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = create()
    map.set(key, value)
  }
  return value
}
