import {
  type Connection,
  type JoinMsg,
  type ModerateMsg,
  SignalError,
  type SocketSignalServerMap,
  type SocketSignalServerMapOptions,
  toHex,
  toKey
} from 'socket-signal'
import { type Decision, readDecision } from './decision.ts'
import { decodeInfo, type Info } from './info.ts'
import type { Kind } from './types.ts'

export interface ModerationOptions {
  /** Whether somebody may moderate a topic. Default: whoever was let in by a token (whose rights the gate has checked). */
  allow?: (rpc: Connection, msg: ModerateMsg) => boolean | Promise<boolean>
}

/** What was taken away in a topic, from those who are there. */
interface Room {
  /** Participant, key and kind. */
  censored: Map<string, readonly [string, string, Kind]>
  stop(): void
}

/** Of one room. */
const MAX_CENSORED = 500

/** `room.self.audio_mute`, `room.member.video_unmute`, `room.member.remove`: the names that tokens grant. */
const METHOD = /^room\.(?:self|member)\.(?:(audio|video)_(mute|unmute)|(remove))$/

/**
 * Moderators of rooms, for a server. Give it the `hooks` among its options, then `attach` it; a server has one.
 *
 *     const moderation = createModeration()
 *     const server = moderation.attach(new SocketSignalWebsocketServer({ ...moderation.hooks, authorize: gate.authorize }))
 */
export class Moderation {
  readonly #options: ModerationOptions
  readonly #rooms = new Map<string, Room>()
  #server: SocketSignalServerMap | undefined

  constructor(options: ModerationOptions = {}) {
    this.#options = options
  }

  readonly hooks: Pick<SocketSignalServerMapOptions, 'onJoin' | 'onModerate'> = {
    onJoin: (_rpc, msg) => this.#joins(msg),
    onModerate: (rpc, msg) => this.#asked(rpc, msg)
  }

  attach<S extends SocketSignalServerMap>(server: S): S {
    this.#server = server
    return server
  }

  /** Ends a member's place, terminally: its sockets close as KICKED. Gives whether it was there. `id`: 32 bytes. */
  async kick(topic: Uint8Array, id: Uint8Array): Promise<boolean> {
    if (!(await this.#member(topic, id))) return false
    await this.#tell(topic, id, { action: 'kick' })
    this.#server?.disconnect({ id }, 'kicked by a moderator')
    return true
  }

  /** Takes a track away from everybody, also from who comes later. Gives whether there was one: else nothing happens. */
  async censor(topic: Uint8Array, id: Uint8Array, key: string, kind: Kind): Promise<boolean> {
    const streams = (await this.#member(topic, id))?.streams ?? {}
    if (!Object.hasOwn(streams, key) || !streams[key]?.[kind]) return false
    const { censored } = this.#room(topic)
    if (censored.size >= MAX_CENSORED) throw new SignalError('OVERLOADED', 'too much is censored here')
    const of = [toHex(id), key, kind] as const
    censored.set(JSON.stringify(of), of)
    await this.#tell(topic, id, { action: 'censor', key, kind })
    return true
  }

  /** Gives it back. Gives whether it was censored: else nothing happens. */
  async uncensor(topic: Uint8Array, id: Uint8Array, key: string, kind: Kind): Promise<boolean> {
    const room = this.#rooms.get(toKey(topic))
    if (!room?.censored.delete(JSON.stringify([toHex(id), key, kind]))) return false
    this.#dropEmpty(topic)
    await this.#tell(topic, id, { action: 'uncensor', key, kind })
    return true
  }

  /** What is kept. All 0 again once everybody of whom something was censored has gone. */
  stats(): { rooms: number; censored: number } {
    const all = [...this.#rooms.values()]
    return { rooms: all.length, censored: all.reduce((sum, { censored }) => sum + censored.size, 0) }
  }

  /** Who joins a room, or says something else of itself there, is told what stands. */
  async #joins({ topic, id, info, watch }: JoinMsg): Promise<undefined> {
    if (!watch || !readInfo(info)) return
    const censored = [...(this.#rooms.get(toKey(topic))?.censored.values() ?? [])]
    await this.#tell(topic, id, { action: 'standing', censored }, id)
  }

  /** Watches its topic as long as something is censored there: who leaves, and is not just away, is forgotten. */
  #room(topic: Uint8Array): Room {
    const known = this.#rooms.get(toKey(topic))
    if (known) return known
    const stop = this.#attached.backplane.watch(topic, ({ change, id }) => {
      if (change !== 'left') return
      for (const [name, [whose]] of room.censored) if (whose === toHex(id)) room.censored.delete(name)
      this.#dropEmpty(topic)
    })
    const room: Room = { censored: new Map(), stop }
    this.#rooms.set(toKey(topic), room)
    return room
  }

  #dropEmpty(topic: Uint8Array): void {
    const room = this.#rooms.get(toKey(topic))
    if (!room || room.censored.size > 0) return
    room.stop()
    this.#rooms.delete(toKey(topic))
  }

  async #member(topic: Uint8Array, id: Uint8Array): Promise<Info | undefined> {
    const member = await this.#attached.backplane.find(topic, id)
    return member && (readInfo(member.info) ?? decodeInfo(undefined))
  }

  get #attached(): SocketSignalServerMap {
    if (this.#server) return this.#server
    throw new SignalError('INTERNAL', 'moderation was attached to no server')
  }

  /** The gate has been asked; without one nobody may. */
  async #asked(rpc: Connection, msg: ModerateMsg): Promise<unknown> {
    const { allow = ({ grant }: Connection) => Object.keys(grant).length > 0 } = this.#options
    if ((await allow(rpc, msg)) !== true) throw new SignalError('FORBIDDEN', 'you may not moderate here')
    const { topic, remoteId, data } = msg
    const { method } = Object(data)
    const decisions = method === undefined ? [readDecision(data)] : await this.#method(String(method), msg)
    const done = await Promise.all(decisions.map(each => this.#do(topic, remoteId, each)))
    return { done: done.includes(true) }
  }

  #do(topic: Uint8Array, id: Uint8Array, decision: Decision | undefined): Promise<boolean> {
    if (decision?.action === 'kick') return this.kick(topic, id)
    if (decision?.action === 'censor') return this.censor(topic, id, decision.key, decision.kind)
    if (decision?.action === 'uncensor') return this.uncensor(topic, id, decision.key, decision.kind)
    throw new SignalError('INVALID_ARGUMENT', 'a moderator may kick, censor and uncensor')
  }

  /** What a method by its name comes to: the same for each stream of the member, or for the one of `key`. */
  async #method(method: string, { topic, remoteId, data }: ModerateMsg): Promise<Decision[]> {
    const [known, kind, what, remove] = METHOD.exec(method) ?? []
    if (!known) throw new SignalError('UNSUPPORTED', `this server knows no method '${method.slice(0, 60)}'`)
    if (remove) return [{ action: 'kick' }]
    const { key } = Object(data)
    const all = Object.keys((await this.#member(topic, remoteId))?.streams ?? {})
    const keys = key === undefined ? all : [key]
    const action = what === 'mute' ? 'censor' : 'uncensor'
    return keys.flatMap(key => readDecision({ action, key, kind }) ?? [])
  }

  async #tell(topic: Uint8Array, id: Uint8Array, decision: Decision, to?: Uint8Array): Promise<void> {
    await this.#attached.tell(topic, id, decision, to)
  }
}

export function createModeration(options: ModerationOptions = {}): Moderation {
  return new Moderation(options)
}

/** What a member of a room says of itself; undefined of one of another topic. */
function readInfo(bytes: Uint8Array): Info | undefined {
  try {
    const info = JSON.parse(new TextDecoder().decode(bytes))
    return typeof info?.s === 'object' ? decodeInfo(info) : undefined
  } catch {
    return undefined
  }
}
