import type { Clock } from 'socket-signal'

/** What happened, a line each: when (ms), to whom, what. The same seed gives the same lines, byte for byte. */
export class Trace {
  /** What came so far, without the last line, which tells of all bytes. */
  readonly lines: string[] = []
  readonly #clock: Clock
  #frames = 0
  #digest = FNV_START

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Adds a line. `who` is one word. */
  step(who: string, what: string): void {
    this.lines.push(`${this.#time()} ${who} ${what}`)
  }

  /** How many were sent, of all servers and clients. */
  get frames(): number {
    return this.#frames
  }

  /** Every byte that is sent counts, although no line tells of it: two runs that differ in one differ in their last line. */
  frame(bytes: Uint8Array): void {
    this.#frames++
    let digest = this.#digest
    for (let at = 0; at < bytes.length; at++) digest = Math.imul(digest ^ (bytes[at] as number), FNV_PRIME)
    this.#digest = Math.imul(digest ^ this.#clock.now(), FNV_PRIME)
  }

  /** Adds the last line: how many frames there were, and a digest of their bytes and times. */
  end(): void {
    this.step('wire', `frames ${this.#frames}, digest ${(this.#digest >>> 0).toString(16).padStart(8, '0')}`)
  }

  /** All lines, each with its end. */
  toString(): string {
    return `${this.lines.join('\n')}\n`
  }

  #time(): string {
    return this.#clock.now().toFixed(1).padStart(9)
  }
}

/** FNV-1a, 32 bits (RFC 9923). */
const FNV_START = 0x811c9dc5 | 0
const FNV_PRIME = 0x01000193
