import { SignalError } from 'socket-signal'
import type { Names } from './names.ts'
import { encodeMessage, encodeNote } from './note.ts'
import type { Pulse } from './pulse.ts'
import { KEEP, MISSED } from './scripts.ts'
import { unavailable } from './trouble.ts'

export interface ToldOptions {
  pulse: Pulse
  names: Names
  node: string
  /** Hears a message as if it came just now. */
  onmessage(message: Buffer): void
  onmalformed(): void
}

const MAX_UNTOLD = 1000
/** Unit: bytes. */
const MAX_NOTE = 64 * 1024
/** How long it is kept for who can't hear it. Unit: ms. */
const KEPT = 60 * 60_000
/** Clocks don't run alike; what is heard twice is heard once. Unit: ms. */
const SLACK = 1000

/** What servers tell one another: at once, or when who tells, or who is told, is back at Redis. */
export class Told {
  readonly #options: ToldOptions
  readonly #listeners = new Set<(note: Uint8Array, late: boolean) => void>()
  /** Whether what is heard just now was told while this node was away. */
  #late = false
  /** Messages that could not be told, for later. */
  readonly #untold: Buffer[] = []

  constructor(options: ToldOptions) {
    this.#options = options
  }

  async tell(note: Uint8Array): Promise<void> {
    if (note.length > MAX_NOTE) throw new SignalError('TOO_LARGE', `a note has at most ${MAX_NOTE} bytes`)
    await this.#tell(encodeMessage(this.#options.node, [encodeNote({ kind: 'told', note: note as Buffer })]))
  }

  async #tell(message: Buffer): Promise<void> {
    const { pulse, names } = this.#options
    try {
      if (!pulse.isReady) throw unavailable('the backplane is degraded')
      // First: who comes back meanwhile reads it there, or is there already to hear it.
      await pulse.run(KEEP, [names.told], [message, String(KEPT)])
      await pulse.shout(message)
    } catch {
      if (this.#untold.push(message) > MAX_UNTOLD) this.#untold.shift()
    }
  }

  listen(listener: (note: Uint8Array, late: boolean) => void): () => void {
    const own = (note: Uint8Array, late: boolean) => listener(note, late)
    this.#listeners.add(own)
    return () => void this.#listeners.delete(own)
  }

  /** Another node tells. */
  heard(note: Uint8Array): void {
    const { onmalformed } = this.#options
    if (note.length > MAX_NOTE) return onmalformed()
    for (const listener of [...this.#listeners]) {
      try {
        listener(note, this.#late)
      } catch {
        onmalformed()
      }
    }
  }

  /** Hears what others told while this node was away from Redis. Throws when it can't. */
  async catchUp(): Promise<void> {
    const { pulse, names, onmessage } = this.#options
    const ago = Math.ceil(performance.now() - pulse.goodAt + SLACK)
    const missed = await pulse.run(MISSED, [names.told], [String(ago)], true)
    this.#late = true
    for (const message of Array.isArray(missed) ? missed : [])
      if (Buffer.isBuffer(message)) onmessage(message)
    this.#late = false
  }

  /** Tells what could not be told. */
  flush(): void {
    for (const message of this.#untold.splice(0)) void this.#tell(message)
  }
}
