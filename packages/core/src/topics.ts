interface Room<Member> {
  /** In no order, so that a random sample costs its own size and a departure one swap. */
  ids: string[]
  members: Map<string, { at: number; member: Member }>
  /** Ids in byte order, made when a walk asks for it, dropped when somebody comes or goes. */
  sorted?: string[] | undefined
}

/**
 * Who is in what, both ways: topic to members and member to topics. What has become empty is deleted, so that a
 * server that has seen many topics holds only the living ones. A member that ends costs only its own topics.
 */
export class Topics<Member> {
  readonly #rooms = new Map<string, Room<Member>>()
  readonly #topics = new Map<string, Set<string>>()

  /** Topics that have at least one member. */
  get size(): number {
    return this.#rooms.size
  }

  /** Adds or replaces a member. */
  set(topic: string, id: string, member: Member): void {
    const room = entry(this.#rooms, topic, () => ({ ids: [], members: new Map() }) as Room<Member>)
    const known = room.members.get(id)
    if (known) known.member = member
    else {
      room.members.set(id, { at: room.ids.push(id) - 1, member })
      room.sorted = undefined
      entry(this.#topics, id, () => new Set<string>()).add(topic)
    }
  }

  get(topic: string, id: string): Member | undefined {
    return this.#rooms.get(topic)?.members.get(id)?.member
  }

  /** Gives the member that was deleted. */
  delete(topic: string, id: string): Member | undefined {
    const room = this.#rooms.get(topic)
    const gone = room?.members.get(id)
    if (!room || !gone) return undefined
    room.members.delete(id)
    room.sorted = undefined
    const last = room.ids.pop() as string
    if (last !== id) {
      room.ids[gone.at] = last
      const moved = room.members.get(last)
      if (moved) moved.at = gone.at
    }
    if (room.ids.length === 0) this.#rooms.delete(topic)
    const topics = this.#topics.get(id)
    if (topics?.delete(topic) && topics.size === 0) this.#topics.delete(id)
    return gone.member
  }

  *members(topic: string): Iterable<Member> {
    for (const { member } of this.#rooms.get(topic)?.members.values() ?? []) yield member
  }

  topics(id: string): string[] {
    return [...(this.#topics.get(id) ?? [])]
  }

  /** Up to `limit` members but `except`, each as likely as any other. `random` gives numbers from 0 to below 1. */
  sample(topic: string, limit: number, except: string, random: () => number): Member[] {
    const room = this.#rooms.get(topic)
    if (!room) return []
    const { ids, members } = room
    const others = ids.length - (members.has(except) ? 1 : 0)
    const found: Member[] = []
    const taken = new Set<number>()
    while (found.length < Math.min(limit, others)) {
      // With room for all, walk; else draw, which a limit below the size ends soon.
      const at = limit >= others ? taken.size : Math.floor(random() * ids.length)
      if (taken.has(at)) continue
      taken.add(at)
      const id = ids[at] as string
      if (id !== except) found.push((members.get(id) as { member: Member }).member)
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
      if (id !== except) found.push((room.members.get(id) as { member: Member }).member)
    }
    return found
  }
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
