import type { State } from 'socket-signal-room'

/** Somebody in a room. */
export interface Member {
  /** 64 hexadecimal digits. */
  readonly id: string
  /** As it says, in its token or options; absent where it says none. */
  readonly name?: string
  /** Whether it is this session's own. */
  readonly isLocal: boolean
  /** Whether no sound of it is to be had: it has none on, or a moderator took it away. */
  readonly audioMuted: boolean
  /** Whether no picture of it is to be had, in the same way. */
  readonly videoMuted: boolean
  /** Whether one of its streams is heard to speak. */
  readonly isTalking: boolean
  /** Its connection with the server broke; it may come back. */
  readonly isAway: boolean
}

/** Everybody in a room, the local one too, by id. */
export function membersOf({ participants, streams }: State): Map<string, Member> {
  return new Map(
    Object.values(participants).map(({ id, name, origin, isAway, streams: own }) => {
      const all = Object.values(own).flatMap(stream => streams[stream] ?? [])
      const member: Member = {
        id,
        ...(name !== undefined && { name }),
        isLocal: origin === 'local',
        audioMuted: !all.some(({ isAudioEnabled, isAudioCensored }) => isAudioEnabled && !isAudioCensored),
        videoMuted: !all.some(({ isVideoEnabled, isVideoCensored }) => isVideoEnabled && !isVideoCensored),
        isTalking: all.some(({ isSpeaking }) => isSpeaking),
        isAway
      }
      return [id, Object.freeze(member)]
    })
  )
}

export function isSame(one: Member, other: Member): boolean {
  const fields = Object.keys({ ...one, ...other }) as (keyof Member)[] // Either may have a name.
  return fields.every(field => one[field] === other[field])
}
