import type { SocketSignalClient } from 'socket-signal'
import type { World } from 'socket-signal-testing'

/** Who is in which topic, as far as one client was told. */
export class View {
  /** By topic and name: whether it is away. */
  readonly #there = new Map<string, Map<string, boolean>>()
  readonly #world: World
  readonly #fail: (words: string) => void

  constructor(world: World, client: SocketSignalClient, fail: (words: string) => void) {
    this.#world = world
    this.#fail = fail
    client.on('peer-joined', ({ topic, id, info }) => this.#joined(topic, id, info))
    client.on('peer-left', ({ topic, id }) =>
      this.#of(topic, id, 'left', there => there.delete(world.nameOf(id)))
    )
    client.on('peer-away', ({ topic, id }) => this.#moved(topic, id, true))
    client.on('peer-back', ({ topic, id }) => this.#moved(topic, id, false))
  }

  enter(topic: string): void {
    if (!this.#there.has(topic)) this.#there.set(topic, new Map())
  }

  leave(topic: string): void {
    this.#there.delete(topic)
  }

  /** Whom it sees in a topic, in order of names. */
  of(topic: string): string[] {
    return [...(this.#there.get(topic)?.keys() ?? [])].sort()
  }

  /** Those that it sees as away. */
  get away(): string[] {
    return [...this.#there].flatMap(([topic, there]) =>
      [...there].flatMap(([name, isAway]) => (isAway ? `${name} in ${topic}` : []))
    )
  }

  #joined(topic: Uint8Array, id: Uint8Array, info: unknown): void {
    const name = this.#world.nameOf(id)
    if ((info as { name?: string })?.name !== name) this.#fail(`${name} came with ${JSON.stringify(info)}`)
    const there = this.#there.get(this.#world.nameOf(topic))
    if (there?.has(name)) this.#fail(`${name} came twice`)
    there?.set(name, false)
  }

  #moved(topic: Uint8Array, id: Uint8Array, away: boolean): void {
    const name = this.#world.nameOf(id)
    this.#of(topic, id, away ? 'went away' : 'came back', there => there.has(name) && !!there.set(name, away))
  }

  /** What is told of somebody who is not there is a mistake. */
  #of(topic: Uint8Array, id: Uint8Array, what: string, act: (there: Map<string, boolean>) => boolean): void {
    const there = this.#there.get(this.#world.nameOf(topic))
    if (there && !act(there)) this.#fail(`${this.#world.nameOf(id)} ${what}, who was not there`)
  }
}
