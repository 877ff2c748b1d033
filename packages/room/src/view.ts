import { has, isCensored, isConfigured, KINDS, type Machine, type Of, streamId } from './model.ts'
import type { Kind, Participant, State, Stream } from './types.ts'

/** What users see of a room, given what it was: frozen, and the same object wherever nothing has changed. */
export function view(machine: Machine, last: Machine): State {
  const { status, id, isReconnecting, reason } = machine
  const before = last.view
  const participants: { [id: string]: Participant } = {}
  const streams: { [id: string]: Stream } = {}
  const show = (
    participantId: string,
    keys: string[],
    self: { name?: string; context?: string },
    isAway: boolean
  ) => {
    const old = before.participants[participantId]
    const ids: { [key: string]: string } = {}
    for (const key of keys) {
      const streamOf = { participantId, key }
      const name = streamId(streamOf)
      const known = before.streams[name]
      // A large room changes in one place at a time: what can't have is not looked at.
      const stays = known && isSame(machine, last, streamOf, name)
      streams[name] = stays ? known : same(known, showStream(machine, participantId, key))
      ids[key] = name
    }
    participants[participantId] = same(old, {
      id: participantId,
      ...self,
      streams: same(old?.streams, ids),
      canReceiveMessages: true,
      origin: participantId === id ? 'local' : 'remote',
      isAway
    })
  }
  if (id && (status === 'connecting' || status === 'connected' || status === 'disconnecting'))
    show(
      id,
      [...machine.own].flatMap(([key, { announced }]) => (announced ? key : [])),
      machine.self,
      false
    )
  for (const [participantId, { name, context, streams: theirs, away }] of machine.members)
    show(participantId, Object.keys(theirs), { ...(name && { name }), ...(context && { context }) }, away)
  return same(before, {
    status,
    localParticipantId: id,
    participants: same(before.participants, participants),
    streams: same(before.streams, streams),
    isReconnecting,
    ...(reason && { disconnectReason: reason })
  })
}

/** Whether all that a stream is shown by is what it was. */
function isSame(now: Machine, last: Machine, { participantId, key }: Of, id: string): boolean {
  return (
    now.id === last.id &&
    now.censored === last.censored &&
    now.speaking === last.speaking &&
    now.members.get(participantId) === last.members.get(participantId) &&
    now.own.get(key) === last.own.get(key) &&
    now.wishes.get(id)?.config === last.wishes.get(id)?.config &&
    now.media.get(id) === last.media.get(id)
  )
}

function showStream(machine: Machine, participantId: string, key: string): Stream {
  const of = { participantId, key }
  const local = participantId === machine.id
  const tracks: { [K in `${Kind}Track`]?: MediaStreamTrack } = {}
  for (const kind of KINDS) {
    const track = local ? machine.own.get(key)?.[kind] : shown(machine, of, kind)
    if (track) tracks[`${kind}Track`] = track
  }
  return {
    id: streamId(of),
    key,
    participantId,
    origin: local ? 'local' : 'remote',
    isConfigured: local || isConfigured(machine, of),
    isAudioEnabled: has(machine, { ...of, kind: 'audio' }),
    isVideoEnabled: has(machine, { ...of, kind: 'video' }),
    isAudioCensored: isCensored(machine, of, 'audio'),
    isVideoCensored: isCensored(machine, of, 'video'),
    isSpeaking: machine.speaking.has(streamId(of)),
    ...tracks
  }
}

/** A remote track is shown when it was asked for, its publisher says that it is on, and no moderator has taken it away. */
function shown(
  machine: Machine,
  of: { participantId: string; key: string },
  kind: Kind
): MediaStreamTrack | undefined {
  const asked = machine.wishes.get(streamId(of))?.config[kind]
  if (!asked || !has(machine, { ...of, kind }) || isCensored(machine, of, kind)) return undefined
  return machine.media.get(streamId(of))?.[kind]
}

/** The old object if it says the same, so that identity tells what has changed; else the new one, frozen. */
function same<T extends object>(before: T | undefined, now: T): T {
  if (!before) return Object.freeze(now)
  const [old, fresh] = [Object.entries(before), now as { [field: string]: unknown }]
  const equal = old.length === Object.keys(now).length && old.every(([name, value]) => fresh[name] === value)
  return equal ? before : Object.freeze(now)
}
