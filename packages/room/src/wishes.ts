import { SignalError } from 'socket-signal/errors'
import { drop, put, without } from './collections.ts'
import { type Effect, emit } from './effects.ts'
import {
  assertConnected,
  isConfigured,
  type Machine,
  type Media,
  type Of,
  streamId,
  unknownParticipant
} from './model.ts'
import type { Subscription } from './types.ts'

/** What somebody asks for, or asks for in place of that. */
export function wish(
  state: Machine,
  event: Of & { type: 'subscribe' | 'reconfigure'; config: Subscription },
  effects: Effect[]
): Machine {
  assertConnected(state)
  const { participantId, key } = event
  const { audio, video, height } = event.config
  const config = { audio: audio === true, video: video === true, ...(height !== undefined && { height }) }
  const id = streamId(event)
  const before = state.wishes.get(id)
  if (!state.members.has(participantId)) throw unknownParticipant(participantId)
  if (!Object.hasOwn(state.members.get(participantId)?.streams ?? {}, key))
    throw new SignalError('UNKNOWN_STREAM', `this participant has no stream '${key}'`)
  if (event.type === 'subscribe' && before)
    throw new SignalError('KEY_IN_USE', 'there is a subscription to this stream already: update it')
  if (event.type === 'reconfigure' && !before) throw unknownSubscription(event)
  effects.push({ type: 'sync', participantId })
  const pending =
    before && before.pending !== 'subscription_started' ? 'subscription_reconfigured' : 'subscription_started'
  return { ...state, wishes: put(state.wishes, id, { participantId, key, config, pending }) }
}

export function unsubscribe(state: Machine, of: Of, effects: Effect[]): Machine {
  assertConnected(state)
  if (!state.wishes.has(streamId(of))) throw unknownSubscription(of)
  effects.push({ type: 'sync', participantId: of.participantId })
  return unwish(state, of, effects)
}

/** No error where nothing was asked for. */
export function unwish(state: Machine, of: Of, effects: Effect[]): Machine {
  const id = streamId(of)
  const before = state.wishes.get(id)
  if (!before) return state
  if (before.pending !== 'subscription_started') emit(effects, 'subscription_ended', of.participantId, of.key)
  return {
    ...state,
    wishes: drop(state.wishes, id),
    media: drop(state.media, id),
    speaking: without(state.speaking, id)
  }
}

/** A stream is gone: nothing of it comes, and nobody speaks there. */
export function forget(state: Machine, id: string): Machine {
  return { ...state, media: drop(state.media, id), speaking: without(state.speaking, id) }
}

/** All that has come, with what has come of one participant now. */
export function mediaOf(
  state: Machine,
  participantId: string,
  media: ReadonlyMap<string, Media>
): ReadonlyMap<string, Media> {
  const all = new Map([...state.media].filter(([id]) => !id.startsWith(`${participantId}/`)))
  for (const [key, tracks] of media) {
    const id = streamId({ participantId, key })
    if (state.wishes.has(id)) all.set(id, tracks)
  }
  return all
}

/** Tells of subscriptions that stand now. */
export function settle(state: Machine, effects: Effect[]): Machine {
  let { wishes } = state
  for (const [id, each] of state.wishes) {
    if (!each.pending || !isConfigured(state, each)) continue
    emit(effects, each.pending, each.participantId, each.key)
    wishes = put(wishes, id, { ...each, pending: undefined })
  }
  return wishes === state.wishes ? state : { ...state, wishes }
}

function unknownSubscription({ key }: Of): SignalError {
  return new SignalError('UNKNOWN_SUBSCRIPTION', `there is no subscription to this stream '${key}'`)
}
