import { copy, equals, toKey } from './bytes.ts'
import { decodeBody, encodeBody } from './codec.ts'
import { SignalError } from './errors.ts'
import {
  decodeMembers,
  type Frame,
  type Join,
  type MemberBytes,
  type Presence,
  type Result
} from './frame.ts'
import { CEILING, FLAG } from './protocol.ts'
import type { Waitable } from './resource.ts'
import type { RequestOptions } from './rpc.ts'

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

export interface MembershipsContext {
  id(): Uint8Array
  /** Sends a request, again when the socket broke and came back, until the deadline. */
  ask(frame: Frame, options?: Waitable & Pick<RequestOptions, 'onpage'>): Promise<Frame>
  /** Sends a request on the socket that is there now. */
  request(frame: Frame, options?: Pick<RequestOptions, 'onpage'>): Promise<Frame>
  emit<K extends keyof PresenceEvents>(event: K, ...args: PresenceEvents[K]): void
  dropped(error: SignalError, id: Uint8Array): void
}

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
  readonly #context: MembershipsContext
  readonly #joined = new Map<string, Membership>()
  /** Peers that are watched by id, under topic and id. */
  readonly #watched = new Map<string, Watched>()

  constructor(context: MembershipsContext) {
    this.#context = context
  }

  async join(
    topic: Uint8Array,
    { watch = false, limit = 0, info, signal }: JoinOptions
  ): Promise<Uint8Array[]> {
    const key = toKey(topic)
    const known = this.#joined.get(key)
    const members = known?.members ?? new Map<string, Member>()
    const [bytes, established] = [encodeInfo(info), false]
    const membership: Membership = { topic: copy(topic), watch, limit, info: bytes, established, members }
    this.#joined.set(key, membership)
    try {
      return await this.#join(membership, this.#context.ask, signal)
    } catch (error) {
      if (this.#joined.get(key) !== membership) throw error
      if (known) this.#joined.set(key, known)
      else this.#joined.delete(key)
      throw error
    }
  }

  async leave(topic: Uint8Array, { signal }: Waitable): Promise<void> {
    this.#joined.delete(toKey(topic))
    await this.#context.ask({ kind: 'leave', requestId: 0, topic }, { signal })
    this.#context.emit('leave', { topic: copy(topic) })
  }

  async lookup(topic: Uint8Array, options: LookupOptions): Promise<Uint8Array[] | Member[]> {
    const { limit = 0, after, details = false, signal } = options
    const { value, members } = await this.#list(
      { kind: 'lookup', requestId: 0, topic, limit, after, details },
      this.#context.ask,
      signal
    )
    if (!members) return value as Uint8Array[]
    const peers = members.map(({ id }) => id)
    this.#context.emit('lookup', { topic: copy(topic), peers })
    return details ? members : peers
  }

  async watch(topic: Uint8Array, id: Uint8Array, { signal }: Waitable): Promise<boolean> {
    const watched = { topic: copy(topic), id: copy(id), established: false, present: false }
    this.#watched.set(toKey(topic) + toKey(id), watched)
    const result = await this.#context.ask(
      { kind: 'watch', requestId: 0, topic, id, watch: true },
      { signal }
    )
    watched.established = true
    watched.present = isPresent(result)
    return watched.present
  }

  async unwatch(topic: Uint8Array, id: Uint8Array, { signal }: Waitable): Promise<void> {
    this.#watched.delete(toKey(topic) + toKey(id))
    await this.#context.ask({ kind: 'watch', requestId: 0, topic, id, watch: false }, { signal })
  }

  clear(): void {
    this.#joined.clear()
    this.#watched.clear()
  }

  /** Asks for everything again, right behind hello. */
  renew(): void {
    for (const membership of this.#joined.values()) {
      if (!membership.established) continue
      this.#join(membership, this.#context.request).catch(error => this.#lost(membership, error))
    }
    for (const watched of this.#watched.values()) {
      if (watched.established) this.#renewWatch(watched).catch(() => {}) // The next socket asks again.
    }
  }

  presence(frame: Presence): void {
    const topic = copy(frame.topic)
    const membership = this.#joined.get(toKey(topic))
    if (frame.resync) this.#resync(topic, membership)
    for (const id of frame.left) this.#left(topic, membership, copy(id))
    for (const member of frame.joined) this.#arrived(topic, membership, toMember(member))
    for (const id of frame.away) this.#context.emit('peer-away', { topic, id: copy(id) })
    for (const id of frame.back) this.#context.emit('peer-back', { topic, id: copy(id) })
  }

  /** Something was left out: asks again for everybody, or for those that are watched by id. */
  #resync(topic: Uint8Array, membership: Membership | undefined): void {
    if (membership?.watch) this.#join(membership, this.#context.request).catch(() => {})
    for (const watched of this.#watched.values()) {
      if (equals(watched.topic, topic)) this.#renewWatch(watched).catch(() => {})
    }
  }

  async #join(
    membership: Membership,
    ask: MembershipsContext['ask'],
    signal?: AbortSignal
  ): Promise<Uint8Array[]> {
    const { topic, watch, limit, info } = membership
    const frame: Join = { kind: 'join', requestId: 0, topic, watch, limit, info }
    const { value, members } = await this.#list(frame, ask, signal)
    membership.established = true
    if (!members) return value as Uint8Array[]
    // What happened while this client was away is told as if it had been there.
    if (watch && this.#joined.get(toKey(topic)) === membership) this.#compare(membership, members)
    const peers = members.map(({ id }) => id)
    this.#context.emit('join', { topic, peers })
    return peers
  }

  #compare(membership: Membership, members: readonly Member[]): void {
    const now = new Set(members.map(({ id }) => toKey(id)))
    for (const [key, { id }] of [...membership.members]) {
      if (!now.has(key)) this.#left(membership.topic, membership, id)
    }
    for (const member of members) this.#arrived(membership.topic, membership, member)
  }

  #arrived(topic: Uint8Array, membership: Membership | undefined, member: Member): void {
    if (equals(member.id, this.#context.id())) return
    const watched = this.#watched.get(toKey(topic) + toKey(member.id))
    if (watched) watched.present = true
    const known = membership?.members.has(toKey(member.id))
    if (membership?.watch && membership.members.size < MAX_MEMBERS)
      membership.members.set(toKey(member.id), member)
    if (!known) this.#context.emit('peer-joined', { topic, ...member })
  }

  #left(topic: Uint8Array, membership: Membership | undefined, id: Uint8Array): void {
    const watched = this.#watched.get(toKey(topic) + toKey(id))
    const known = membership?.members.delete(toKey(id)) || watched?.present
    if (watched) watched.present = false
    if (known) this.#context.emit('peer-left', { topic, id })
  }

  async #renewWatch(watched: Watched): Promise<void> {
    const { topic, id, present } = watched
    const now = isPresent(
      await this.#context.request({ kind: 'watch', requestId: 0, topic, id, watch: true })
    )
    if (now && !present) this.#arrived(topic, undefined, { id })
    if (!now && present) this.#left(topic, undefined, id)
  }

  /** A topic that could not be joined again is told, and not tried for ever. */
  #lost(membership: Membership, error: unknown): void {
    if (!(error instanceof SignalError) || error.retryable) return
    this.#joined.delete(toKey(membership.topic))
    this.#context.dropped(error, this.#context.id())
    this.#context.emit('leave', { topic: membership.topic })
  }

  async #list(
    frame: Frame,
    ask: MembershipsContext['ask'],
    signal?: AbortSignal
  ): Promise<{ value: unknown; members?: Member[] }> {
    const pages: Result[] = []
    const last = (await ask(frame, { signal, onpage: page => pages.push(page) })) as Result
    if ((last.flags & FLAG.members) === 0)
      return { value: decodeBody({ flags: last.flags, bytes: last.body }) }
    const details = (last.flags & FLAG.details) !== 0
    const members = [...pages, last].flatMap(page => decodeMembers(page.body, details)).map(toMember)
    return { value: members, members }
  }
}

function encodeInfo(info: unknown): Uint8Array {
  if (info === undefined) return new Uint8Array(0)
  const { flags, bytes } = encodeBody(info)
  if ((flags & FLAG.json) === 0) throw new TypeError('info must be JSON, not bytes')
  if (bytes.length > CEILING.info)
    throw new TypeError(`info takes ${bytes.length} bytes as JSON, the limit is ${CEILING.info}`)
  return bytes
}

/** What others said of themselves may be anything; what is no JSON is left out. */
function toMember({ id, info }: MemberBytes): Member {
  const member: Member = { id: copy(id) }
  if (info.length === 0) return member
  try {
    member.info = decodeBody({ flags: FLAG.json, bytes: info })
  } catch (error) {
    if (!(error instanceof SignalError)) throw error
  }
  return member
}

function isPresent(result: Frame): boolean {
  const { flags, body } = result as Result
  return (decodeBody({ flags, bytes: body }) as { present?: unknown } | null)?.present === true
}
