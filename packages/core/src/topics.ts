import { SmallSet } from './small-set.ts'

/**
 * Members in no order, so that a random sample costs its own size and a departure one swap. In two lists and a map of
 * where: an object for each would be one more place in memory to visit for each one that is drawn.
 */
interface Room<Member> {
  topic: string
  ids: string[]
  members: Member[]
  at: Map<string, number>
  /** Ids in byte order, made when a walk asks for it, dropped when somebody comes or goes. */
  sorted?: string[] | undefined
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
    const room = entry(this.#rooms, topic, () => newRoom<Member>(topic))
    const at = room.at.get(id)
    if (at !== undefined) room.members[at] = member
    else {
      room.at.set(id, room.ids.push(id) - 1)
      room.members.push(member)
      room.sorted = undefined
      // The room's own string, so that a thousand members don't keep a thousand of the same.
      entry(this.#topics, id, () => new SmallSet<string>()).add(room.topic)
    }
  }

  get(topic: string, id: string): Member | undefined {
    const room = this.#rooms.get(topic)
    const at = room?.at.get(id)
    return at === undefined ? undefined : room?.members[at]
  }

  /** Gives the member that was deleted. */
  delete(topic: string, id: string): Member | undefined {
    const room = this.#rooms.get(topic)
    const at = room?.at.get(id)
    if (!room || at === undefined) return undefined
    const gone = room.members[at]
    room.at.delete(id)
    room.sorted = undefined
    const [lastId, last] = [room.ids.pop() as string, room.members.pop() as Member]
    if (lastId !== id) {
      room.ids[at] = lastId
      room.members[at] = last
      room.at.set(lastId, at)
    }
    if (room.ids.length === 0) this.#rooms.delete(topic)
    const topics = this.#topics.get(id)
    if (topics?.delete(topic) && topics.size === 0) this.#topics.delete(id)
    return gone
  }

  members(topic: string): readonly Member[] {
    return this.#rooms.get(topic)?.members ?? []
  }

  topics(id: string): string[] {
    return [...(this.#topics.get(id) ?? [])]
  }

  /** Up to `limit` members but `except`, each as likely as any other. `random` gives numbers from 0 to below 1. */
  sample(topic: string, limit: number, except: string, random: () => number): Member[] {
    const room = this.#rooms.get(topic)
    if (!room) return []
    const { members, at } = room
    const own = at.get(except) ?? -1
    const others = members.length - (own < 0 ? 0 : 1)
    const found: Member[] = []
    const taken = new Set<number>()
    while (found.length < Math.min(limit, others)) {
      // With room for all, walk; else draw, which a limit below the size ends soon.
      const drawn = limit >= others ? taken.size : Math.floor(random() * members.length)
      if (taken.has(drawn)) continue
      taken.add(drawn)
      if (drawn !== own) found.push(members[drawn] as Member)
    }
    return found
  }

  /** Up to `limit` members behind the id `after`, in byte order, without `except`. */
  walk(topic: string, limit: number, after: string, except: string): Member[] {
    const room = this.#rooms.get(topic)
    if (!room) return []
    room.sorted ??= [...room.ids].sort((a, b) => (a < b ? -1 : 1))
    const found: Member[] = []
    for (let at = firstAfter(room.sorted, after); at < room.sorted.length && found.length < limit; at++) {
      const id = room.sorted[at] as string
      if (id !== except) found.push(room.members[room.at.get(id) as number] as Member)
    }
    return found
  }
}

function newRoom<Member>(topic: string): Room<Member> {
  return { topic, ids: [], members: [], at: new Map() }
}

function firstAfter(sorted: readonly string[], key: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as string) <= key) low = middle + 1
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
