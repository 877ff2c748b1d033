import { MAX, MS } from './bounds.ts'
import { copy, equals, toKey } from './bytes.ts'
import { FOREVER } from './clock.ts'
import { decodeBody, toObject } from './codec.ts'
import { type SignalError, toSignalError } from './errors.ts'
import { decodeMembers, type MemberBytes, type Presence, type Result, type Sendable } from './frame.ts'
import type { Host } from './host.ts'
import { type AskOptions, isUnsure } from './link.ts'
import { FLAG } from './protocol.ts'
import type { Waitable } from './resource.ts'
import type { Rpc } from './rpc.ts'
import { sleep } from './wait.ts'

type Join = Extract<Sendable, { kind: 'join' }>
type Leave = Extract<Sendable, { kind: 'leave' }>
type Lookup = Extract<Sendable, { kind: 'lookup' }>
type Watch = Extract<Sendable, { kind: 'watch' }>

/** Somebody in a topic. `id`: 32 bytes. `info`: what it said of itself in `join`, if anything. */
export interface Member {
  /** 32 bytes. */
  id: Uint8Array
  /** What it said of itself in `join`: JSON, unsigned. */
  info?: unknown
  /** Whether its socket broke, and it may come back. */
  away?: boolean
}

/** What is said and asked when a topic is joined. */
export interface JoinOptions extends Waitable {
  /** Tells who comes and goes (`peer-joined`, `peer-left`), and answers with everybody. */
  watch?: boolean
  /** What the others see of you: any JSON, at most 1,024 bytes of it. */
  info?: unknown
  /** Peers in the answer, when not watching. Default: what the server gives, 100. At most 1,000. */
  limit?: number
}

/** Which members of a topic are asked for. */
export interface LookupOptions extends Waitable {
  /** Default: 100. At most 1,000. */
  limit?: number
  /** Walks on behind this id, in byte order. Without it, a random sample. */
  after?: Uint8Array
  /** Gives members with their info, not ids. */
  details?: boolean
}

/** What a client tells of topics. Ids and topics: 32 bytes each. */
export interface PresenceEvents {
  /** Joined, by a call or again after a reconnect; `peers` as `join()` gives them. */
  join: [event: { topic: Uint8Array; peers: Uint8Array[] }]
  /** Left, by a call or because a new token does not let in. */
  leave: [event: { topic: Uint8Array }]
  /** What a `lookup()` gave. */
  lookup: [event: { topic: Uint8Array; peers: Uint8Array[] }]
  /** Somebody came to a topic that is watched. */
  'peer-joined': [event: { topic: Uint8Array } & Member]
  /** Somebody who is there joined again, and says something else of itself. */
  'peer-updated': [event: { topic: Uint8Array } & Member]
  /** Somebody left a topic that is watched, or its place was not kept any longer. */
  'peer-left': [event: { topic: Uint8Array; id: Uint8Array }]
  /** Somebody's socket broke, and it may come back. */
  'peer-away': [event: { topic: Uint8Array; id: Uint8Array }]
  /** Somebody who was away goes on where it was. */
  'peer-back': [event: { topic: Uint8Array; id: Uint8Array }]
}

/** A topic that was joined, or one peer that is watched by id; either is asked for again after each reconnect. */
interface Interest {
  key: string
  frame: Join | Watch
  /** Whether a first answer has come; until then the call that asks for it asks again by itself. */
  established: boolean
  /** Who is there, as far as presence has told; kept only when watching. */
  members: Map<string, Member>
}

/** Topics that a client has joined and peers it watches: asks for them, again after each reconnect, and tells the difference. */
export class Memberships {
  readonly #host: Host
  /** By topic, or by topic and peer. */
  readonly #interests = new Map<string, Interest>()
  /** What has to be asked for again, and the work on it. */
  readonly #dirty = new Set<Interest>()
  #run: AbortController | undefined

  constructor(host: Host) {
    this.#host = host
  }

  async join(
    topic: Uint8Array,
    info: Uint8Array,
    { watch = false, limit = 0, signal }: JoinOptions
  ): Promise<Uint8Array[]> {
    const key = toKey(topic)
    const interest: Interest = {
      key,
      frame: { kind: 'join', topic, watch, limit, info },
      established: false,
      members: this.#interests.get(key)?.members ?? new Map()
    }
    const peers = await this.#begin(interest, signal)
    // A server that lets only members look has forgotten who was watched here before.
    this.#mark(topic, false)
    return peers as Uint8Array[]
  }

  async leave(topic: Uint8Array, { signal }: Waitable): Promise<void> {
    const key = toKey(topic)
    await this.#end(key, leaving(topic), signal)
    // It may have been joined again meanwhile.
    if (!this.#interests.has(key)) this.#host.emit('leave', { topic })
  }

  lookup(topic: Uint8Array, options: LookupOptions): Promise<Uint8Array[] | Member[]> {
    const { limit = 0, after, details = false, signal } = options
    return this.#list({ kind: 'lookup', topic, limit, after, details }, { signal })
  }

  watch(topic: Uint8Array, peerId: Uint8Array, { signal }: Waitable): Promise<boolean> {
    const interest: Interest = {
      key: toKey(topic) + toKey(peerId),
      frame: { kind: 'watch', topic, id: peerId, watch: true },
      established: false,
      members: new Map()
    }
    return this.#begin(interest, signal) as Promise<boolean>
  }

  unwatch(topic: Uint8Array, peerId: Uint8Array, { signal }: Waitable): Promise<void> {
    const frame: Watch = { kind: 'watch', topic, id: peerId, watch: false }
    return this.#end(toKey(topic) + toKey(peerId), frame, signal)
  }

  clear(): void {
    this.#run?.abort()
    this.#run = undefined
    this.#interests.clear()
  }

  /** Asks for everything again. */
  renew(): void {
    this.#run?.abort() // The socket that it worked on has ended.
    this.#run = undefined
    for (const each of this.#interests.values()) if (each.established) this.#dirty.add(each)
    this.#work()
  }

  presence(frame: Presence): void {
    const topic = copy(frame.topic)
    if (frame.resync) this.#mark(topic, true)
    for (const id of frame.left) this.#left(topic, copy(id))
    for (const member of frame.joined) this.#arrived(topic, toMember(member))
    for (const id of frame.away) this.#moved(topic, copy(id), true)
    for (const id of frame.back) this.#moved(topic, copy(id), false)
  }

  /** Asks again for those of a topic that are watched by id, and for the topic itself if the server wants it asked. */
  #mark(topic: Uint8Array, all: boolean): void {
    for (const each of this.#interests.values()) {
      const { kind, topic: its } = each.frame
      if (each.established && (all || kind === 'watch') && equals(its, topic)) this.#dirty.add(each)
    }
    this.#work()
  }

  /**
   * Sets an interest, or deletes it. Gives what puts the one before back, if that was established and no other call
   * has changed it meanwhile.
   */
  #change(key: string, mine: Interest | undefined): () => void {
    const map = this.#interests
    const put = (interest: Interest | undefined) => (interest ? map.set(key, interest) : map.delete(key))
    const before = map.get(key)
    put(mine)
    return () => {
      if (map.get(key) === mine) put(before?.established ? before : undefined)
    }
  }

  /** Asks for something new. What fails leaves things as they were. */
  async #begin(interest: Interest, signal: AbortSignal | undefined): Promise<unknown> {
    const { key, frame } = interest
    const undo = this.#change(key, interest)
    try {
      return await this.#ask(interest, { signal })
    } catch (error) {
      undo()
      const over = frame.kind === 'join' ? leaving(frame.topic) : { ...frame, watch: false }
      if (isUnsure(error, signal)) this.#part(key, over)
      throw error
    }
  }

  /** Asks for something no more. What fails leaves things as they were. */
  async #end(key: string, frame: Leave | Watch, signal: AbortSignal | undefined): Promise<void> {
    const undo = this.#change(key, undefined)
    try {
      await this.#host.link.ask(frame, { signal })
    } catch (error) {
      if (!isUnsure(error, signal)) undo()
      // On a socket that stands it has gone, and will be heard.
      else if (!this.#host.link.rpc) this.#part(key, frame)
      throw error
    }
  }

  /** The server may have done all the same what was given up: says as soon as it can that it is over, unless it is wanted again. */
  #part(key: string, frame: Leave | Watch): void {
    const say = (rpc: Rpc) => this.#interests.has(key) || rpc.send(frame)
    this.#host.link
      .usable(undefined, FOREVER)
      .then(say)
      .catch(() => {})
  }

  /** Gives ids of those who are there, or whether the one is. */
  async #ask(interest: Interest, options: AskOptions): Promise<unknown> {
    const { frame } = interest
    if (frame.kind === 'join') return this.#list(frame, options, interest)
    let present = false
    // At once: presence that came right behind the answer is newer.
    const onpages = ([answer]: Result[]) => {
      const { away, ...said } = toObject(decodeBody(answer as Result))
      present = said.present === true
      const { topic, id } = frame
      // What the first answer says is what the call gives.
      if (!interest.established && present) interest.members.set(toKey(id), { id })
      if (present) this.#arrived(topic, interest.members.get(toKey(id)) ?? { id }, away === true)
      else this.#left(topic, id)
      interest.established = true
    }
    await this.#host.link.ask(frame, { ...options, onpages })
    return present
  }

  /** Asks who is there and tells it. What a custom server answers instead is given as it is. */
  async #list(
    frame: Join | Lookup,
    options: AskOptions,
    interest?: Interest
  ): Promise<Uint8Array[] | Member[]> {
    let answer: unknown
    // At once, as above.
    const onpages = (pages: Result[]) => {
      answer = this.#tell(frame, pages, interest)
    }
    await this.#host.link.ask(frame, { ...options, onpages })
    return answer as Uint8Array[] | Member[]
  }

  #tell(frame: Join | Lookup, pages: Result[], interest: Interest | undefined): unknown {
    const { flags } = pages[0] as Result
    const isList = (flags & FLAG.members) !== 0
    const answer = isList ? [] : decodeBody(pages[0] as Result)
    if (interest) interest.established = true
    if (!isList) return answer
    const details = (flags & FLAG.details) !== 0
    const members = pages.flatMap(({ flags, body }) =>
      decodeMembers(body, details).map(member => toMember(member, (flags & FLAG.away) !== 0))
    )
    const topic = copy(frame.topic)
    // What happened while this client was away is told as if it had been there.
    if (interest?.frame.watch && this.#interests.get(interest.key) === interest) {
      const now = new Set(members.map(({ id }) => toKey(id)))
      for (const [key, { id }] of [...interest.members]) if (!now.has(key)) this.#left(topic, id)
      for (const member of members) this.#arrived(topic, member, member.away)
    }
    const peers = members.map(({ id }) => id)
    this.#host.emit(frame.kind, { topic, peers })
    return frame.kind === 'lookup' && frame.details ? members : peers
  }

  /** Those that are told of this peer. A server may tell of topics that nobody asked about, or that were left meanwhile. */
  #watching(topic: Uint8Array, key: string): Interest[] {
    const all = [this.#interests.get(toKey(topic)), this.#interests.get(toKey(topic) + key)]
    return all.flatMap(each => (each?.frame.watch ? each : []))
  }

  #arrived(topic: Uint8Array, { away: _, ...member }: Member, away = false): void {
    const key = toKey(member.id)
    const watching = this.#watching(topic, key)
    if (key === toKey(this.#host.id as Uint8Array) || watching.length === 0) return
    const known = watching.find(({ members }) => members.has(key))?.members.get(key)
    const kept: Member = { ...member, away: known?.away === true }
    for (const { members } of watching) if (members.size < MAX.members) members.set(key, kept)
    if (!known) this.#host.emit('peer-joined', { topic, ...member })
    else if (JSON.stringify(known.info) !== JSON.stringify(member.info))
      this.#host.emit('peer-updated', { topic, ...member })
    this.#moved(topic, member.id, away)
  }

  /** What is known already is not told again. */
  #moved(topic: Uint8Array, id: Uint8Array, away: boolean): void {
    const key = toKey(id)
    const known = this.#watching(topic, key).flatMap(({ members }) => members.get(key) ?? [])
    const changed = known.filter(member => (member.away === true) !== away)
    for (const member of changed) member.away = away
    if (changed.length > 0) this.#host.emit(away ? 'peer-away' : 'peer-back', { topic, id })
  }

  #left(topic: Uint8Array, id: Uint8Array): void {
    const key = toKey(id)
    const knew = this.#watching(topic, key).filter(({ members }) => members.delete(key))
    if (knew.length > 0) this.#host.emit('peer-left', { topic, id })
  }

  /**
   * Asks again for what is marked: for all of it at once, and then, one by one, for what was refused for now. Many
   * that come back together would else be refused together for ever.
   */
  async #work(): Promise<void> {
    if (this.#run || this.#dirty.size === 0) return
    const run = new AbortController()
    this.#run = run
    const first = [...this.#dirty]
    this.#dirty.clear()
    let pause = Math.max(...(await Promise.all(first.map(each => this.#retry(each)))))
    while (this.#run === run && this.#dirty.size > 0) {
      await sleep(pause, { clock: this.#host.clock, signal: run.signal })
      const [next] = this.#dirty
      if (this.#run !== run || !next) break
      this.#dirty.delete(next)
      pause = await this.#retry(next, pause)
    }
    if (this.#run === run) this.#run = undefined
  }

  /** Asks once more. Gives how long to wait before the next try, if there is to be one. Unit: ms. */
  async #retry(each: Interest, pause = 0): Promise<number> {
    if (this.#interests.get(each.key) !== each) return 0
    try {
      await this.#ask(each, { once: true })
    } catch (error) {
      const { retryable, retryAfterMs = Math.max(2 * pause, MS.retry) } = error as SignalError
      if (retryable) {
        this.#dirty.add(each)
        return Math.min(retryAfterMs, MS.longestRetry)
      }
      // What is not to be had any more is told, and not tried for ever.
      this.#host.emit('dropped', { error: toSignalError(error), id: this.#host.id as Uint8Array })
      const { kind, topic } = each.frame
      if (this.#interests.delete(each.key) && kind === 'join') this.#host.emit('leave', { topic })
    }
    return 0
  }
}

function leaving(topic: Uint8Array): Leave {
  return { kind: 'leave', topic }
}

/** What others said of themselves may be anything; what is no JSON is left out. */
function toMember({ id, info }: MemberBytes, away = false): Member {
  const member: Member = { id: copy(id) }
  if (away) member.away = true
  if (info.length === 0) return member
  try {
    member.info = decodeBody({ flags: FLAG.json, body: info })
  } catch {}
  return member
}
