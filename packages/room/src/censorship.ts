import { fromKey, type SocketSignalServerMap, toHex, toKey } from 'socket-signal'
import { isStanding, MAX_CENSORED, MAX_CENSORED_OF_ONE, type Standing } from './decision.ts'
import { decodeInfo, type Info } from './info.ts'

/** What was taken away in a topic, from those who are there. */
interface Room {
  censored: Map<string, Standing>
  stop(): void
}

/** What one node tells the others: what it knows of a topic, or that it would like to know all. */
interface Note {
  topic: string
  on: boolean
  /** Whether it was decided before, and is told to who asked. */
  standing: boolean
  censored: readonly Standing[]
}

/** So many fit into a note. */
const MANY = 100
/** A note that says what stands may have been on its way so long. Unit: ms. */
const SETTLES = 10_000
const MAX_TAKEN = 10_000
const ID = /^[0-9a-f]{64}$/

/**
 * What is censored, known alike to all nodes: each tells the others what was decided at it, and one that is new asks.
 * Who leaves, and is not just away, is forgotten.
 */
export class Censorship {
  readonly #server: SocketSignalServerMap
  readonly #rooms = new Map<string, Room>()
  /** What was given back lately, and when: who says that it stands did not know yet. */
  readonly #taken = new Map<string, number>()
  readonly #unlisten: () => void
  readonly #onlearned: (topic: Uint8Array, of: Standing) => void
  #closed = false

  /** `onlearned`: this node knows only now what stands, and may have let in somebody who was not told. */
  constructor(server: SocketSignalServerMap, onlearned: (topic: Uint8Array, of: Standing) => void) {
    this.#server = server
    this.#onlearned = onlearned
    const { backplane } = server
    this.#unlisten = backplane.listen((note, late) => void this.#hear(note, late))
    this.#say({ ask: true })
  }

  close(): void {
    this.#closed = true
    this.#unlisten()
    for (const { stop } of this.#rooms.values()) stop()
    this.#rooms.clear()
  }

  of(topic: Uint8Array): Standing[] {
    return [...(this.#rooms.get(toKey(topic))?.censored.values() ?? [])]
  }

  stats(): { rooms: number; censored: number } {
    const all = [...this.#rooms.values()]
    return { rooms: all.length, censored: all.reduce((sum, { censored }) => sum + censored.size, 0) }
  }

  /** Gives whether there was room for it. */
  add(topic: Uint8Array, of: Standing): boolean {
    if (!this.#put(topic, of)) return false
    this.#tell(topic, { on: true, standing: false, censored: [of] })
    void this.#isThere(topic, of)
    return true
  }

  /** Gives whether it was there. */
  remove(topic: Uint8Array, of: Standing): boolean {
    if (!this.#take(topic, of)) return false
    this.#tell(topic, { on: false, standing: false, censored: [of] })
    return true
  }

  /** What a member says of itself; empty of one who is in no room. */
  async member(topic: Uint8Array, id: Uint8Array): Promise<Info | undefined> {
    const member = await this.#server.backplane.find(topic, id)
    return member && (readInfo(member.info) ?? { streams: {} })
  }

  #put(topic: Uint8Array, of: Standing): boolean {
    // Whoever asked before may find a member behind the end.
    if (this.#closed) return true
    const { censored } = this.#room(topic)
    const name = JSON.stringify(of)
    if (!censored.has(name)) {
      const ofOne = [...censored.values()].filter(([participantId]) => participantId === of[0])
      if (censored.size >= MAX_CENSORED || ofOne.length >= MAX_CENSORED_OF_ONE) return false
    }
    censored.set(name, of)
    this.#taken.delete(toKey(topic) + name)
    return true
  }

  #take(topic: Uint8Array, of: Standing): boolean {
    const name = JSON.stringify(of)
    const taken = this.#rooms.get(toKey(topic))?.censored.delete(name) ?? false
    this.#dropEmpty(topic)
    this.#remember(toKey(topic) + name)
    return taken
  }

  #remember(taken: string): void {
    this.#taken.delete(taken)
    this.#taken.set(taken, performance.now())
    for (const old of this.#taken.keys()) {
      if (this.#wasTaken(old) && this.#taken.size <= MAX_TAKEN) break
      this.#taken.delete(old)
    }
  }

  /** Whether it was given back a moment ago. */
  #wasTaken(taken: string): boolean {
    return performance.now() - (this.#taken.get(taken) ?? Number.NEGATIVE_INFINITY) < SETTLES
  }

  #room(topic: Uint8Array): Room {
    const known = this.#rooms.get(toKey(topic))
    if (known) return known
    const stop = this.#server.backplane.watch(topic, ({ change, id }) => {
      if (change !== 'left') return
      for (const of of room.censored.values()) if (of[0] === toHex(id)) this.#take(topic, of)
    })
    const room: Room = { censored: new Map(), stop }
    this.#rooms.set(toKey(topic), room)
    return room
  }

  #dropEmpty(topic: Uint8Array): void {
    const room = this.#rooms.get(toKey(topic))
    if (!room || room.censored.size > 0) return
    room.stop()
    this.#rooms.delete(toKey(topic))
  }

  #tell(topic: Uint8Array, { censored, ...how }: Omit<Note, 'topic'>): void {
    for (let at = 0; at < censored.length; at += MANY)
      this.#say({ topic: toHex(topic), ...how, censored: censored.slice(at, at + MANY) })
  }

  #say(moderation: Note | { ask: true }): void {
    const note = new TextEncoder().encode(JSON.stringify({ moderation }))
    const told = this.#server.backplane.tell(note)
    if (told instanceof Promise) told.catch(() => {}) // It tells it when it can.
  }

  async #hear(note: Uint8Array, late = false): Promise<void> {
    const heard = readNote(note)
    if (!heard) return
    if ('ask' in heard) {
      for (const [topic, { censored }] of this.#rooms)
        this.#tell(fromKey(topic), { on: true, standing: true, censored: [...censored.values()] })
      return
    }
    const topic = fromHex(heard.topic)
    for (const of of heard.censored)
      heard.on ? await this.#learn(topic, of, heard.standing || late) : this.#take(topic, of)
  }

  /** `anew`: those who are here were not told when it was decided. */
  async #learn(topic: Uint8Array, of: Standing, anew: boolean): Promise<void> {
    const name = JSON.stringify(of)
    const known = this.#rooms.get(toKey(topic))?.censored.has(name)
    if (known || (anew && this.#wasTaken(toKey(topic) + name)) || !this.#put(topic, of)) return
    if ((await this.#isThere(topic, of)) && anew) this.#onlearned(topic, of)
  }

  /** Who has gone meanwhile will not be heard of, and is forgotten. */
  async #isThere(topic: Uint8Array, of: Standing): Promise<boolean> {
    const there = this.member(topic, fromHex(of[0])).catch(() => true) // Other nodes can't be asked just now.
    if (await there) return true
    this.#take(topic, of)
    return false
  }
}

/** What a member of a room says of itself; undefined of one of another topic. */
export function readInfo(bytes: Uint8Array): Info | undefined {
  try {
    return decodeInfo(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return undefined
  }
}

function readNote(bytes: Uint8Array): Note | { ask: true } | undefined {
  try {
    const { moderation } = JSON.parse(new TextDecoder().decode(bytes))
    const { ask, topic, on, standing, censored } = Object(moderation)
    if (ask === true) return { ask }
    if (typeof topic !== 'string' || !ID.test(topic) || !Array.isArray(censored)) return undefined
    return {
      topic,
      on: on === true,
      standing: standing === true,
      censored: censored.filter(of => isStanding(of) && ID.test(of[0]))
    }
  } catch {
    return undefined
  }
}

export function fromHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], byte => Number.parseInt(byte, 16))
}
