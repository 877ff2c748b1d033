/**
 * Moderators of rooms, for a server.
 *
 * @module socket-signal-room/server
 */

import {
  type Connection,
  type JoinMsg,
  type ModerateMsg,
  SignalError,
  type SocketSignalServerMap,
  type SocketSignalServerMapOptions,
  toHex
} from 'socket-signal'
import { Censorship, fromHex, readInfo } from './censorship.ts'
import { type Decision, readDecision } from './decision.ts'
import type { Kind } from './types.ts'

/** Who may moderate. */
export interface ModerationOptions {
  /** Whether somebody may moderate a topic. Default: whoever was let in by a token (whose rights the gate has checked). */
  allow?: (rpc: Connection, msg: ModerateMsg) => boolean | Promise<boolean>
}

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
  #server: SocketSignalServerMap | undefined
  #censorship: Censorship | undefined

  constructor(options: ModerationOptions = {}) {
    this.#options = options
  }

  /** For the server's options. A hook of yours of the same name would have to call these. */
  readonly hooks: Pick<SocketSignalServerMapOptions, 'onJoin' | 'onModerate'> = {
    onJoin: (_rpc, msg) => this.#joins(msg),
    onModerate: (rpc, msg) => this.#asked(rpc, msg)
  }

  /** Follows a server and gives it back; the one before is let go. */
  attach<S extends SocketSignalServerMap>(server: S): S {
    this.close()
    this.#server = server
    this.#censorship = new Censorship(server, (topic, [participantId, key, kind]) => {
      const told = this.#tell(topic, fromHex(participantId), { action: 'censor', key, kind })
      told.catch(() => {}) // Who comes later is told as it joins.
    })
    return server
  }

  /** Lets go of the server: call it when that is closed, if its backplane is not. */
  close(): void {
    this.#censorship?.close()
  }

  /** Ends a member's place, terminally: its sockets close as KICKED. Gives whether it was there. `id`: 32 bytes. */
  async kick(topic: Uint8Array, id: Uint8Array): Promise<boolean> {
    if (!(await this.#attached.censorship.member(topic, id))) return false
    // Its place ends, whether or not the others can be told why just now.
    await this.#tell(topic, id, { action: 'kick' }).catch(() => {})
    this.#server?.disconnect({ id }, 'kicked by a moderator')
    return true
  }

  /** Takes a track away from everybody, also from who comes later. Gives whether there was one: else nothing happens. */
  async censor(topic: Uint8Array, id: Uint8Array, key: string, kind: Kind): Promise<boolean> {
    const { censorship } = this.#attached
    const streams = (await censorship.member(topic, id))?.streams ?? {}
    if (!Object.hasOwn(streams, key) || !streams[key]?.[kind]) return false
    if (!censorship.add(topic, [toHex(id), key, kind]))
      throw new SignalError('OVERLOADED', 'too much is censored here, or of this member')
    await this.#tell(topic, id, { action: 'censor', key, kind })
    return true
  }

  /** Gives it back. Gives whether it was censored: else nothing happens. */
  async uncensor(topic: Uint8Array, id: Uint8Array, key: string, kind: Kind): Promise<boolean> {
    const { censorship } = this.#attached
    const of = [toHex(id), key, kind] as const
    if (!censorship.remove(topic, of)) return false
    try {
      await this.#tell(topic, id, { action: 'uncensor', key, kind })
    } catch (error) {
      censorship.add(topic, of) // It stands for those who were not told, and may be given back again.
      throw error
    }
    return true
  }

  /** What is kept. All 0 again once everybody of whom something was censored has gone. */
  stats(): { rooms: number; censored: number } {
    return this.#attached.censorship.stats()
  }

  /** Who joins a room, or says something else of itself there, is told what stands. */
  async #joins({ topic, id, info, watch }: JoinMsg): Promise<undefined> {
    if (!watch || !readInfo(info)) return
    const censored = this.#attached.censorship.of(topic)
    await this.#tell(topic, id, { action: 'standing', censored }, id)
  }

  get #attached(): { server: SocketSignalServerMap; censorship: Censorship } {
    const [server, censorship] = [this.#server, this.#censorship]
    if (server && censorship) return { server, censorship }
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
    const all = Object.keys((await this.#attached.censorship.member(topic, remoteId))?.streams ?? {})
    const keys = key === undefined ? all : [key]
    const action = what === 'mute' ? 'censor' : 'uncensor'
    return keys.flatMap(key => readDecision({ action, key, kind }) ?? [])
  }

  async #tell(topic: Uint8Array, id: Uint8Array, decision: Decision, to?: Uint8Array): Promise<void> {
    await this.#attached.server.tell(topic, id, decision, to)
  }
}

/** As `new Moderation(options)`, beside `createRoom`. */
export function createModeration(options: ModerationOptions = {}): Moderation {
  return new Moderation(options)
}
