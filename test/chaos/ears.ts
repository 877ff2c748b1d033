import type { SocketSignalClient } from 'socket-signal'
import type { World } from 'socket-signal-testing'

/** A message. `life`: who speaks, and which of its lives; `number`: one more each time. */
export interface Said {
  from: string
  life: string
  number: number
}

/** A message that is to be heard. */
interface Owed {
  topic: string
  /** On which of the hearer's sockets it was when the message was sent, and when the server had taken it. */
  since: number
  until: number
}

/**
 * What one client hears. What the server has taken while the client was in the topic comes once and in order, or is
 * told as lost: on a socket whose place was taken up by the next one by number, else with all that it held.
 */
export class Ears {
  readonly #world: World
  readonly #fail: (words: string) => void
  readonly #owed = new Map<string, Owed>()
  readonly #heard = new Map<string, Set<number>>()
  /** Topics that the server has let it into, since when. */
  readonly #in = new Map<string, object>()
  /** Until when it may hear of a topic. */
  readonly #until = new Map<string, number>()
  /** Frames that were told as lost since its place was last a new one. */
  #lost = 0
  #socket = 0

  constructor(world: World, client: SocketSignalClient, fail: (words: string) => void) {
    this.#world = world
    this.#fail = fail
    client.on('connected', (_again, { resumed, lost }) => this.#connected(resumed, lost))
    client.on('message', ({ topic, id, data }) => {
      const said = data as Said
      if (said.from !== world.nameOf(id)) fail(`${said.from} spoke as ${world.nameOf(id)}`)
      this.#hear(world.nameOf(topic), said)
    })
  }

  enter(topic: string): void {
    this.#until.set(topic, Number.POSITIVE_INFINITY)
  }

  /** From here on it must hear of it. */
  joined(topic: string): void {
    if (!this.#in.has(topic)) this.#in.set(topic, {})
  }

  /** From here on it need not hear of a topic. */
  leave(topic: string): void {
    this.#in.delete(topic)
    for (const [key, owed] of this.#owed) if (owed.topic === topic) this.#owed.delete(key)
  }

  /** From here on it may hear no more of it, but for what is under way. */
  left(topic: string): void {
    this.#until.set(topic, this.#world.clock.now() + 1000)
  }

  /** Whether it is sure to be in a topic now; if so, gives what is to be called once the server has taken the message. */
  listens(topic: string, { life, number }: Said): (() => void) | undefined {
    const stay = this.#in.get(topic)
    const since = this.#socket
    if (!stay) return undefined
    return () => {
      if (this.#in.get(topic) !== stay || this.#heard.get(life)?.has(number)) return
      this.#owed.set(`${life} ${number}`, { topic, since, until: this.#socket })
    }
  }

  /** What it has not heard, and was not told as lost. */
  get missing(): string[] {
    const late = [...this.#owed].filter(([, { since }]) => since === this.#socket)
    const all = late.length === 0 && this.#owed.size > this.#lost ? [...this.#owed] : late
    return all.map(([key, { topic }]) => `${key} in ${topic}`)
  }

  #connected(resumed: boolean, lost: number): void {
    if (resumed) this.#lost += lost
    else {
      // What went out on the last socket, or had waited for it, may be lost with it; nobody has counted that.
      const owed = [...this.#owed].filter(([, { until }]) => until < this.#socket - 1)
      if (owed.length > this.#lost) this.#fail(`missed ${owed.map(([key]) => key)}, told were ${this.#lost}`)
      this.#owed.clear()
      this.#in.clear()
      this.#lost = 0
    }
    this.#socket++
  }

  #hear(topic: string, { life, number }: Said): void {
    if (!(this.#world.clock.now() <= (this.#until.get(topic) ?? 0)))
      this.#fail(`heard of ${topic}, which it is not in`)
    const heard = this.#heard.get(life) ?? new Set()
    this.#heard.set(life, heard)
    if (heard.has(number)) this.#fail(`heard ${life} ${number} twice`)
    if (number < Math.max(...heard)) this.#fail(`heard ${life} ${number} too late`)
    heard.add(number)
    this.#owed.delete(`${life} ${number}`)
  }
}
