import { CODES, type Peer, SignalError, type SocketSignalClient } from 'socket-signal'
import type { SimulatedPeer, World } from 'socket-signal-testing'

/** A connection that one peer asked for. */
interface Dial {
  peer: Peer
  to: string
  /** How it ended, once it has. */
  outcome?: 'open' | SignalError
}

/** Something that must never be: the scenario fails with it at once. */
function violation(words: string): never {
  throw new Error(`violation: ${words}`)
}

/** One life of one peer: comes and goes, speaks and dials at random, and knows what it should see. */
export class Resident {
  readonly name: string
  readonly client: SocketSignalClient
  /** Topics that it is in, or is on its way into. */
  readonly wants = new Set<string>()
  /** Topics about which calls have not been answered yet, and how many. */
  readonly unsettled = new Map<string, number>()
  /** Who is in which topic, as far as this client was told. */
  readonly view = new Map<string, Set<string>>()
  readonly dials: Dial[] = []
  readonly #world: World
  readonly #peer: SimulatedPeer
  /** When the last call about a topic was answered. */
  readonly #left = new Map<string, number>()
  readonly #heard = new Map<string, number>()
  #said = 0

  constructor(world: World, peer: SimulatedPeer) {
    this.#world = world
    this.#peer = peer
    this.name = peer.name
    this.client = peer.client
    this.#listen()
  }

  /** Whether this is its peer's present life. */
  get lives(): boolean {
    return this.#peer.client === this.client
  }

  /** Until `end`, or its own: all three at once, each with pauses. */
  async run(topics: readonly string[], end: number): Promise<void> {
    const goes = () => this.lives && this.#world.clock.now() < end
    const every = async (pause: number, act: () => unknown) => {
      for (;;) {
        await this.#world.sleep(this.#world.random() * pause)
        if (!goes()) return
        await act()
      }
    }
    const first = topics.filter(() => this.#world.random() < 0.3)
    await Promise.all([
      this.#open(),
      Promise.all(first.map(topic => this.enter(topic))),
      every(4000, () => this.#move(topics)),
      every(1500, () => this.#speak()),
      every(2500, () => this.#meet())
    ])
  }

  async #open(): Promise<void> {
    while (this.client.status !== 'closed' && !this.client.connected) {
      await this.client.open().catch(error => {
        if (!(error instanceof SignalError && (error.retryable || error.code === 'CLOSED'))) throw error
      })
      await this.#world.sleep(1000)
    }
  }

  /** Joins, however long that takes. */
  async enter(topic: string): Promise<void> {
    this.#world.step(this.name, `enters ${topic}`)
    this.wants.add(topic)
    this.view.set(topic, this.view.get(topic) ?? new Set())
    await this.#insist(topic, () =>
      this.client.join(this.#world.topic(topic), { watch: true, info: { name: this.name } })
    )
  }

  async leave(topic: string): Promise<void> {
    this.#world.step(this.name, `leaves ${topic}`)
    this.wants.delete(topic)
    this.view.delete(topic)
    await this.#insist(topic, () => this.client.leave(this.#world.topic(topic)))
  }

  dial(topic: string, to: SimulatedPeer, dedupe: boolean): Dial {
    const peer = this.client.connect(this.#world.topic(topic), to.id, { dedupe })
    const dial: Dial = { peer, to: to.name }
    this.dials.push(dial)
    peer.ready().then(
      () => (dial.outcome = 'open'),
      error => {
        if (!(error instanceof SignalError && error.code in CODES)) violation(`${this.name}: ${error}`)
        dial.outcome = error
      }
    )
    return dial
  }

  #listen(): void {
    const { client } = this
    const viewOf = (topic: Uint8Array) => this.view.get(this.#world.nameOf(topic))
    client.on('peer-joined', ({ topic, id, info }) => {
      const name = this.#world.nameOf(id)
      if ((info as { name?: string })?.name !== name) this.#fail(`${name} came with ${JSON.stringify(info)}`)
      if (viewOf(topic)?.has(name)) this.#fail(`${name} came twice`)
      viewOf(topic)?.add(name)
    })
    client.on('peer-left', ({ topic, id }) => {
      const name = this.#world.nameOf(id)
      if (viewOf(topic)?.delete(name) === false) this.#fail(`${name} left, who was not there`)
    })
    client.on('message', ({ topic, id, data }) => {
      const { from, life, number } = data as { from: string; life: string; number: number }
      if (from !== this.#world.nameOf(id)) this.#fail(`${from} spoke as ${this.#world.nameOf(id)}`)
      const name = this.#world.nameOf(topic)
      // What was under way when it left may still come.
      if (!this.wants.has(name) && !(this.#leftAt(name) > this.#world.clock.now() - 1000))
        this.#fail(`heard of ${name}, which it is not in`)
      if ((this.#heard.get(life) ?? -1) >= number) this.#fail(`heard ${life} ${number} twice, or too late`)
      this.#heard.set(life, number)
    })
  }

  /** Thrown in a listener it would be reported and forgotten. */
  #fail(words: string): void {
    this.#world.failures.push(new Error(`violation: ${this.name}: ${words}`))
  }

  #leftAt(topic: string): number {
    return this.unsettled.has(topic) ? Number.POSITIVE_INFINITY : (this.#left.get(topic) ?? 0)
  }

  /** Comes or goes. */
  async #move(topics: readonly string[]): Promise<void> {
    const topic = this.#pick(topics)
    if (topic) await (this.wants.has(topic) ? this.leave(topic) : this.enter(topic))
  }

  async #speak(): Promise<void> {
    const topic = this.#pick([...this.wants].filter(name => !this.unsettled.has(name)))
    if (!topic) return
    const [from, number] = [this.name, this.#said++]
    const life = `${from} ${this.#born}`
    await this.client.publish(this.#world.topic(topic), { from, life, number }).catch(error => {
      if (!(error instanceof SignalError)) violation(`${this.name}: ${error}`)
    })
  }

  readonly #born = Math.random()

  /** Dials somebody, or ends a connection. */
  #meet(): void {
    const open = this.client.peersConnected
    if (this.#world.random() < 0.3 && open.length > 0) return this.#pick(open)?.destroy()
    const topic = this.#pick([...this.wants])
    const to = topic && this.#pick([...(this.view.get(topic) ?? [])])
    const peer = this.#world.peers.find(({ name }) => name === to)
    if (topic && peer) this.dial(topic, peer, this.#world.random() < 0.7)
  }

  /** Again and again while the servers can't be reached, and as long as it is still wanted. */
  async #insist(topic: string, ask: () => Promise<unknown>): Promise<void> {
    const wanted = this.wants.has(topic)
    const count = (by: number) => {
      const calls = (this.unsettled.get(topic) ?? 0) + by
      if (calls > 0) this.unsettled.set(topic, calls)
      else this.unsettled.delete(topic)
    }
    count(1)
    while (this.lives && this.wants.has(topic) === wanted) {
      try {
        await ask()
        break
      } catch (error) {
        if (!this.lives) return
        if (!(error instanceof SignalError && error.retryable)) throw error
        this.#world.step(this.name, `${error.code} ${topic}`)
        await this.#world.sleep(error.retryAfterMs ?? 500)
      }
    }
    count(-1)
    this.#left.set(topic, this.#world.clock.now())
    this.#world.step(this.name, `is done with ${topic}`)
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#world.random() * list.length)]
  }
}
