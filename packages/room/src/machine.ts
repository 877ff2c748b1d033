import { SignalError } from 'socket-signal/errors'
import { drop, put, without } from './collections.ts'
import { MAX_CENSORED } from './decision.ts'
import { type Effect, emit } from './effects.ts'
import { encodeInfo, type Info, isKey } from './info.ts'
import {
  assertConnected,
  has,
  INITIAL,
  infoOf,
  isCensored,
  KINDS,
  type Machine,
  type Media,
  type Of,
  type Own,
  streamId
} from './model.ts'
import type { DisconnectReason, Kind, Subscription } from './types.ts'
import { view } from './view.ts'
import { forget, mediaOf, settle, unsubscribe, unwish, wish } from './wishes.ts'

type Track = MediaStreamTrack

/** What happens to a room: calls, news of the server, and of connections. */
export type Event =
  | { type: 'connect' | 'connected' | 'disconnect' }
  | { type: 'opened'; id: string; name?: string; context?: string }
  | { type: 'ended'; reason: DisconnectReason }
  | { type: 'reconnecting'; on: boolean }
  | { type: 'seen'; participantId: string; info: Info }
  | { type: 'moved'; participantId: string; away: boolean }
  /** `retired`: it is still there, and in no room. */
  | { type: 'left' | 'retired' | 'kicked'; participantId: string }
  | { type: 'add' | 'update'; key: string; tracks: Change }
  | { type: 'announced' | 'remove'; key: string }
  | ({ type: 'subscribe' | 'reconfigure'; config: Subscription } & Of)
  | ({ type: 'unsubscribe' } & Of)
  | { type: 'media'; participantId: string; media: ReadonlyMap<string, Media> }
  | ({ type: 'censored'; kind: Kind; on: boolean } & Of)
  | { type: 'decisions'; censored: readonly (Of & { kind: Kind })[] }
  | ({ type: 'speaking'; on: boolean } & Of)

/** What `updateStream` changes: a track, none (null), or nothing. */
export type Change = { readonly [K in Kind]?: Track | null | undefined } & {
  readonly simulcast?: boolean | undefined
}

export interface Step {
  state: Machine
  effects: Effect[]
}

/**
 * The whole of a room's rules, without time, network or side effect. Throws what a call is to be rejected with, and then
 * nothing has changed.
 */
export function reduce(state: Machine, event: Event): Step {
  const effects: Effect[] = []
  const changed = settle(apply(state, event, effects), effects)
  return { state: changed === state ? state : { ...changed, view: view(changed, state) }, effects }
}

function apply(state: Machine, event: Event, effects: Effect[]): Machine {
  switch (event.type) {
    case 'connect':
      return { ...INITIAL, status: 'connecting', view: state.view }
    case 'opened': {
      const { id, name, context } = event
      return { ...state, id, self: { ...(name && { name }), ...(context && { context }) } }
    }
    case 'connected':
      emit(effects, 'connected')
      return { ...state, status: 'connected' }
    case 'disconnect':
      return { ...state, status: 'disconnecting' }
    case 'ended':
      if (state.status === 'disconnected' || state.status === 'initialized') return state
      emit(effects, 'disconnected')
      return { ...INITIAL, id: state.id, status: 'disconnected', reason: event.reason, view: state.view }
    case 'reconnecting':
      return event.on === state.isReconnecting ? state : { ...state, isReconnecting: event.on }
    case 'seen':
      return seen(state, event.participantId, event.info, effects)
    case 'moved': {
      const member = state.members.get(event.participantId)
      if (!member || member.away === event.away) return state
      return { ...state, members: put(state.members, event.participantId, { ...member, away: event.away }) }
    }
    case 'left':
      return unjudged(left(state, event.participantId, effects), event.participantId)
    case 'retired':
      return left(state, event.participantId, effects)
    case 'kicked':
      if (event.participantId !== state.id)
        return unjudged(left(state, event.participantId, effects, 'kicked'), event.participantId)
      emit(effects, 'participant_leaving', state.id, 'kicked')
      effects.push({ type: 'end', reason: 'kicked' })
      return state
    case 'add':
      return add(state, event.key, event.tracks, effects)
    case 'announced': {
      const own = state.own.get(event.key)
      if (!own || own.announced) return state
      emit(effects, 'stream_published', state.id, event.key)
      return { ...state, own: put(state.own, event.key, { ...own, announced: true }) }
    }
    case 'update':
      return update(state, event.key, event.tracks, effects)
    case 'remove': {
      const own = ours(state, event.key)
      effects.push({ type: 'announce' }, { type: 'sync' })
      if (own.announced) emit(effects, 'stream_unpublished', state.id, event.key)
      const speaking = without(state.speaking, streamId({ participantId: state.id, key: event.key }))
      return { ...state, own: drop(state.own, event.key), speaking }
    }
    case 'subscribe':
    case 'reconfigure':
      return wish(state, event, effects)
    case 'unsubscribe':
      return unsubscribe(state, event, effects)
    case 'media':
      return { ...state, media: mediaOf(state, event.participantId, event.media) }
    case 'censored':
      return censor(state, event, event.on, effects)
    case 'decisions':
      return decide(state, event.censored, effects)
    case 'speaking':
      return speak(state, event, event.on, effects)
    default:
      return event satisfies never
  }
}

/** Somebody is there, or says something else of itself. Who was there before us is no news. */
function seen(state: Machine, participantId: string, info: Info, effects: Effect[]): Machine {
  const before = state.members.get(participantId)
  const quiet = state.status !== 'connected'
  const tell: typeof emit = quiet ? () => {} : emit
  if (!before) tell(effects, 'participant_joined', participantId)
  let next: Machine = state
  for (const key of before ? Object.keys(before.streams) : []) {
    if (Object.hasOwn(info.streams, key)) continue
    next = forget(unwish(next, { participantId, key }, effects), streamId({ participantId, key }))
    tell(effects, 'stream_unpublished', participantId, key)
  }
  for (const [key, tracks] of Object.entries(info.streams)) {
    const known = before && Object.hasOwn(before.streams, key) ? before.streams[key] : undefined
    if (!known) tell(effects, 'stream_published', participantId, key)
    for (const kind of KINDS) {
      if (known && known[kind] !== tracks[kind])
        tell(effects, tracks[kind] ? 'track_enabled' : 'track_disabled', participantId, key, kind)
      // Decided while it was off.
      if (!known?.[kind] && tracks[kind] && isCensored(state, { participantId, key }, kind))
        tell(effects, 'track_censored', participantId, key, kind)
    }
  }
  effects.push({ type: 'sync', participantId })
  return { ...next, members: put(next.members, participantId, { ...info, away: before?.away ?? false }) }
}

/** In this order: that somebody is made to leave, the end of each of its streams, that it has left. */
function left(state: Machine, participantId: string, effects: Effect[], reason?: 'kicked'): Machine {
  const member = state.members.get(participantId)
  if (!member) return state
  if (reason) emit(effects, 'participant_leaving', participantId, reason)
  let next: Machine = state
  for (const key of Object.keys(member.streams)) {
    next = forget(unwish(next, { participantId, key }, effects), streamId({ participantId, key }))
    emit(effects, 'stream_unpublished', participantId, key)
  }
  emit(effects, 'participant_left', participantId)
  effects.push({ type: 'drop', participantId })
  return { ...next, members: drop(next.members, participantId) }
}

/** What was taken away from somebody is forgotten with it, and not before. */
function unjudged(state: Machine, participantId: string): Machine {
  const censored = new Set([...state.censored].filter(each => !each.startsWith(`${participantId}/`)))
  return censored.size === state.censored.size ? state : { ...state, censored }
}

function add(
  state: Machine,
  key: string,
  { audio, video, simulcast = false }: Change,
  effects: Effect[]
): Machine {
  assertConnected(state)
  if (!isKey(key)) throw new TypeError('a key is text of 1 to 64 characters')
  if (state.own.has(key)) throw new SignalError('KEY_IN_USE', `there is a stream '${key}' already`)
  effects.push({ type: 'announce' }, { type: 'sync' })
  const own = { audio: audio ?? undefined, video: video ?? undefined, simulcast, announced: false }
  return told({ ...state, own: put(state.own, key, own) })
}

function update(state: Machine, key: string, change: Change, effects: Effect[]): Machine {
  const own = ours(state, key)
  const next: { -readonly [F in keyof Own]: Own[F] } = {
    ...own,
    simulcast: change.simulcast ?? own.simulcast
  }
  for (const kind of KINDS) {
    if (change[kind] === undefined) continue
    next[kind] = change[kind] ?? undefined
    if (!own.announced || !next[kind] === !own[kind]) continue
    emit(effects, next[kind] ? 'track_enabled' : 'track_disabled', state.id, key, kind)
  }
  effects.push({ type: 'announce' }, { type: 'sync' })
  return told({ ...state, own: put(state.own, key, next) })
}

/** Throws TOO_LARGE if there is more of us than others can be told. */
function told(state: Machine): Machine {
  encodeInfo(infoOf(state))
  return state
}

function censor(state: Machine, of: Of & { kind: Kind }, on: boolean, effects: Effect[]): Machine {
  const id = `${streamId(of)} ${of.kind}`
  if (state.censored.has(id) === on || (on && state.censored.size >= MAX_CENSORED)) return state
  effects.push({ type: 'sync', ...(of.participantId !== state.id && { participantId: of.participantId }) })
  if (has(state, of))
    emit(effects, on ? 'track_censored' : 'track_uncensored', of.participantId, of.key, of.kind)
  return { ...state, censored: on ? new Set([...state.censored, id]) : without(state.censored, id) }
}

/** All that stands: what the server says when we join. */
function decide(state: Machine, list: readonly (Of & { kind: Kind })[], effects: Effect[]): Machine {
  const all = new Set(list.map(of => `${streamId(of)} ${of.kind}`))
  const known = (id: string) => {
    const [, participantId = '', key = '', kind] = /^([^/]*)\/(.*) (audio|video)$/s.exec(id) ?? []
    return { participantId, key, kind: kind as Kind }
  }
  let next = state
  for (const id of state.censored) if (!all.has(id)) next = censor(next, known(id), false, effects)
  for (const of of list) next = censor(next, of, true, effects)
  return next
}

function speak(state: Machine, of: Of, on: boolean, effects: Effect[]): Machine {
  const id = streamId(of)
  if (state.speaking.has(id) === on || !(of.participantId === state.id || state.wishes.has(id))) return state
  const alone = ![...state.speaking].some(other => other !== id && other.startsWith(`${of.participantId}/`))
  emit(effects, 'audio_activity', of.participantId, of.key)
  if (alone) emit(effects, 'audio_activity', of.participantId, null)
  return { ...state, speaking: on ? new Set([...state.speaking, id]) : without(state.speaking, id) }
}

function ours(state: Machine, key: string): Own {
  assertConnected(state)
  const own = state.own.get(key)
  if (!own) throw new SignalError('UNKNOWN_STREAM', `there is no stream '${key}'`)
  return own
}
