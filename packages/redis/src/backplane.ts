import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import {
  type Attachment,
  type AttachOptions,
  type Backplane,
  type Kept,
  type LookupAt,
  type Mailbox,
  type ReplyTo,
  SignalError,
  settleConflict,
  toKey
} from 'socket-signal'
import { decodeEntry, type Entry, type Member } from './entry.ts'
import { type Baggage, decodeBaggage, encodeBaggage } from './kept.ts'
import { Names } from './names.ts'
import { decodeMessage, encodeMessage, encodeNote, type Note, Result } from './note.ts'
import { Place } from './place.ts'
import { Pulse, type Status, unavailable } from './pulse.ts'
import { CHUNK, type Coming, inUse, Registry } from './registry.ts'
import { Routes } from './routes.ts'
import { createStore, type RedisClient, type Store } from './store.ts'
import { type Listener, type Room, View } from './view.ts'

export interface RedisBackplaneOptions {
  /** A client of ioredis or node-redis: one Redis, Sentinel or Cluster. It stays yours: close it after the backplane. */
  client: RedisClient
  /** A connection that is used for nothing else, of the same kind. Default: a duplicate of `client`, ended with the backplane. */
  subscriber?: RedisClient
  /** Begins all keys and channels. Servers with the same one are one. Default: `socket-signal:`. */
  prefix?: string
  /** How often this node says that it lives; after three it is dead. Default: 2,000. Unit: ms. */
  heartbeat?: number
  /** How long a command, or another node, may take. Default: 1,000. Unit: ms. */
  timeout?: number
}

export interface RedisBackplaneEvents {
  /** Redis is down, slow or has lost its data. What is on this node goes on. */
  degraded: [error: unknown]
  /** Redis is back, and knows all of this node again. */
  recovered: []
}

/** So many heartbeats, and everything is said again, in case Redis has lost it. */
const REFRESH = 30
const MAX_UNTOLD = 1000
const MAX_TOLD = 64 * 1024
const AT_ONCE = 64

/** Topics and mailboxes of several nodes, by way of Redis. */
export class RedisBackplane extends EventEmitter<RedisBackplaneEvents> implements Backplane {
  readonly #node = randomBytes(9).toString('base64url')
  readonly #store: Store
  readonly #pulse: Pulse
  readonly #registry: Registry
  readonly #routes: Routes
  readonly #view = new View()
  readonly #places = new Map<string, Place>()
  readonly #timeout: number
  /** Claims under way, and the latest session that another node has meanwhile. */
  readonly #claims = new Map<string, Set<{ lost: string }>>()
  /** Who was asked for what a session left. */
  readonly #asks = new Map<number, { node: string; done(baggage?: Baggage): void }>()
  readonly #told = new Set<(note: Uint8Array) => void>()
  /** What could not be told, for later. */
  readonly #untold: Uint8Array[] = []
  readonly #timers = new Set<NodeJS.Timeout>()
  #asked = 0
  #malformed = 0
  #closing: Promise<void> | undefined

  constructor({
    client,
    subscriber,
    prefix = 'socket-signal:',
    heartbeat = 2000,
    timeout = 1000
  }: RedisBackplaneOptions) {
    super()
    assertTime(heartbeat, 'heartbeat')
    assertTime(timeout, 'timeout')
    const names = new Names(prefix)
    const node = this.#node
    this.#timeout = timeout
    this.#store = createStore({
      ...{ client, subscriber },
      onbreak: event => {
        if (this.#pulse.isReady) this.#pulse.degrade(new Error(`a connection to Redis was lost (${event})`))
      }
    })
    this.#pulse = new Pulse({
      ...{ store: this.#store, names, node, heartbeat, timeout },
      onmessage: message => this.#receive(message),
      announce: () => this.#announce(true),
      onready: () => this.#recovered(),
      ondegraded: error => this.#degraded(error),
      ondeath: dead => this.#bury(dead)
    })
    const ttl = 3 * REFRESH * heartbeat
    this.#registry = new Registry({
      pulse: this.#pulse,
      names,
      node,
      ttl,
      onmalformed: () => this.#malformed++
    })
    this.#routes = new Routes({
      ...{ node, timeout },
      find: key => this.#registry.holder(key),
      deliver: (key, frame, replyTo) => this.#deliver(key, frame, replyTo) === Result.taken,
      relay: (to, message) => this.#pulse.relay(to, message),
      onunanswered: (key, requestId) => this.#places.get(key)?.mailbox.unanswered?.(requestId)
    })
    this.#every(REFRESH * heartbeat, () => this.#refresh())
  }

  /** `ready`: other nodes can be reached. */
  get status(): Status {
    return this.#pulse.status
  }

  /** How long the last heartbeat took to Redis and back. Unit: ms. */
  get latency(): number {
    return this.#pulse.latency
  }

  /**
   * Connects; called by itself when the first socket comes. Resolves when the backplane is usable, or is known to be
   * degraded: then it goes on trying.
   */
  async open(): Promise<void> {
    await this.#pulse.open()
  }

  attach(id: Uint8Array, options: AttachOptions, mailbox: Mailbox): Attachment | Promise<Attachment> {
    const { resumeKey, proven } = options
    const holder = this.#places.get(toKey(id))
    const kept = resumeKey && holder?.proven === proven ? holder.mailbox.handOver?.(resumeKey) : undefined
    return holder && kept
      ? this.#goOn(holder, mailbox, kept)
      : this.#attach(Buffer.from(id), options, mailbox)
  }

  async lookup(topic: Uint8Array, { limit, after, except }: LookupAt): Promise<Member[]> {
    const [key, own] = [toKey(topic), toKey(except)]
    const room = this.#view.rooms.get(key)
    if (limit <= 0) return []
    if (limit === Number.POSITIVE_INFINITY && room?.loaded) {
      await room.loaded // From here on, its listeners hear of what changes.
      return known(room, own)
    }
    if (!this.#pulse.isReady) return lookupHere(room, limit, own, after)
    try {
      const walks = after || limit === Number.POSITIVE_INFINITY
      if (!walks) return (await this.#registry.sample(key, limit, own)).map(toMember)
      return (await this.#registry.walk(key, limit, own, after)).map(toMember)
    } catch {
      return lookupHere(this.#view.rooms.get(key), limit, own, after)
    }
  }

  find(topic: Uint8Array, id: Uint8Array): Member | undefined | Promise<Member | undefined> {
    const room = this.#view.rooms.get(toKey(topic))
    const key = toKey(id)
    const here = room?.members.get(key)
    if (here) return toMember(here)
    if (room?.isNew) return this.#findLater(room, id)
    if (!this.#pulse.isReady) return Promise.reject(unavailable('the backplane is degraded'))
    return this.#registry.find(toKey(topic), id).then(entry => entry && toMember(entry))
  }

  async #findLater(room: Room, id: Uint8Array): Promise<Member | undefined> {
    await room.loaded
    const entry = room.members.get(toKey(id))
    return entry && toMember(entry)
  }

  watch(topic: Uint8Array, listener: Listener): () => void {
    const room = this.#view.room(toKey(topic))
    // Each call is a listener of its own.
    const own: Listener = change => listener(change)
    room.listeners.add(own)
    if (room.listeners.size === 1) room.loaded = this.#load(room)
    return () => {
      if (!room.listeners.delete(own) || room.listeners.size > 0) return
      this.#registry.unfollow(room.key)
      this.#view.forget(room)
    }
  }

  send(to: Uint8Array, frame: Uint8Array, replyTo?: ReplyTo): boolean | Promise<boolean> {
    const place = this.#places.get(toKey(to))
    if (place) return place.mailbox.deliver(frame, replyTo)
    if (!this.#pulse.isReady) return Promise.reject(unavailable('the backplane is degraded'))
    return this.#routes.send(to, frame, replyTo)
  }

  publish(topic: Uint8Array, frame: Uint8Array, except: Uint8Array): number | Promise<number> {
    const room = this.#view.rooms.get(toKey(topic))
    const here = this.#speakHere(room, frame, toKey(except))
    if (!this.#pulse.isReady) return here
    const own = room?.own.size ?? 0
    const note = encodeNote({
      ...{ kind: 'spoken', topic: Buffer.from(topic), except: Buffer.from(except), frame: frame as Buffer }
    })
    return this.#registry.speak(toKey(topic), note).then(
      all => here + Math.max(all - own, 0),
      () => here
    )
  }

  /** Tells all other nodes something, at most 64 KiB: at once, or when Redis is back. */
  async tell(note: Uint8Array): Promise<void> {
    if (note.length > MAX_TOLD) throw new SignalError('TOO_LARGE', `a note has at most ${MAX_TOLD} bytes`)
    const own = Buffer.from(note)
    try {
      if (!this.#pulse.isReady) throw unavailable('the backplane is degraded')
      const message = encodeMessage(this.#node, [encodeNote({ kind: 'told', note: own })])
      await this.#pulse.shout(message)
    } catch {
      if (this.#untold.push(own) > MAX_UNTOLD) this.#untold.shift()
    }
  }

  listen(listener: (note: Uint8Array) => void): () => void {
    const own = (note: Uint8Array) => listener(note)
    this.#told.add(own)
    return () => void this.#told.delete(own)
  }

  /** How many other nodes live. */
  get nodes(): number {
    return this.#pulse.nodes.length
  }

  /** How much came from Redis and was ignored, because no node says or keeps such a thing. */
  get malformed(): number {
    return this.#malformed
  }

  stats(): { topics: number; mailboxes: number; watches: number } {
    return {
      topics: this.#view.topics,
      mailboxes: this.#places.size,
      watches: this.#view.watches
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer)
    for (const place of [...this.#places.values()]) void this.#detach(place)
    if (this.#pulse.isReady) await this.#registry.done()
    await this.#pulse.close()
    this.#routes.fail(unavailable('the backplane is closed'))
    for (const { done } of [...this.#asks.values()]) done()
    await this.#store.close()
  }

  // Ids.

  async #attach(id: Buffer, options: AttachOptions, mailbox: Mailbox): Promise<Attachment> {
    await this.#pulse.open()
    const key = toKey(id)
    const claim = { lost: '' }
    const claims = this.#claims.get(key) ?? new Set()
    this.#claims.set(key, claims.add(claim))
    try {
      const baggage = await this.#fetch(id, options)
      const epoch = await this.#claim(id, options, baggage?.epoch)
      if (this.#closing) throw new SignalError('CLOSED', 'the backplane is closed')
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
    const isHere = (epoch: string) => this.#places.get(toKey(id))?.epoch === epoch
    try {
      if (!this.#pulse.isReady) throw unavailable('the backplane is degraded')
      const answer = await this.#registry.claim({ id, proven, conflict, over }, isHere)
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
    if (!resumeKey || !this.#pulse.isReady) return undefined
    try {
      const node = await this.#registry.holder(toKey(id))
      if (!node || node === this.#node) return undefined
      const seq = (this.#asked = (this.#asked + 1) % 2 ** 32)
      const note = encodeNote({ kind: 'ask', seq, id, key: Buffer.from(resumeKey), proven })
      await this.#pulse.relay(node, encodeMessage(this.#node, [note]))
      return await this.#handed(seq, node)
    } catch {
      return undefined
    }
  }

  #handed(seq: number, node: string): Promise<Baggage | undefined> {
    return new Promise(resolve => {
      const done = (baggage?: Baggage) => {
        this.#asks.delete(seq)
        clearTimeout(timer)
        resolve(baggage)
      }
      const timer = setTimeout(done, this.#timeout)
      this.#asks.set(seq, { node, done })
    })
  }

  /** Gives a session to another node, with its memberships: nobody leaves. */
  #handOver(from: string, { seq, id, key, proven }: Note & { kind: 'ask' }): void {
    const place = this.#places.get(toKey(id))
    const kept = place?.proven === proven ? place.mailbox.handOver?.(key) : undefined
    const answer = (bytes: Buffer) => {
      const note = encodeNote({ kind: 'handed', seq, kept: bytes })
      this.#pulse.relay(from, encodeMessage(this.#node, [note])).catch(() => {})
    }
    if (!place || !kept) return answer(Buffer.alloc(0))
    const { epoch, topics, isAway: away } = place
    const infos = [...topics].map(([topic, info]) => ({ topic: Buffer.from(topic, 'latin1'), info, away }))
    this.#places.delete(place.key)
    for (const topic of topics.keys()) this.#part(place, topic, from)
    answer(encodeBaggage({ kept, infos, epoch }))
    // Should it never arrive there, nobody else takes these out.
    this.#after(4 * this.#timeout, () => {
      for (const topic of topics.keys()) void this.#takeOut(place, topic)
    })
  }

  /** From here on it is a member of another node. */
  #part(place: Place, topic: string, node: string): void {
    const room = this.#view.room(topic)
    const entry = room.members.get(place.key)
    room.own.delete(place.key)
    if (entry && room.loaded) room.members.set(place.key, { ...entry, node })
    else room.members.delete(place.key)
    this.#view.drop(room)
  }

  #adopt(place: Place, topic: Uint8Array, info: Uint8Array, before: string | undefined): void {
    const key = toKey(topic)
    place.topics.set(key, info)
    void this.#enter(place, key, before)
  }

  /** It has lost its id: leaves everything, and is told. */
  #displace(place: Place): void {
    if (this.#places.get(place.key) === place) this.#places.delete(place.key)
    for (const topic of place.topics.keys()) void this.#takeOut(place, topic)
    place.mailbox.lost()
  }

  /** A session of another node has the id. */
  #lose(key: string, epoch: string): void {
    for (const claim of this.#claims.get(key) ?? []) if (epoch > claim.lost) claim.lost = epoch
    const place = this.#places.get(key)
    if (place?.epoch && place.epoch < epoch) this.#displace(place)
  }

  async #detach(place: Place): Promise<void> {
    this.#places.delete(place.key)
    const left = [...place.topics.keys()].map(topic => this.#takeOut(place, topic))
    await Promise.all([...left, this.#registry.drop(place.id, place.epoch)])
  }

  readonly #ground = {
    holds: (place: Place) => this.#places.get(place.key) === place,
    enter: (place: Place, topic: string) => this.#enter(place, topic),
    leave: (place: Place, topic: string) => this.#takeOut(place, topic),
    away: (place: Place) => this.#say(place),
    detach: (place: Place) => this.#detach(place)
  }

  // Topics.

  /** Puts a member of this node in: here at once, in Redis soon. */
  async #enter(place: Place, topic: string, before?: string): Promise<void> {
    const room = this.#view.room(topic)
    const entry = this.#entryOf(place, topic)
    this.#view.put(room, entry, true, before)
    if (!place.epoch || !this.#pulse.isReady) return
    await this.#enterAll(topic, [{ entry, before }]).catch(() => {})
  }

  async #enterAll(topic: string, coming: readonly Coming[], how = {}): Promise<void> {
    const stands = await this.#registry.enter(topic, coming, how)
    for (const [at, { entry }] of coming.entries()) if (stands[at]) this.#lose(toKey(entry.id), stands[at])
  }

  #takeOut({ id, key, epoch }: Place, topic: string): Promise<void> {
    const room = this.#view.room(topic)
    const isIn = room.members.get(key)?.epoch === epoch && room.own.has(key)
    if (isIn) this.#view.remove(room, key)
    else this.#view.drop(room)
    return this.#registry.leave(topic, [{ id, epoch }], () => !this.#view.rooms.get(topic)?.own.size)
  }

  /** Says anew where somebody is a member: it is away, or back. */
  #say(place: Place): void {
    const { id, proven, epoch: own, isAway: away } = place
    for (const topic of place.topics.keys()) void this.#enter(place, topic)
    if (own && this.#pulse.isReady)
      this.#registry.claim({ id, proven, conflict: 'replace', own, away }, () => true).catch(() => {})
  }

  #entryOf({ id, isAway: away, epoch, topics }: Place, topic: string): Entry {
    return { id, info: topics.get(topic) ?? Buffer.alloc(0), away, node: this.#node, epoch }
  }

  /** Reads who is in a topic: for the first time, or to put right what is known. */
  async #load(room: Room): Promise<void> {
    if (!this.#pulse.isReady) return
    const touched = new Set<string>()
    room.touched = touched
    if (!room.loaded) room.isNew = true
    const read = await this.#read(room.key)
    if (room.touched !== touched) return
    if (read) this.#merge(room, read, touched)
    room.touched = undefined
    room.isNew = false
  }

  async #read(topic: string): Promise<Entry[] | undefined> {
    try {
      await this.#registry.follow(topic)
      return await this.#registry.walk(topic, Number.POSITIVE_INFINITY)
    } catch {
      return undefined
    }
  }

  #merge(room: Room, read: readonly Entry[], touched: ReadonlySet<string>): void {
    const found = new Set(read.map(({ id }) => toKey(id)))
    const isOurs = (id: string) => touched.has(id) || room.own.has(id)
    for (const entry of read)
      if (!isOurs(toKey(entry.id)) && entry.node !== this.#node) this.#view.put(room, entry, false)
    for (const id of [...room.members.keys()]) if (!found.has(id) && !isOurs(id)) this.#view.remove(room, id)
  }

  #speakHere(room: Room | undefined, frame: Uint8Array, except: string): number {
    let count = 0
    for (const key of [...(room?.own ?? [])])
      if (key !== except && this.#places.get(key)?.mailbox.deliver(frame)) count++
    return count
  }

  // Other nodes.

  #receive(message: Buffer): void {
    const decoded = decodeMessage(message)
    if (!decoded) return void this.#malformed++
    for (const note of decoded.notes) this.#note(decoded.from, note)
  }

  #note(from: string, note: Note): void {
    switch (note.kind) {
      case 'beat':
        return from === this.#node ? this.#pulse.heard(note.count) : void this.#malformed++
      case 'frame': {
        const result = this.#deliver(toKey(note.to), note.frame, note.reply)
        return this.#routes.ack(from, note.seq, result)
      }
      case 'ack':
        if (!this.#routes.onack(from, note.seq, note.result)) this.#malformed++
        return
      case 'lost':
        return this.#lose(toKey(note.id), note.epoch)
      case 'entered':
        return this.#entered(note)
      case 'gone':
        return this.#gone(note)
      case 'spoken': {
        const room = this.#view.rooms.get(toKey(note.topic))
        this.#guard(() => this.#speakHere(room, note.frame, toKey(note.except)))
        return
      }
      case 'ask':
        return this.#handOver(from, note)
      case 'handed': {
        const ask = this.#asks.get(note.seq)
        if (ask?.node === from) ask.done(decodeBaggage(note.kept))
        return
      }
      case 'bye':
        return this.#pulse.forget(from)
      case 'told':
        if (note.note.length > MAX_TOLD) return void this.#malformed++
        for (const listener of [...this.#told]) this.#guard(() => listener(note.note))
    }
  }

  #deliver(key: string, frame: Buffer, replyTo?: ReplyTo): Result {
    const place = this.#places.get(key)
    if (!place) return Result.absent
    const taken = this.#guard(() => place.mailbox.deliver(frame, replyTo))
    return taken ? Result.taken : Result.refused
  }

  /** What comes from Redis may be anything: a frame that is none must not end the process. */
  #guard<T>(work: () => T): T | undefined {
    try {
      return work()
    } catch {
      this.#malformed++
      return undefined
    }
  }

  #entered({ topic, before, entry: bytes }: Note & { kind: 'entered' }): void {
    const entry = decodeEntry(bytes)
    if (!entry) return void this.#malformed++
    const id = toKey(entry.id)
    this.#lose(id, entry.epoch)
    const room = this.#view.rooms.get(toKey(topic))
    if (room && room.listeners.size > 0 && !room.own.has(id)) this.#view.put(room, entry, false, before)
  }

  #gone({ topic, id, epoch }: Note & { kind: 'gone' }): void {
    const room = this.#view.rooms.get(toKey(topic))
    const key = toKey(id)
    if (!room || room.own.has(key)) return
    const known = room.members.get(key)
    if (!known || known.epoch === epoch) this.#view.remove(room, key)
  }

  /** A node is dead, and who was there has left. */
  #bury(node: string): void {
    for (const room of [...this.#view.rooms.values()]) {
      for (const [id, entry] of [...room.members]) {
        if (entry.node === node && !room.own.has(id)) this.#view.remove(room, id)
      }
    }
    this.#routes.ondeath(node)
  }

  // Coming and going of Redis.

  #degraded(error: unknown): void {
    this.#routes.fail(unavailable('the backplane is degraded', error))
    this.emit('degraded', error)
  }

  /** Says everything of this node: after Redis was away it may know nothing, or what is no longer true. */
  async #announce(urgent: boolean): Promise<void> {
    await this.#registry.settle()
    await each([...this.#places.values()], place => this.#claimAnew(place, urgent))
    await each([...this.#view.rooms.values()], async room => {
      if (room.listeners.size > 0) await this.#registry.follow(room.key, urgent)
      const own = [...room.own].flatMap(key => this.#places.get(key) ?? [])
      for (let at = 0; at < own.length; at += CHUNK) {
        const coming = own.slice(at, at + CHUNK).map(place => ({ entry: this.#entryOf(place, room.key) }))
        await this.#enterAll(room.key, coming, { urgent, aloud: urgent })
      }
    })
  }

  async #claimAnew(place: Place, urgent: boolean): Promise<void> {
    if (!this.#ground.holds(place)) return
    const { id, proven, epoch: own, isAway: away } = place
    const isHere = (epoch: string) => own === epoch
    const answer = await this.#registry.claim({ id, proven, conflict: 'replace', own, away, urgent }, isHere)
    if (!this.#ground.holds(place)) return
    if ('held' in answer) this.#displace(place)
    else if (!own) this.#rename(place, answer.epoch)
  }

  /** Was let in without Redis, and has its epoch now. */
  #rename(place: Place, epoch: string): void {
    place.epoch = epoch
    for (const topic of place.topics.keys()) {
      const entry = this.#view.rooms.get(topic)?.members.get(place.key)
      if (entry) entry.epoch = epoch
    }
  }

  #recovered(): void {
    this.emit('recovered')
    for (const note of this.#untold.splice(0)) void this.tell(note)
    // Others have yet to say who they have: until then nobody has left. And who took this node for dead may have forgotten
    // its members a moment after they were said.
    this.#after(this.#pulse.lease, () => void this.#refresh())
  }

  #reconcile(): void {
    for (const room of this.#view.rooms.values()) if (room.listeners.size > 0) void this.#load(room)
  }

  async #refresh(): Promise<void> {
    this.#routes.sweep()
    if (!this.#pulse.isReady) return
    await this.#announce(false).catch(() => {})
    this.#reconcile()
  }

  #after(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer)
      work()
    }, ms)
    this.#timers.add(timer)
  }

  #every(ms: number, work: () => Promise<void>): void {
    this.#after(ms, () => void work().finally(() => this.#closing || this.#every(ms, work)))
  }
}

async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]()
  const run = async () => {
    for (const item of left) await work(item)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, run))
}

function known(room: Room, except: string): Member[] {
  return [...room.members].flatMap(([key, entry]) => (key === except ? [] : [toMember(entry)]))
}

/** What this node knows by itself. */
function lookupHere(room: Room | undefined, limit: number, except: string, after?: Uint8Array): Member[] {
  const members = room ? known(room, except) : []
  if (!after) return members.sort(() => Math.random() - 0.5).slice(0, limit)
  const behind = members.filter(({ id }) => Buffer.compare(id, after) > 0)
  return behind.sort((a, b) => Buffer.compare(a.id, b.id)).slice(0, limit)
}

function toMember({ id, info, away }: Entry): Member {
  return away ? { id, info, isAway: true } : { id, info }
}

function assertTime(ms: number, name: string): void {
  if (!(ms >= 50 && ms <= 600_000)) throw new TypeError(`${name} must be 50 to 600,000 ms`)
}
