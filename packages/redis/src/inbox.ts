import { type ReplyTo, toKey } from 'socket-signal'
import { decodeEntry } from './entry.ts'
import { Heard } from './heard.ts'
import type { Ids } from './ids.ts'
import { decodeMessage, type Note, Result } from './note.ts'
import type { Place } from './place.ts'
import type { Pulse } from './pulse.ts'
import type { Routes } from './routes.ts'
import type { Told } from './told.ts'
import type { Topics } from './topics.ts'

export interface InboxOptions {
  node: string
  pulse: Pulse
  routes: Routes
  topics: Topics
  ids: Ids
  told: Told
  /** Who has an id on this node. */
  places: ReadonlyMap<string, Place>
}

/** What other nodes say: heard once, and handed to whoever it is for. It comes from Redis, so it may be anything. */
export class Inbox {
  /** How much was ignored, because no node says or keeps such a thing. */
  malformed = 0
  readonly #options: InboxOptions
  readonly #heard = new Heard()

  constructor(options: InboxOptions) {
    this.#options = options
  }

  receive(message: Buffer): void {
    const decoded = decodeMessage(message)
    if (!decoded) return void this.malformed++
    if (!this.#heard.isNew(decoded.number)) return
    for (const note of decoded.notes) this.#guard(() => this.#note(decoded.from, note))
  }

  /** A frame for a mailbox of this node. */
  deliver(key: string, frame: Buffer, replyTo?: ReplyTo): Result {
    const place = this.#options.places.get(key)
    if (!place) return Result.absent
    const taken = this.#guard(() => place.mailbox.deliver(frame, replyTo))
    return taken ? Result.taken : Result.refused
  }

  #note(from: string, note: Note): void {
    const { node, pulse, routes, topics, ids, told } = this.#options
    switch (note.kind) {
      case 'beat':
        return from === node ? pulse.heard(note.count) : void this.malformed++
      case 'frame':
        return routes.ack(from, note.seq, this.deliver(toKey(note.to), note.frame, note.reply))
      case 'ack':
        if (!routes.onack(from, note.seq, note.result)) this.malformed++
        return
      case 'lost':
        return ids.lose(toKey(note.id), note.epoch)
      case 'entered': {
        const entry = decodeEntry(note.entry)
        return entry ? topics.entered(note.topic, entry, note.before) : void this.malformed++
      }
      case 'gone':
        return topics.gone(note.topic, note.id, note.epoch)
      case 'spoken':
        return void topics.speakHere(note.topic, note.frame, note.except)
      case 'ask':
        return ids.handOver(from, note)
      case 'handed':
        return ids.handed(from, note.seq, note.kept)
      case 'bye':
        return pulse.forget(from)
      case 'told':
        // Its own, where it reads what was told lately.
        if (from !== node) told.heard(note.note)
    }
  }

  /** A frame that is none must not end the process, nor hold back what came with it. */
  #guard<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch {
      this.malformed++
      return undefined
    }
  }
}
