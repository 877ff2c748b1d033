import { type PresenceChange, toKey } from 'socket-signal'
import type { Entry, Member } from './entry.ts'

/** @inline */
export type Listener = (change: PresenceChange) => void

/** What this node knows of one topic: its own members, and all others as long as somebody here watches. */
export interface Room {
  readonly key: string
  readonly members: Map<string, Entry>
  /** Members of this node. */
  readonly own: Set<string>
  readonly listeners: Set<Listener>
  /** Resolves when the members of other nodes are known. There while the topic is watched. */
  loaded?: Promise<void> | undefined
  /** Who was heard of while they are being loaded: what was read of them may be older. */
  touched?: Set<string> | undefined
  /** Others are loaded for the first time: who looks up is told of them then, so nobody is told before. */
  isNew?: boolean
}

/** Who is in which topic, as this node knows it, and telling its listeners what changes. */
export class View {
  readonly rooms = new Map<string, Room>()

  room(key: string): Room {
    let room = this.rooms.get(key)
    if (!room) {
      room = { key, members: new Map(), own: new Set(), listeners: new Set() }
      this.rooms.set(key, room)
    }
    return room
  }

  get watches(): number {
    let count = 0
    for (const { listeners } of this.rooms.values()) if (listeners.size > 0) count++
    return count
  }

  get topics(): number {
    let count = 0
    for (const { members } of this.rooms.values()) if (members.size > 0) count++
    return count
  }

  /** Puts a member in. `before`: the session that this one goes on from, so that nobody has left. */
  put(room: Room, entry: Entry, own: boolean, before?: string): void {
    const id = toKey(entry.id)
    const old = room.members.get(id)
    room.members.set(id, entry)
    if (own) room.own.add(id)
    else room.own.delete(id)
    room.touched?.add(id)
    const goesOn = old && (old.epoch === entry.epoch || (before !== undefined && old.epoch === before))
    if (room.isNew && !own) return
    if (old && !goesOn) tell(room, 'left', old)
    if (!goesOn) tell(room, 'joined', entry)
    if (goesOn && Buffer.compare(old.info, entry.info) !== 0) tell(room, 'updated', entry)
    if (goesOn ? old.away !== entry.away : entry.away) tell(room, entry.away ? 'away' : 'back', entry)
  }

  remove(room: Room, id: string): void {
    const old = room.members.get(id)
    room.touched?.add(id)
    room.members.delete(id)
    const own = room.own.delete(id)
    if (old && (own || !room.isNew)) tell(room, 'left', old)
    this.drop(room)
  }

  /** Forgets a topic in which nothing is left. */
  drop(room: Room): void {
    if (room.members.size > 0 || room.listeners.size > 0) return
    if (this.rooms.get(room.key) === room) this.rooms.delete(room.key)
  }

  /** Forgets the members of other nodes: nobody watches any more. */
  forget(room: Room): void {
    for (const id of [...room.members.keys()]) if (!room.own.has(id)) room.members.delete(id)
    room.loaded = room.touched = undefined
    room.isNew = false
    this.drop(room)
  }
}

function tell({ listeners }: Room, change: PresenceChange['change'], { id, info }: Member): void {
  for (const listener of [...listeners]) listener({ change, id, info })
}
