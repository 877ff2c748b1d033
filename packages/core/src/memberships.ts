import { assertFits } from './assert.ts'
import { assertBytes, copy, equals, toKey } from './bytes.ts'
import { decodeBody, encodeBody, readBody, toObject } from './codec.ts'
import { type SignalError, toSignalError } from './errors.ts'
import {
  decodeMembers,
  type Frame,
  type Join,
  type MemberBytes,
  type Presence,
  type Result
} from './frame.ts'
import type { AskOptions, Host } from './host.ts'
import { CEILING, FLAG } from './protocol.ts'
import type { Waitable } from './resource.ts'
import { wait } from './wait.ts'

type Lookup = Extract<Frame, { kind: 'lookup' }>

/** Somebody in a topic. `id`: 32 bytes. `info`: what it said of itself in `join`, if anything. */
export interface Member {
  id: Uint8Array
  info?: unknown
}

export interface JoinOptions extends Waitable {
  /** Tells who comes and goes (`peer-joined`, `peer-left`), and answers with everybody. */
  watch?: boolean
  /** What the others see of you: any JSON, at most 1,024 bytes of it. */
  info?: unknown
  /** Peers in the answer, when not watching. Default: what the server gives, 100. At most 1,000. */
  limit?: number
}

export interface LookupOptions extends Waitable {
  /** Default: 100. At most 1,000. */
  limit?: number
  /** Walks on behind this id, in byte order. Without it, a random sample. */
  after?: Uint8Array
  /** Gives members with their info, not ids. */
  details?: boolean
}

export interface PresenceEvents {
  join: [event: { topic: Uint8Array; peers: Uint8Array[] }]
  leave: [event: { topic: Uint8Array }]
  lookup: [event: { topic: Uint8Array; peers: Uint8Array[] }]
  'peer-joined': [event: { topic: Uint8Array } & Member]
  'peer-left': [event: { topic: Uint8Array; id: Uint8Array }]
  'peer-away': [event: { topic: Uint8Array; id: Uint8Array }]
  'peer-back': [event: { topic: Uint8Array; id: Uint8Array }]
}

/** The first wait before a topic is asked for again. Unit: ms. */
const RETRY = 1000
const MAX_RETRY = 60_000
/** Members that are remembered, to tell who came and went while away; a hostile server may name more. */
const MAX_MEMBERS = 100_000

interface Membership {
  topic: Uint8Array
  watch: boolean
  limit: number
  info: Uint8Array
  /** Whether a first answer has come; until then the call that asks for it asks again by itself. */
  established: boolean
  /** Who is there, as far as presence has told; kept only when watching. */
  members: Map<string, Member>
}

interface Watched {
  topic: Uint8Array
  id: Uint8Array
  established: boolean
  present: boolean
}

/** Topics that a client has joined and peers it watches: asks for them, again after each reconnect, and tells the difference. */
export class Memberships {
  readonly #host: Host
  /** What has to be asked for again, and the work on it. */
  readonly #dirty = new Set<Membership | Watched>()
  #run: AbortController | undefined
  readonly #joined = new Map<string, Membership>()
  /** Peers that are watched by id, under topic and id. */
  readonly #watched = new Map<string, Watched>()

  constructor(host: Host) {
    this.#host = host
  }

  async join(topic: Uint8Array, options: JoinOptions): Promise<Uint8Array[]> {
    assertBytes(topic, 'topic')
    const { watch = false, limit = 0, info, signal } = options
    const key = toKey(topic)
    const known = this.#joined.get(key)
    const membership: Membership = {
      topic: copy(topic),
      watch,
      limit,
      info: encodeInfo(info),
      established: false,
      members: known?.members ?? new Map()
    }
    const undo = change(this.#joined, key, membership)
    try {
      const peers = await this.#join(membership, { signal })
      // A server that lets only members look has forgotten who was watched here before.
      this.#mark(topic, false)
      return peers
    } catch (error) {
      // Who gave up waiting may be in the topic all the same.
      if (undo() === undefined && isUnsure(error, signal)) {
        this.#host
          .ask({ kind: 'leave', requestId: 0, topic: membership.topic }, { once: true })
          .catch(() => {})
      }
      throw error
    }
  }

  async leave(topic: Uint8Array, { signal }: Waitable): Promise<void> {
    assertBytes(topic, 'topic')
    const undo = change(this.#joined, toKey(topic), undefined)
    try {
      await this.#host.ask({ kind: 'leave', requestId: 0, topic }, { signal })
    } catch (error) {
      if (!isUnsure(error, signal)) undo()
      throw error
    }
    this.#host.emit('leave', { topic: copy(topic) })
  }

  async lookup(topic: Uint8Array, options: LookupOptions): Promise<Uint8Array[] | Member[]> {
    assertBytes(topic, 'topic')
    const { limit = 0, after, details = false, signal } = options
    if (after) assertBytes(after, 'after')
    return this.#list({ kind: 'lookup', requestId: 0, topic, limit, after, details }, { signal })
  }

  async watch(topic: Uint8Array, peerId: Uint8Array, { signal }: Waitable): Promise<boolean> {
    assertPeer(topic, peerId)
    const watched = { topic: copy(topic), id: copy(peerId), established: false, present: false }
    const key = toKey(topic) + toKey(peerId)
    const undo = change(this.#watched, key, watched)
    try {
      watched.present = await this.#watch(watched, { signal })
    } catch (error) {
      undo()
      throw error
    }
    watched.established = true
    return watched.present
  }

  async unwatch(topic: Uint8Array, peerId: Uint8Array, { signal }: Waitable): Promise<void> {
    assertPeer(topic, peerId)
    this.#watched.delete(toKey(topic) + toKey(peerId))
    await this.#host.ask({ kind: 'watch', requestId: 0, topic, id: peerId, watch: false }, { signal })
  }

  clear(): void {
    this.#run?.abort()
    this.#joined.clear()
    this.#watched.clear()
  }

  /** Asks for everything again, right behind hello. */
  renew(): void {
    this.#run?.abort() // The socket that it worked on has ended.
    this.#run = undefined
    for (const each of [...this.#joined.values(), ...this.#watched.values()]) {
      if (each.established) this.#dirty.add(each)
    }
    this.#work()
  }

  presence(frame: Presence): void {
    const topic = copy(frame.topic)
    if (frame.resync) this.#mark(topic, true)
    for (const id of frame.left) this.#left(topic, copy(id))
    for (const member of frame.joined) this.#arrived(topic, toMember(member))
    for (const id of frame.away) this.#host.emit('peer-away', { topic, id: copy(id) })
    for (const id of frame.back) this.#host.emit('peer-back', { topic, id: copy(id) })
  }

  /** Asks again for those of a topic that are watched by id, and for the topic itself if presence was left out. */
  #mark(topic: Uint8Array, all: boolean): void {
    const membership = this.#joined.get(toKey(topic))
    if (all && membership?.watch) this.#dirty.add(membership)
    for (const watched of this.#watched.values()) {
      if (watched.established && equals(watched.topic, topic)) this.#dirty.add(watched)
    }
    this.#work()
  }

  #join(membership: Membership, options: AskOptions): Promise<Uint8Array[]> {
    const { topic, watch, limit, info } = membership
    const frame: Join = { kind: 'join', requestId: 0, topic, watch, limit, info }
    return this.#list(frame, options, membership) as Promise<Uint8Array[]>
  }

  /** Asks who is there and tells it. What a custom server answers instead is given as it is. */
  async #list(
    frame: Join | Lookup,
    options: AskOptions,
    membership?: Membership
  ): Promise<Uint8Array[] | Member[]> {
    const pages: Result[] = []
    const last = (await this.#host.ask(frame, { ...options, onpage: page => pages.push(page) })) as Result
    const isList = (last.flags & FLAG.members) !== 0
    const answer = isList ? [] : readBody(last)
    if (membership) membership.established = true
    if (!isList) return answer as Uint8Array[]
    const details = (last.flags & FLAG.details) !== 0
    const members = [...pages, last].flatMap(page => decodeMembers(page.body, details)).map(toMember)
    const topic = copy(frame.topic)
    // What happened while this client was away is told as if it had been there.
    if (membership?.watch && this.#joined.get(toKey(topic)) === membership) this.#compare(membership, members)
    const peers = members.map(({ id }) => id)
    this.#host.emit(frame.kind, { topic, peers })
    return frame.kind === 'lookup' && frame.details ? members : peers
  }

  #compare({ topic, members: before }: Membership, members: readonly Member[]): void {
    const now = new Set(members.map(({ id }) => toKey(id)))
    for (const [key, { id }] of [...before]) if (!now.has(key)) this.#left(topic, id)
    for (const member of members) this.#arrived(topic, member)
  }

  #arrived(topic: Uint8Array, member: Member): void {
    const key = toKey(member.id)
    if (key === toKey(this.#host.id as Uint8Array)) return
    const { watch, members } = this.#joined.get(toKey(topic)) ?? {}
    const watched = this.#watched.get(toKey(topic) + key)
    if (watched) watched.present = true
    // A server may tell of topics that nobody here asked about, or that were left meanwhile.
    if (!watch && !watched) return
    const known = members?.has(key)
    if (watch && members && members.size < MAX_MEMBERS) members.set(key, member)
    if (!known) this.#host.emit('peer-joined', { topic, ...member })
  }

  #left(topic: Uint8Array, id: Uint8Array): void {
    const key = toKey(id)
    const watched = this.#watched.get(toKey(topic) + key)
    const known = this.#joined.get(toKey(topic))?.members.delete(key) || watched?.present
    if (watched) watched.present = false
    if (known) this.#host.emit('peer-left', { topic, id })
  }

  async #watch({ topic, id }: Watched, options: AskOptions): Promise<boolean> {
    const frame = { kind: 'watch', requestId: 0, topic, id, watch: true } as const
    const answer = (await this.#host.ask(frame, options)) as Result
    return toObject(readBody(answer)).present === true
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
    const pauses = await Promise.all(first.map(each => this.#retry(each)))
    let pause = Math.max(0, ...pauses.map(each => each ?? 0))
    const { clock } = this.#host
    while (this.#run === run && this.#dirty.size > 0) {
      const forever = new Promise<never>(() => {})
      await wait(forever, { clock, timeout: pause, signal: run.signal, late: Error }).catch(() => {})
      const [next] = this.#dirty
      if (this.#run !== run || !next) break
      this.#dirty.delete(next)
      pause = (await this.#retry(next, pause)) ?? 0
    }
    if (this.#run === run) this.#run = undefined
  }

  /** Asks once more. Gives how long to wait before the next try when there is to be one. Unit: ms. */
  async #retry(each: Membership | Watched, pause = 0): Promise<number | undefined> {
    const { topic } = each
    const isTopic = 'members' in each
    const key = isTopic ? toKey(topic) : toKey(topic) + toKey(each.id)
    const current = isTopic ? this.#joined.get(key) : this.#watched.get(key)
    if (current !== each) return undefined
    try {
      await (isTopic ? this.#join(each, { once: true }) : this.#rewatch(each))
      return undefined
    } catch (error) {
      const { retryable, retryAfterMs = Math.min(Math.max(2 * pause, RETRY), MAX_RETRY) } =
        error as SignalError
      if (retryable) {
        this.#dirty.add(each)
        return retryAfterMs
      }
      // What is not to be had any more is told, and not tried for ever.
      this.#host.dropped(toSignalError(error), this.#host.id as Uint8Array)
      if (!isTopic) this.#watched.delete(key)
      else if (this.#joined.delete(key)) this.#host.emit('leave', { topic })
      return undefined
    }
  }

  async #rewatch(watched: Watched): Promise<void> {
    const { topic, id } = watched
    const now = await this.#watch(watched, { once: true })
    if (now && !watched.present) this.#arrived(topic, { id })
    if (!now && watched.present) this.#left(topic, id)
  }
}

/**
 * Sets an entry, or deletes it. Gives what puts the one before back, if that was established and no other call has
 * changed it meanwhile; it gives the entry that stands then.
 */
function change<V extends { established: boolean }>(
  map: Map<string, V>,
  key: string,
  mine: V | undefined
): () => V | undefined {
  const put = (entry: V | undefined) => (entry ? map.set(key, entry) : map.delete(key))
  const before = map.get(key)
  put(mine)
  return () => {
    if (map.get(key) === mine) put(before?.established ? before : undefined)
    return map.get(key)
  }
}

/** Whether the server may have done what was asked, although the call failed. */
function isUnsure(error: unknown, signal: AbortSignal | undefined): boolean {
  const { code } = error as SignalError
  return signal?.aborted === true || code === 'TIMEOUT' || code === 'CLOSED'
}

function assertPeer(topic: Uint8Array, peerId: Uint8Array): void {
  assertBytes(topic, 'topic')
  assertBytes(peerId, 'peerId')
}

function encodeInfo(info: unknown): Uint8Array {
  if (info === undefined) return new Uint8Array(0)
  const { flags, bytes } = encodeBody(info)
  const fits = (flags & FLAG.json) !== 0 && bytes.length <= CEILING.info
  assertFits(fits, 'info', `JSON of at most ${CEILING.info} bytes`, bytes)
  return bytes
}

/** What others said of themselves may be anything; what is no JSON is left out. */
function toMember({ id, info }: MemberBytes): Member {
  const member: Member = { id: copy(id) }
  if (info.length === 0) return member
  try {
    member.info = decodeBody({ flags: FLAG.json, bytes: info })
  } catch {}
  return member
}
