import {
  type Attachment,
  type AttachOptions,
  type Kept,
  type Mailbox,
  SignalError,
  settleConflict,
  toKey
} from 'socket-signal'
import { each } from './each.ts'
import { type Baggage, decodeBaggage, encodeBaggage } from './kept.ts'
import { encodeMessage, encodeNote, type Note } from './note.ts'
import { Place } from './place.ts'
import type { Pulse } from './pulse.ts'
import { inUse, type Registry } from './registry.ts'
import type { Topics } from './topics.ts'
import { unavailable } from './trouble.ts'

export interface IdsOptions {
  pulse: Pulse
  registry: Registry
  topics: Topics
  node: string
  timeout: number
  /** Who has an id on this node: kept here, read by others. */
  places: Map<string, Place>
  /** Calls later, unless the backplane is closed before. */
  after(ms: number, work: () => void): void
}

/** Who has which id: on this node at once, settled with others by way of Redis. */
export class Ids {
  readonly #options: IdsOptions
  readonly #places: Map<string, Place>
  /** Claims under way, and the latest session that another node has meanwhile. */
  readonly #claims = new Map<string, Set<{ lost: string }>>()
  /** Who was asked for what a session left. */
  readonly #asks = new Map<number, { node: string; done(baggage?: Baggage): void }>()
  #asked = 0
  #isClosed = false

  constructor(options: IdsOptions) {
    this.#options = options
    this.#places = options.places
  }

  attach(id: Uint8Array, options: AttachOptions, mailbox: Mailbox): Attachment | Promise<Attachment> {
    const { resumeKey, proven } = options
    const holder = this.#places.get(toKey(id))
    const kept = resumeKey && holder?.proven === proven ? holder.mailbox.handOver?.(resumeKey) : undefined
    return holder && kept
      ? this.#goOn(holder, mailbox, kept)
      : this.#attach(Buffer.from(id), options, mailbox)
  }

  /** Detaches all. */
  close(): void {
    this.#isClosed = true
    for (const place of [...this.#places.values()]) void this.#detach(place)
  }

  /** Nobody is waited for any more. */
  fail(): void {
    for (const { done } of [...this.#asks.values()]) done()
  }

  async #attach(id: Buffer, options: AttachOptions, mailbox: Mailbox): Promise<Attachment> {
    await this.#options.pulse.open()
    const key = toKey(id)
    const claim = { lost: '' }
    const claims = this.#claims.get(key) ?? new Set()
    this.#claims.set(key, claims.add(claim))
    try {
      const baggage = await this.#fetch(id, options)
      const epoch = await this.#claim(id, options, baggage?.epoch)
      if (this.#isClosed) throw new SignalError('CLOSED', 'the backplane is closed')
      const { proven } = options
      const place = new Place(this.#ground, { id, proven, mailbox, epoch }, baggage?.kept)
      const old = this.#places.get(key)
      // Others may have come later, and have been let in before this is known here.
      if (epoch && (claim.lost > epoch || (old && old.epoch > epoch))) {
        mailbox.lost()
        return place
      }
      if (old) this.#displace(old)
      this.#places.set(key, place)
      for (const { topic, info } of baggage?.infos ?? []) this.#adopt(place, topic, info, baggage?.epoch)
      return place
    } finally {
      claims.delete(claim)
      if (claims.size === 0) this.#claims.delete(key)
    }
  }

  /** Throws ID_IN_USE. Without Redis this node decides for itself, and it is settled when Redis is back. */
  async #claim(id: Buffer, { proven, conflict }: AttachOptions, over = ''): Promise<string> {
    const { pulse, registry } = this.#options
    const isHere = (epoch: string) => this.#places.get(toKey(id))?.epoch === epoch
    try {
      if (!pulse.isReady) throw unavailable('the backplane is degraded')
      const answer = await registry.claim({ id, proven, conflict, over }, isHere)
      if ('epoch' in answer) return answer.epoch
    } catch {
      const holder = this.#places.get(toKey(id))
      const { proven: before = false, isAway: away = false } = holder ?? {}
      if (!holder || settleConflict({ proven: before, away }, { proven }, conflict) === 'claim') return ''
    }
    throw inUse()
  }

  /** Another socket of this node goes on in this place. */
  #goOn(holder: Place, mailbox: Mailbox, kept: Kept): Attachment {
    const { id, proven, epoch, topics, isAway } = holder
    const place = new Place(this.#ground, { id, proven, mailbox, epoch }, kept, topics)
    this.#places.set(place.key, place)
    if (isAway) this.#say(place)
    return place
  }

  /** What the session left on another node, if it is there and the key is right. */
  async #fetch(id: Buffer, { resumeKey, proven }: AttachOptions): Promise<Baggage | undefined> {
    const { pulse, registry, node: own } = this.#options
    if (!resumeKey || !pulse.isReady) return undefined
    try {
      const node = await registry.holder(toKey(id))
      if (!node || node === own) return undefined
      const seq = (this.#asked = (this.#asked + 1) % 2 ** 32)
      const note = encodeNote({ kind: 'ask', seq, id, key: Buffer.from(resumeKey), proven })
      await pulse.relay(node, encodeMessage(own, [note]))
      return await this.#answer(seq, node)
    } catch {
      return undefined
    }
  }

  #answer(seq: number, node: string): Promise<Baggage | undefined> {
    return new Promise(resolve => {
      const done = (baggage?: Baggage) => {
        this.#asks.delete(seq)
        clearTimeout(timer)
        resolve(baggage)
      }
      const timer = setTimeout(done, this.#options.timeout)
      this.#asks.set(seq, { node, done })
    })
  }

  /** Another node gives what a session left. */
  handed(from: string, seq: number, kept: Buffer): void {
    const ask = this.#asks.get(seq)
    if (ask?.node === from) ask.done(decodeBaggage(kept))
  }

  /** Gives a session to another node, with its memberships: nobody leaves. */
  handOver(from: string, { seq, id, key, proven }: Note & { kind: 'ask' }): void {
    const { pulse, topics: all, node, timeout, after } = this.#options
    const place = this.#places.get(toKey(id))
    const kept = place?.proven === proven ? place.mailbox.handOver?.(key) : undefined
    const answer = (bytes: Buffer) => {
      const note = encodeNote({ kind: 'handed', seq, kept: bytes })
      pulse.relay(from, encodeMessage(node, [note])).catch(() => {})
    }
    if (!place || !kept) return answer(Buffer.alloc(0))
    const { epoch, topics, isAway: away } = place
    const infos = [...topics].map(([topic, info]) => ({ topic: Buffer.from(topic, 'latin1'), info, away }))
    this.#places.delete(place.key)
    for (const topic of topics.keys()) all.part(place, topic, from)
    answer(encodeBaggage({ kept, infos, epoch }))
    // Should it never arrive there, nobody else takes these out.
    after(4 * timeout, () => {
      for (const topic of topics.keys()) void all.leave(place, topic)
    })
  }

  #adopt(place: Place, topic: Uint8Array, info: Uint8Array, before: string | undefined): void {
    const key = toKey(topic)
    place.topics.set(key, info)
    void this.#options.topics.enter(place, key, before)
  }

  /** It has lost its id: leaves everything, and is told. */
  #displace(place: Place): void {
    if (this.#places.get(place.key) === place) this.#places.delete(place.key)
    for (const topic of place.topics.keys()) void this.#options.topics.leave(place, topic)
    place.mailbox.lost()
  }

  /** A session of another node has the id. */
  lose(key: string, epoch: string): void {
    for (const claim of this.#claims.get(key) ?? []) if (epoch > claim.lost) claim.lost = epoch
    const place = this.#places.get(key)
    if (place?.epoch && place.epoch < epoch) this.#displace(place)
  }

  async #detach(place: Place): Promise<void> {
    const { registry, topics } = this.#options
    this.#places.delete(place.key)
    const left = [...place.topics.keys()].map(topic => topics.leave(place, topic))
    await Promise.all([...left, registry.drop(place.id, place.epoch)])
  }

  /** Says anew where somebody is a member: it is away, or back. */
  #say(place: Place): void {
    const { pulse, registry, topics } = this.#options
    const { id, proven, epoch: own, isAway: away } = place
    for (const topic of place.topics.keys()) void topics.enter(place, topic)
    if (own && pulse.isReady)
      registry.claim({ id, proven, conflict: 'replace', own, away }, () => true).catch(() => {})
  }

  /** Claims all ids of this node anew: who came while Redis was away has none there, and others may have come since. */
  announce(urgent: boolean): Promise<void> {
    const { registry } = this.#options
    return each([...this.#places.values()], place => registry.spare(this.#claimAnew(place, urgent)))
  }

  async #claimAnew(place: Place, urgent: boolean): Promise<void> {
    const { registry, topics } = this.#options
    if (!this.#ground.holds(place)) return
    const { id, proven, epoch: own, isAway: away } = place
    const isHere = (epoch: string) => own === epoch
    const ago = own ? 0 : performance.now() - place.since
    const answer = await registry.claim({ id, proven, conflict: 'replace', own, away, ago, urgent }, isHere)
    if (!this.#ground.holds(place)) return
    if ('held' in answer) return this.#displace(place)
    if (own) return
    place.epoch = answer.epoch
    topics.rename(place)
  }

  readonly #ground = {
    holds: (place: Place) => this.#places.get(place.key) === place,
    enter: (place: Place, topic: string) => this.#options.topics.enter(place, topic),
    leave: (place: Place, topic: string) => this.#options.topics.leave(place, topic),
    away: (place: Place) => this.#say(place),
    detach: (place: Place) => this.#detach(place)
  }
}
