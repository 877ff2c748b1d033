import { isNode } from './entry.ts'
import type { Names } from './names.ts'
import { encodeMessage, encodeNote } from './note.ts'
import type { Script } from './script.ts'
import { BEAT, BYE, RELAY } from './scripts.ts'
import type { Arg, Store } from './store.ts'
import { isOfOneKey, unavailable, within } from './trouble.ts'

/**
 * `degraded`: Redis is down or slow; what is on this node goes on, other nodes are not reached (BACKPLANE_UNAVAILABLE).
 */
export type Status = 'opening' | 'ready' | 'degraded' | 'closed'

export interface PulseOptions {
  store: Store
  names: Names
  node: string
  /** How often a node says that it lives. Unit: ms. */
  heartbeat: number
  /** How long a command may take. Unit: ms. */
  timeout: number
  onmessage(message: Buffer): void
  /** Says everything of this node anew. Throws when it can't. */
  announce(): Promise<void>
  onready(): void
  ondegraded(error: unknown): void
  /** A node's lease is over. */
  ondeath(node: string): void
}

/** So many heartbeats without a sign of life, and a node is dead: noticed within three. */
const LEASE = 2.5
const MAX_NODES = 4096
/** Unit: ms. */
const LOOK_GAP = 50

/** Whether Redis is there, and which nodes are: one heartbeat for both. */
export class Pulse {
  status: Status = 'opening'
  /** How long the last heartbeat took. Unit: ms. */
  latency = 0
  readonly lease: number
  /** When it was last certain that this node hears what is said to it, as `performance.now()` has it. */
  goodAt: number = performance.now()
  readonly #options: PulseOptions
  /** Until when other nodes live, as `performance.now()` has it. */
  readonly #until = new Map<string, number>()
  #opening: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #ticking = false
  #watch: NodeJS.Timeout | undefined
  #count = 0
  #heard: { count: number; done(): void } | undefined
  #subscribed: Promise<unknown> | undefined
  #looking: Promise<void> | undefined
  #beatAt = 0
  #ear: unknown

  constructor(options: PulseOptions) {
    this.#options = options
    this.lease = Math.ceil(options.heartbeat * LEASE)
  }

  get isReady(): boolean {
    return this.status === 'ready'
  }

  /** Names of the other nodes that live. */
  get nodes(): string[] {
    return [...this.#until.keys()].filter(node => this.isLive(node))
  }

  isLive(node: string): boolean {
    return node === this.#options.node || (this.#until.get(node) ?? 0) > performance.now()
  }

  /** Whether a node lives, of which nothing may be known yet. */
  async meet(node: string): Promise<boolean> {
    if (!this.isLive(node)) await this.look()
    return this.isLive(node)
  }

  /** Asks who is there, once for all who want to know: what is asked for often, because it is no node at all, is no flood. */
  look(): Promise<void> {
    this.#looking ??= this.#look()
    return this.#looking
  }

  /** Resolves once it is known how things are; what is wrong then is told as degraded. */
  open(): Promise<void> {
    this.#opening ??= this.#run()
    return this.#opening
  }

  /** Runs a script. Rejects with BACKPLANE_UNAVAILABLE: at once while degraded, else within the deadline. */
  async run(script: Script, keys: readonly string[], args: readonly Arg[], urgent = false): Promise<unknown> {
    const { store, timeout } = this.#options
    if (this.status === 'closed' || (!urgent && !this.isReady)) throw unavailable('the backplane is degraded')
    try {
      if (!store.isReady) throw store.why()
      return await within(store.run(script, keys, args), timeout)
    } catch (error) {
      if (!isOfOneKey(error)) this.degrade(error)
      throw unavailable('the backplane could not be reached', error)
    }
  }

  /** Says something to one node. */
  relay(node: string, message: Buffer): Promise<unknown> {
    const { names } = this.#options
    return this.run(RELAY, [names.slot(node)], [names.channel + node, message])
  }

  degrade(error: unknown): void {
    if (this.status === 'closed') return
    const was = this.status
    this.status = 'degraded'
    if (was !== 'degraded') this.#options.ondegraded(error)
    if (was === 'ready') this.#next(100)
  }

  /** Its own message came back. */
  heard(count: number): void {
    if (this.#heard && count >= this.#heard.count) this.#heard.done()
  }

  /** A node has ended. */
  forget(node: string): void {
    this.#until.delete(node)
    this.#options.ondeath(node)
  }

  /** Says something to all other nodes. */
  async shout(message: Buffer): Promise<void> {
    await this.look()
    await this.#shoutTo(this.nodes, message)
  }

  async #shoutTo(nodes: readonly string[], message: Buffer): Promise<void> {
    await Promise.all(nodes.map(node => this.relay(node, message)))
  }

  async close(): Promise<void> {
    const { names, node } = this.#options
    clearTimeout(this.#timer)
    clearInterval(this.#watch)
    const bye = encodeMessage(node, [encodeNote({ kind: 'bye' })])
    const leave = async () => {
      await this.look()
      await this.run(BYE, [names.nodes], [node])
      await this.#shoutTo(this.nodes, bye)
    }
    if (this.isReady) await leave().catch(() => {})
    this.status = 'closed'
    this.#heard?.done()
  }

  async #run(): Promise<void> {
    if (this.status === 'closed') return
    this.#watch = setInterval(() => void this.#bury(), this.#options.heartbeat / 4)
    await this.#tick()
  }

  async #tick(): Promise<void> {
    const { heartbeat, store, timeout } = this.#options
    const started = performance.now()
    this.#ticking = true
    try {
      if (!this.isReady) await this.#connected()
      await this.#subscribe()
      if (!this.isReady) await within(store.prime(), timeout)
      await this.#beat(true)
      if (this.isReady && store.ear !== this.#ear) this.degrade(new Error('a connection to Redis was lost'))
      this.#ear = store.ear
      if (!this.isReady) await this.#recover()
      this.goodAt = started
    } catch (error) {
      this.degrade(error)
    }
    if (this.status === 'closed') return
    const next = this.isReady ? heartbeat : Math.min(heartbeat / 2, 500)
    this.#ticking = false
    this.#next(Math.max(next - (performance.now() - started), 10))
  }

  #next(delay: number): void {
    if (this.#ticking) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#tick(), delay)
  }

  async #recover(): Promise<void> {
    const { announce, heartbeat } = this.#options
    // What there is to say may take longer than a lease.
    const beats = setInterval(() => void this.look().catch(() => {}), heartbeat)
    await announce().finally(() => clearInterval(beats))
    if (this.status === 'closed') return
    const until = performance.now() + this.lease
    // Others may have yet to find out that Redis is back.
    for (const node of this.#until.keys()) this.#until.set(node, until)
    this.status = 'ready'
    this.#options.onready()
  }

  async #connected(): Promise<void> {
    const { store, timeout } = this.#options
    const end = performance.now() + timeout
    // It may have been made a moment ago.
    while (!store.isReady && performance.now() < end) await new Promise(resolve => setTimeout(resolve, 10))
    if (!store.isReady) throw store.why()
  }

  #subscribe(): Promise<unknown> {
    const { store, names, node, timeout, onmessage } = this.#options
    this.#subscribed ??= store.listen(names.channel + node, onmessage).catch(error => {
      this.#subscribed = undefined
      throw error
    })
    return within(this.#subscribed, timeout)
  }

  async #look(): Promise<void> {
    const due = this.#beatAt + LOOK_GAP - performance.now()
    // In any case: what is called in its own turn has yet to be kept.
    await (due > 0 ? new Promise(resolve => setTimeout(resolve, due)) : undefined)
    this.#looking = undefined // Who asks from here on wants to know what is later.
    await this.#beat(false)
  }

  /** Renews the lease. `aloud`: waits until it has heard itself as well. */
  async #beat(aloud: boolean): Promise<void> {
    const { names, node, timeout } = this.#options
    const count = (this.#count = (this.#count + 1) % 2 ** 32)
    const message = encodeMessage(node, [encodeNote({ kind: 'beat', count })])
    const hears = aloud ? new Promise<void>(done => (this.#heard = { count, done })) : undefined
    const started = performance.now()
    const args = [node, String(this.lease), names.channel + node, message]
    const answer = await this.run(BEAT, [names.nodes], args, true)
    this.latency = performance.now() - started
    this.#beatAt = performance.now()
    this.#learn(answer)
    const hadLease = Array.isArray(answer) && answer[0] === 1
    // Without it others took this node for dead, and may have forgotten who is here.
    if (this.isReady && !hadLease) this.degrade(new Error('the lease was over, or Redis has lost its data'))
    if (hears) await within(hears, timeout)
  }

  #learn(answer: unknown): void {
    if (!Array.isArray(answer)) return
    const now = performance.now()
    for (let at = 1; at + 1 < answer.length; at += 2) {
      const [node, left] = [String(answer[at]), Number(answer[at + 1])]
      if (node === this.#options.node || !isNode(node) || !(left > 0)) continue
      if (this.#until.size >= MAX_NODES && !this.#until.has(node)) continue
      const until = now + Math.min(left, this.lease * 4)
      this.#until.set(node, Math.max(until, this.#until.get(node) ?? 0))
    }
  }

  /** Nodes whose lease is over, once Redis has said so again. */
  async #bury(): Promise<void> {
    const late = () => [...this.#until.keys()].filter(node => !this.isLive(node))
    if (!this.isReady || late().length === 0) return
    try {
      await this.look()
    } catch {
      return
    }
    if (!this.isReady) return
    for (const node of late()) {
      this.#until.delete(node)
      this.#options.ondeath(node)
    }
  }
}
