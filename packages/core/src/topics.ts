/** What has a key, by which it is known in each topic. */
export interface Keyed {
  readonly key: string
}

/** Members from which on a topic has an index. */
const INDEXED = 8

/**
 * Members in no order, so that a random sample costs its own size and a departure one swap. Most topics have few: they
 * take no more than a list that fits.
 */
class Room<Member extends Keyed> {
  readonly topic: string
  members: Member[] = []
  /** Where each one is, by its key. */
  #at: Map<string, number> | undefined
  /** In byte order of their keys, made when a walk asks for it, dropped when somebody comes or goes. */
  #sorted: Member[] | undefined

  constructor(topic: string) {
    this.topic = topic
  }

  /** -1 for who is not in it. */
  indexOf(key: string): number {
    if (this.#at) return this.#at.get(key) ?? -1
    return this.members.findIndex(member => member.key === key)
  }

  set(member: Member): void {
    const { members } = this
    const at = this.indexOf(member.key)
    // What grows by `push` keeps room for 16 more.
    if (at < 0 && !this.#at && members.length < INDEXED) this.members = members.concat(member)
    else if (at < 0) {
      this.#at ??= new Map(members.map(({ key }, at) => [key, at]))
      this.#at.set(member.key, members.push(member) - 1)
    } else members[at] = member
    this.#sorted = undefined
  }

  delete(key: string): Member | undefined {
    const { members } = this
    const at = this.indexOf(key)
    const gone = members[at]
    if (!gone) return undefined
    const last = members.pop() as Member
    if (last !== gone) {
      members[at] = last
      this.#at?.set(last.key, at)
    }
    this.#at?.delete(key)
    this.#sorted = undefined
    return gone
  }

  get sorted(): readonly Member[] {
    this.#sorted ??= [...this.members].sort((a, b) => (a.key < b.key ? -1 : 1))
    return this.#sorted
  }
}

/** Who is in what. What has become empty is deleted, so that a server that has seen many topics holds only the living ones. */
export class Topics<Member extends Keyed> {
  readonly #rooms = new Map<string, Room<Member>>()

  /** Topics that have at least one member. */
  get size(): number {
    return this.#rooms.size
  }

  /** Adds or replaces a member. Gives the topic as it is kept here: a thousand members need not keep a thousand of the same. */
  set(topic: string, member: Member): string {
    let room = this.#rooms.get(topic)
    if (!room) {
      room = new Room<Member>(topic)
      this.#rooms.set(topic, room)
    }
    room.set(member)
    return room.topic
  }

  get(topic: string, key: string): Member | undefined {
    const room = this.#rooms.get(topic)
    return room?.members[room.indexOf(key)]
  }

  /** Gives the member that was deleted. */
  delete(topic: string, key: string): Member | undefined {
    const room = this.#rooms.get(topic)
    const gone = room?.delete(key)
    if (room?.members.length === 0) this.#rooms.delete(topic)
    return gone
  }

  members(topic: string): readonly Member[] {
    return this.#rooms.get(topic)?.members ?? []
  }

  /** Up to `limit` members but `except`, each as likely as any other. `random` gives numbers from 0 to below 1. */
  sample(topic: string, limit: number, except: string, random: () => number): Member[] {
    const room = this.#rooms.get(topic)
    if (!room) return []
    const { members } = room
    const own = room.indexOf(except)
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

  /** Up to `limit` members behind the key `after`, in byte order, without `except`. */
  walk(topic: string, limit: number, after: string, except: string): Member[] {
    const sorted = this.#rooms.get(topic)?.sorted ?? []
    const found: Member[] = []
    for (let at = firstAfter(sorted, after); at < sorted.length && found.length < limit; at++) {
      const member = sorted[at] as Member
      if (member.key !== except) found.push(member)
    }
    return found
  }
}

function firstAfter(sorted: readonly Keyed[], key: string): number {
  let [low, high] = [0, sorted.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((sorted[middle] as Keyed).key <= key) low = middle + 1
    else high = middle
  }
  return low
}
