import { copy, encodeText, ID_SIZE, toHex } from './bytes.ts'
import type { Who } from './connection-options.ts'

const MAX_TEXT = 512
const HEX = /^[0-9a-f]{64}$/

/** What servers tell one another when sockets are to end. */
export function encodeKick(who: Who, reason: string): Uint8Array {
  const meant = 'id' in who ? { id: toHex(who.id) } : who
  return encodeText(JSON.stringify({ kick: meant, reason: reason.slice(0, MAX_TEXT) }))
}

/** Gives undefined for anything else: it came from elsewhere. */
export function decodeKick(note: Uint8Array): { who: Who; reason: string } | undefined {
  try {
    const { kick, reason } = JSON.parse(new TextDecoder().decode(note))
    const who = readWho(kick)
    return who && typeof reason === 'string' ? { who, reason: reason.slice(0, MAX_TEXT) } : undefined
  } catch {
    return undefined
  }
}

function readWho({ id, sub, jti }: { [field: string]: unknown }): Who | undefined {
  if (typeof id === 'string' && HEX.test(id)) return { id: fromHex(id) }
  if (typeof sub === 'string' && sub !== '') return { sub }
  return typeof jti === 'string' && jti !== '' ? { jti } : undefined
}

function fromHex(text: string): Uint8Array {
  return copy(
    Uint8Array.from({ length: ID_SIZE }, (_, at) => Number.parseInt(text.slice(2 * at, 2 * at + 2), 16))
  )
}
