import type { Clock } from './clock.ts'

/** How far a connection has come. `accepted`: the remote, or this side's gates, said yes. */
export type StageName =
  | 'token'
  | 'socket'
  | 'join'
  | 'offer'
  | 'route'
  | 'accepted'
  | 'answer'
  | 'gathering'
  | 'checking'
  | 'dtls'
  | 'open'

/** When something began and ended, by the client's clock. Unit: ms. */
export interface Mark {
  began: number
  /** Absent while it goes on, and for ever where it failed. */
  ended?: number
}

/** What happened when: a client keeps one for token, socket and joins, and each peer one for the rest. */
export class Trace {
  readonly marks = new Map<string, Mark>()
  readonly began: number
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
    this.began = clock.now()
  }

  /** Begins it, anew if it was there before, and ends what came before it. */
  begin(name: string, before = ''): void {
    this.end(before)
    this.marks.delete(name)
    this.marks.set(name, { began: this.#clock.now() })
  }

  end(name: string): void {
    const mark = this.marks.get(name)
    if (mark) mark.ended ??= this.#clock.now()
  }

  /** Ends it when the work is done, not when it fails. */
  async during<T>(name: string, work: Promise<T>): Promise<T> {
    this.begin(name)
    const result = await work
    this.end(name)
    return result
  }
}
