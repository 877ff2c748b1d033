import { SignalError, toKey } from 'socket-signal'
import { decodeEntry, type Entry, encodeEntry, isEpoch, isNode } from './entry.ts'
import { Gate } from './gate.ts'
import type { Names } from './names.ts'
import { encodeLost, encodeMessage, encodeNote, NO_EPOCH } from './note.ts'
import type { Pulse } from './pulse.ts'
import { CLAIM, DROP, ENTER, FOLLOW, HOLDER, LEAVE, PRUNE, SAMPLE, SPEAK, WALK } from './scripts.ts'
import { isOfOneKey } from './trouble.ts'

export interface Claim {
  id: Uint8Array
  proven: boolean
  conflict: 'replace' | 'reject'
  away?: boolean
  /** Its epoch, if it has one already. */
  own?: string
  /** A session that may be passed over: it gave its place up, or its node is dead. */
  over?: string
  /** It came so long ago, while Redis was away. Unit: ms. */
  ago?: number
  /** Said while the backplane is still degraded. */
  urgent?: boolean
}

/** A member that comes, and the session that it goes on from. */
export interface Coming {
  entry: Entry
  before?: string | undefined
}

export interface RegistryOptions {
  pulse: Pulse
  names: Names
  node: string
  /** How long Redis keeps what nobody says again. Unit: ms. */
  ttl: number
  onmalformed(): void
}

/** In one call. */
export const CHUNK = 100
const PAGE = 1000
const ROUNDS = 4

/** What Redis knows: who holds an id, and who is in a topic. */
export class Registry {
  readonly #options: RegistryOptions
  /** What could not be taken out of Redis, and is tried again. */
  readonly #owed = new Map<string, () => Promise<unknown>>()
  readonly #running = new Set<Promise<unknown>>()
  /** What is said of members goes through here; looking up and frames don't wait for it. */
  readonly #gate = new Gate()

  constructor(options: RegistryOptions) {
    this.#options = options
  }

  /** Gives the epoch, or whose the id stays. */
  async claim(
    claim: Claim,
    isHere: (epoch: string) => boolean
  ): Promise<{ epoch: string } | { held: string }> {
    const { node, names, ttl, pulse } = this.#options
    const { id, proven, conflict, own = '', away, ago = 0, urgent } = claim
    let { over = '' } = claim
    const lost = encodeLost(node, id)
    for (let round = 0; ; round++) {
      const flags = [proven ? 'p' : '-', conflict, over, own, String(ttl), names.channel]
      const args = [node, ...flags, lost, away ? 'a' : '-', String(Math.floor(ago))]
      const answer = await this.#say(CLAIM, [names.mailbox(toKey(id))], args, urgent)
      const [taken, first, second] = Array.isArray(answer) ? answer : []
      if (taken === 1) return { epoch: String(first) }
      const [holder, epoch] = [String(first), String(second)]
      // Who was let in by the reply before this one has its place when this turn is over.
      if (holder === node) await new Promise(resolve => setImmediate(resolve))
      const lives = holder === node ? isHere(epoch) : await pulse.meet(holder)
      if (lives || round === ROUNDS) return { held: epoch }
      over = epoch
    }
  }

  async drop(id: Uint8Array, epoch: string): Promise<void> {
    if (!epoch) return
    const { node, names } = this.#options
    const key = toKey(id)
    await this.#sure(`${key}${epoch}`, urgent =>
      this.#say(DROP, [names.mailbox(key)], [node + epoch], urgent)
    )
  }

  /** The node that holds an id, if it lives. */
  async holder(key: string): Promise<string | undefined> {
    const { names, pulse } = this.#options
    const record = await pulse.run(HOLDER, [names.mailbox(key)], [])
    if (record === null) return undefined
    const text = Buffer.isBuffer(record) ? record.toString('latin1') : ''
    const [node, epoch] = [text.slice(0, 12), text.slice(12, 28)]
    if (text.length !== 30 || !isNode(node) || !isEpoch(epoch)) this.#options.onmalformed()
    else if (await pulse.meet(node)) return node
    return undefined
  }

  /** Puts members of this node in. `aloud`: tells those that watch even of what was there. Gives epochs that stood in the way. */
  async enter(
    topic: string,
    coming: readonly Coming[],
    { urgent = false, aloud = false } = {}
  ): Promise<string[]> {
    const { node, names, ttl } = this.#options
    const items = coming.flatMap(({ entry, before = NO_EPOCH }) => {
      const bytes = encodeEntry(entry)
      const note = encodeNote({ kind: 'entered', topic: Buffer.from(topic, 'latin1'), before, entry: bytes })
      return [bytes, encodeMessage(node, [note])]
    })
    const args = [node, String(ttl), names.channel, aloud ? '1' : '0', ...items]
    const stands = await this.#say(ENTER, names.topic(topic), args, urgent)
    return Array.isArray(stands) ? stands.map(String) : []
  }

  /** Takes members of this node out. `last`: no other member of this node is there. */
  async leave(
    topic: string,
    gone: readonly { id: Uint8Array; epoch: string }[],
    last: () => boolean
  ): Promise<void> {
    const { node, names } = this.#options
    const known = gone.filter(({ epoch }) => epoch)
    if (known.length === 0) return
    const items = known.flatMap(({ id, epoch }) => {
      const note = { kind: 'gone', topic: Buffer.from(topic, 'latin1'), id: Buffer.from(id), epoch } as const
      return [Buffer.concat([id, Buffer.from(node + epoch)]), encodeMessage(node, [encodeNote(note)])]
    })
    const name = topic + known.map(({ id, epoch }) => toKey(id) + epoch).join()
    await this.#sure(name, urgent =>
      this.#say(LEAVE, names.topic(topic), [node, last() ? '1' : '0', names.channel, ...items], urgent)
    )
  }

  follow(topic: string, urgent = false): Promise<unknown> {
    const { node, names, ttl } = this.#options
    return this.#say(FOLLOW, [names.topic(topic)[1]], [node, String(ttl)], urgent)
  }

  unfollow(topic: string): void {
    const { node, names, pulse } = this.#options
    if (pulse.isReady) void this.#say(FOLLOW, [names.topic(topic)[1]], [node, '0']).catch(() => {})
  }

  /** Up to `limit` members, each as likely as any other. */
  async sample(topic: string, limit: number, except: string): Promise<Entry[]> {
    const { names, pulse } = this.#options
    const dead = new Set<string>()
    let found: Entry[] = []
    for (let round = 0; round < ROUNDS; round++) {
      const reply = await pulse.run(SAMPLE, [names.topic(topic)[0]], [String(limit + 1)])
      const living = await this.#living(topic, reply, dead)
      found = living.filter(({ id }) => toKey(id) !== except)
      const all = listOf(reply)
      if (found.length >= limit || all.length <= limit || living.length === all.length) break
    }
    return shuffle(found).slice(0, limit)
  }

  /** Up to `limit` members behind `after`, in byte order. */
  async walk(topic: string, limit: number, except = '', after?: Uint8Array): Promise<Entry[]> {
    const { names, pulse } = this.#options
    let from = after ? Buffer.concat([Buffer.from('('), after, Buffer.of(0x7f)]) : Buffer.from('-')
    const dead = new Set<string>()
    const found: Entry[] = []
    for (;;) {
      const wanted = Math.min(limit - found.length + 1, PAGE)
      const page = await pulse.run(WALK, [names.topic(topic)[0]], [from, '+', String(wanted)])
      for (const entry of await this.#living(topic, page, dead))
        if (toKey(entry.id) !== except) found.push(entry)
      const last = listOf(page).at(-1)
      if (!last || listOf(page).length < wanted || found.length >= limit) return found.slice(0, limit)
      from = Buffer.concat([Buffer.from('('), last])
    }
  }

  async find(topic: string, id: Uint8Array): Promise<Entry | undefined> {
    const { names, pulse } = this.#options
    const from = Buffer.concat([Buffer.from('['), id])
    const args = [from, Buffer.concat([from, Buffer.of(0x7f)]), '8']
    const found = await this.#living(topic, await pulse.run(WALK, [names.topic(topic)[0]], args))
    return found.find(entry => toKey(entry.id) === toKey(id))
  }

  /** Says something to all other nodes that have members. Gives how many members there are everywhere. */
  async speak(topic: string, note: Buffer): Promise<number> {
    const { node, names, pulse } = this.#options
    const args = [node, names.channel, encodeMessage(node, [note])]
    return Number(await pulse.run(SPEAK, names.topic(topic), args))
  }

  /** Tries again what is owed. Throws when it can't. */
  async settle(): Promise<void> {
    for (const [name, pay] of [...this.#owed]) {
      await this.spare(pay())
      this.#owed.delete(name)
    }
  }

  /** One key that holds what no server writes must not keep all others from being said. */
  async spare(saying: Promise<unknown>): Promise<void> {
    try {
      await saying
    } catch (error) {
      if (!isOfOneKey((error as Error).cause)) throw error
      this.#options.onmalformed()
    }
  }

  /** Resolves when nothing is under way any more. */
  async done(): Promise<void> {
    await Promise.all(this.#running)
  }

  #say(...what: Parameters<Pulse['run']>): Promise<unknown> {
    return this.#gate.run(() => this.#options.pulse.run(...what))
  }

  /** Does it now, or when the backplane is usable again. */
  async #sure(name: string, run: (urgent: boolean) => Promise<unknown>): Promise<void> {
    const owe = () => void this.#owed.set(name, () => run(true))
    if (!this.#options.pulse.isReady) return owe()
    const running = run(false).catch(owe)
    this.#running.add(running)
    await running
    this.#running.delete(running)
  }

  /**
   * Those whose node lives. The others are forgotten: nobody else does. `dead`: nodes that were looked for already; a node
   * that died may have left thousands.
   */
  async #living(topic: string, reply: unknown, dead: Set<string> = new Set()): Promise<Entry[]> {
    const { names, pulse, onmalformed } = this.#options
    const read = listOf(reply).map(bytes => ({ bytes, entry: decodeEntry(bytes) }))
    const nodes = new Set(read.flatMap(({ entry }) => entry?.node ?? []))
    const strangers = [...nodes].filter(node => !pulse.isLive(node) && !dead.has(node))
    if (strangers.length > 0) await pulse.look()
    for (const node of strangers) if (!pulse.isLive(node)) dead.add(node)
    const [living, ghosts]: [Entry[], Buffer[]] = [[], []]
    for (const { bytes, entry } of read) {
      if (!entry) onmalformed()
      else if (dead.has(entry.node)) ghosts.push(bytes)
      else living.push(entry)
    }
    if (ghosts.length > 0) pulse.run(PRUNE, [names.topic(topic)[0]], ghosts.slice(0, PAGE)).catch(() => {})
    return living
  }
}

export function inUse(): SignalError {
  return new SignalError('ID_IN_USE', 'this id is connected already')
}

function listOf(reply: unknown): Buffer[] {
  return Array.isArray(reply) ? reply.filter(each => Buffer.isBuffer(each)) : []
}

function shuffle<T>(list: T[]): T[] {
  for (let at = list.length - 1; at > 0; at--) {
    const other = Math.floor(Math.random() * (at + 1))
    ;[list[at], list[other]] = [list[other] as T, list[at] as T]
  }
  return list
}
