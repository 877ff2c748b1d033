import { SignalError, type SocketSignalClient } from 'socket-signal'
import type { SimulatedPeer, World } from 'socket-signal-testing'
import { Dials } from './dials.ts'
import { Ears, type Said } from './ears.ts'
import { View } from './view.ts'

/** What a call about a topic may fail with, to be called again. */
const PASSING = ['TIMEOUT', 'RATE_LIMITED', 'CLOSED']

/** What comes too late to be of use: for a session that has ended, or that has come to another state. */
const LATE = ['PEER_NOT_FOUND', 'INVALID_ARGUMENT']

/** One life of one peer: comes and goes, speaks and dials at random, and knows what it should see. */
export class Resident {
  readonly name: string
  readonly client: SocketSignalClient
  /** Topics that it is in, or is on its way into. */
  readonly wants = new Set<string>()
  /** Topics about which calls have not been answered yet, and how many. */
  readonly unsettled = new Map<string, number>()
  readonly view: View
  readonly ears: Ears
  readonly dials: Dials
  readonly #world: World
  readonly #peer: SimulatedPeer
  readonly #all: ReadonlyMap<string, Resident>
  readonly #life: string
  #said = 0

  /** `all`: those who live, by their names. */
  constructor(world: World, peer: SimulatedPeer, all: ReadonlyMap<string, Resident>) {
    const { name, client } = peer
    this.#world = world
    this.#peer = peer
    this.#all = all
    this.name = name
    this.client = client
    this.#life = `${name} ${world.random()}`
    // Thrown in a listener it would be reported and forgotten.
    const fail = (words: string) => {
      if (this.lives) world.failures.push(new Error(`violation: ${name}: ${words}`))
    }
    this.view = new View(world, client, fail)
    this.ears = new Ears(world, client, fail)
    this.dials = new Dials(world, client, fail)
    client.on('connected', (again, { resumed }) => {
      if (resumed && !again) fail('goes on where it has never been')
    })
    client.on('join', ({ topic }) => {
      const name = world.nameOf(topic)
      if (this.wants.has(name) && !this.unsettled.has(name)) this.ears.joined(name)
    })
    client.on('dropped', ({ error, id }) => {
      if (!LATE.includes(error.code)) fail(`dropped ${world.nameOf(id)}: ${error}`)
    })
  }

  /** Whether this is its peer's present life. */
  get lives(): boolean {
    return this.#peer.client === this.client
  }

  /** Until `end`, or its own: all at once, each with pauses. */
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
    this.view.enter(topic)
    this.ears.enter(topic)
    await this.#insist(topic, () =>
      this.client.join(this.#world.topic(topic), { watch: true, info: { name: this.name } })
    )
  }

  async leave(topic: string): Promise<void> {
    this.#world.step(this.name, `leaves ${topic}`)
    this.wants.delete(topic)
    this.view.leave(topic)
    this.ears.leave(topic)
    await this.#insist(topic, () => this.client.leave(this.#world.topic(topic)))
  }

  /** Publishes; who is there must hear it. Gives what it failed with. */
  async say(topic: string, to?: Resident): Promise<SignalError | undefined> {
    const said: Said = { from: this.name, life: this.#life, number: this.#said++ }
    const others = to ? [to] : [...this.#all.values()].filter(other => other !== this)
    const taken = others.flatMap(({ ears }) => ears.listens(topic, said) ?? [])
    const options = to && { to: to.client.id }
    try {
      await this.client.publish(this.#world.topic(topic), said, options)
      for (const tell of taken) tell()
    } catch (error) {
      if (error instanceof SignalError) return error
      throw error
    }
    return undefined
  }

  /** Comes or goes. */
  async #move(topics: readonly string[]): Promise<void> {
    const topic = this.#pick(topics)
    if (topic) await (this.wants.has(topic) ? this.leave(topic) : this.enter(topic))
  }

  async #speak(): Promise<void> {
    const topic = this.#pick([...this.wants].filter(name => !this.unsettled.has(name)))
    if (!topic) return
    const to = this.#world.random() < 0.3 ? this.#pick(this.view.of(topic)) : undefined
    const error = await this.say(topic, to === undefined ? undefined : this.#all.get(to))
    if (error) this.#world.step(this.name, `${error.code} says ${topic}`)
  }

  /** Dials somebody, or ends a connection. */
  #meet(): void {
    const open = this.client.peersConnected
    if (this.#world.random() < 0.3 && open.length > 0) return this.#pick(open)?.destroy()
    const topic = this.#pick([...this.wants])
    const to = topic && this.#pick(this.view.of(topic))
    const peer = this.#world.peers.find(({ name }) => name === to)
    if (topic && peer) this.dials.dial(topic, peer, this.#world.random() < 0.7)
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
        if (!(error instanceof SignalError && PASSING.includes(error.code))) throw error
        this.#world.step(this.name, `${error.code} ${topic}`)
        await this.#world.sleep(error.retryAfterMs ?? 500)
      }
    }
    count(-1)
    if (this.unsettled.has(topic)) return
    if (this.wants.has(topic)) this.ears.joined(topic)
    else this.ears.left(topic)
    this.#world.step(this.name, `is done with ${topic}`)
  }

  #pick<T>(list: readonly T[]): T | undefined {
    return list[Math.floor(this.#world.random() * list.length)]
  }
}
