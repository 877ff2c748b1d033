import { SignalError } from 'socket-signal/errors'
import type { Info } from './info.ts'
import type { DisconnectReason, Kind, State, Status, Subscription } from './types.ts'

export const KINDS = ['audio', 'video'] as const

type Track = MediaStreamTrack
export type Media = { readonly [K in Kind]?: Track | undefined }

/** A stream of ours. */
export interface Own extends Media {
  readonly simulcast: boolean
  /** Whether the others have been told of it. */
  readonly announced: boolean
}

/** What we asked of a remote stream. */
export interface Wish {
  readonly participantId: string
  readonly key: string
  readonly config: Readonly<Subscription>
  /** What is to be told once it stands. */
  readonly pending: 'subscription_started' | 'subscription_reconfigured' | undefined
}

/** Everything that is known. Never changed: each event makes another one. Streams are known by participant and key. */
export interface Machine {
  readonly status: Status
  readonly id: string
  readonly isReconnecting: boolean
  readonly reason: DisconnectReason | undefined
  readonly self: { readonly name?: string; readonly context?: string }
  readonly own: ReadonlyMap<string, Own>
  readonly members: ReadonlyMap<string, Info & { readonly away: boolean }>
  readonly wishes: ReadonlyMap<string, Wish>
  readonly media: ReadonlyMap<string, Media>
  /** Stream and kind. */
  readonly censored: ReadonlySet<string>
  readonly speaking: ReadonlySet<string>
  /** What users see of all this. */
  readonly view: State
}

/** A stream of somebody. */
export type Of = { readonly participantId: string; readonly key: string }

export const INITIAL: Machine = {
  status: 'initialized',
  id: '',
  isReconnecting: false,
  reason: undefined,
  self: {},
  own: new Map(),
  members: new Map(),
  wishes: new Map(),
  media: new Map(),
  censored: new Set(),
  speaking: new Set(),
  view: Object.freeze({
    status: 'initialized',
    localParticipantId: '',
    participants: Object.freeze({}),
    streams: Object.freeze({}),
    isReconnecting: false
  })
}

/** Throws NOT_CONNECTED. */
export function assertConnected({ status }: Machine): void {
  if (status !== 'connected') throw notConnected(status)
}

export function unknownParticipant(participantId: string): SignalError {
  return new SignalError('UNKNOWN_PARTICIPANT', `nobody else of the id '${participantId}' is here`)
}

export function notConnected(how: string): SignalError {
  return new SignalError('NOT_CONNECTED', `the room is ${how}`)
}

export function streamId({ participantId, key }: Of): string {
  return `${participantId}/${key}`
}

/** Whether everything that was asked for, and is published and not censored, has come. */
export function isConfigured(state: Machine, of: Of): boolean {
  const config = state.wishes.get(streamId(of))?.config
  if (!config) return false
  const media = state.media.get(streamId(of))
  return KINDS.every(
    kind => !config[kind] || !has(state, { ...of, kind }) || isCensored(state, of, kind) || media?.[kind]
  )
}

export function isCensored({ censored }: Machine, of: Of, kind: Kind): boolean {
  return censored.has(`${streamId(of)} ${kind}`)
}

/** Whether a stream has a track of this kind. */
export function has(state: Machine, { participantId, key, kind }: Of & { kind: Kind }): boolean {
  if (participantId === state.id) return state.own.get(key)?.[kind] !== undefined
  const streams = state.members.get(participantId)?.streams
  return streams !== undefined && Object.hasOwn(streams, key) && streams[key]?.[kind] === true
}

/** What the others are to be told of us. */
export function infoOf({ self, own }: Machine): Info {
  const streams = [...own].map(
    ([key, { audio, video }]) => [key, { audio: !!audio, video: !!video }] as const
  )
  return { ...self, streams: Object.fromEntries(streams) }
}

/** What we ask of somebody, as far as it is published and not censored: streams by their keys. */
export function wantsOf(state: Machine, participantId: string): Map<string, Subscription> {
  const wants = new Map<string, Subscription>()
  for (const { participantId: whose, key, config } of state.wishes.values()) {
    if (whose !== participantId) continue
    const asked = (kind: Kind) =>
      config[kind] &&
      has(state, { participantId, key, kind }) &&
      !isCensored(state, { participantId, key }, kind)
    wants.set(key, { ...config, audio: asked('audio'), video: asked('video') })
  }
  return wants
}

/** What somebody who asks for it is sent of a stream of ours: not what a moderator has taken away. */
export function sentOf(state: Machine, key: string): Own | undefined {
  const own = state.own.get(key)
  if (!own) return undefined
  const sent = (kind: Kind) =>
    isCensored(state, { participantId: state.id, key }, kind) ? undefined : own[kind]
  return { ...own, audio: sent('audio'), video: sent('video') }
}
