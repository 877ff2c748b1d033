import { isKey } from './info.ts'
import type { Kind } from './types.ts'

/** A track that is taken away. `participantId`: 64 hex digits. */
export type Standing = readonly [participantId: string, key: string, kind: Kind]

/** What a moderator wants, and what a server tells everybody that was decided. */
export type Decision =
  | { action: 'kick' }
  | { action: 'censor' | 'uncensor'; key: string; kind: Kind }
  /** All that stands in a room, for who joins. */
  | { action: 'standing'; censored: readonly Standing[] }

/** Of one room, and of one participant in it: who renames streams and mutes them must not use up what there is. */
export const MAX_CENSORED = 500
export const MAX_CENSORED_OF_ONE = 64

/** A decision, if it is one. */
export function readDecision(data: unknown): Decision | undefined {
  const { action, key, kind, censored } = Object(data)
  if (action === 'kick') return { action }
  if ((action === 'censor' || action === 'uncensor') && isKey(key) && isKind(kind))
    return { action, key, kind }
  if (action === 'standing' && Array.isArray(censored))
    return { action, censored: censored.filter(isStanding) }
  return undefined
}

export function isStanding(value: unknown): value is Standing {
  return Array.isArray(value) && typeof value[0] === 'string' && isKey(value[1]) && isKind(value[2])
}

function isKind(kind: unknown): kind is Kind {
  return kind === 'audio' || kind === 'video'
}
