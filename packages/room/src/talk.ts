import type { Rtc } from 'socket-signal'
import type { Kind, Subscription } from './types.ts'

/** What the two of a pair tell each other over the data channel; each time all of it, so that nothing depends on order. */
export interface Words {
  /** Which streams, by key, the sender of this wants. */
  want?: ReadonlyMap<string, Subscription>
  /** What the sender of this sends, by the `mid` of its line. */
  lines?: ReadonlyMap<string, readonly [key: string, kind: Kind]>
}

/** Unit: characters. */
const MAX = 64 * 1024
const MAX_ENTRIES = 64

/** JSON, a line each, over an Rtc's data channel. Says what has changed; `onwords` is given what makes sense. */
export class Talk {
  readonly #rtc: Rtc
  readonly #said: { [word: string]: string } = {}
  readonly #decoder = new TextDecoder()
  #rest = ''

  constructor(rtc: Rtc, onwords: (words: Words) => void, onnonsense: () => void) {
    this.#rtc = rtc
    rtc.on('data', (bytes: Uint8Array) => {
      const lines = (this.#rest + this.#decoder.decode(bytes, { stream: true })).split('\n')
      this.#rest = lines.pop() ?? ''
      if (this.#rest.length > MAX) return onnonsense()
      for (const line of lines) {
        const words = read(line)
        if (!words) return onnonsense()
        onwords(words)
      }
    })
  }

  say<W extends keyof Words>(word: W, value: NonNullable<Words[W]>): void {
    const text = JSON.stringify({ [word]: Object.fromEntries(value) })
    if (this.#said[word] === text || this.#rtc.destroyed) return
    this.#said[word] = text
    this.#rtc.write(`${text}\n`)
  }
}

function read(line: string): Words | undefined {
  try {
    const { want, lines } = Object(JSON.parse(line))
    return {
      ...(want && { want: entries(want, toSubscription) }),
      ...(lines && { lines: entries(lines, toLine) })
    }
  } catch {
    return undefined
  }
}

/** A map, since the names are theirs: 'constructor' must be nothing that was not said. */
function entries<T>(value: unknown, to: (value: unknown) => T | undefined): Map<string, T> {
  const all = Object.entries(Object(value)).slice(0, MAX_ENTRIES)
  return new Map(
    all.flatMap(([name, each]) => {
      const made = to(each)
      return made ? [[name, made] as const] : []
    })
  )
}

function toSubscription(value: unknown): Subscription {
  const { audio, video, height } = Object(value)
  return { audio: audio === true, video: video === true, ...(Number.isFinite(height) && { height }) }
}

function toLine(value: unknown): [string, Kind] | undefined {
  const [key, kind] = Array.isArray(value) ? value : []
  return typeof key === 'string' && (kind === 'audio' || kind === 'video') ? [key, kind] : undefined
}
