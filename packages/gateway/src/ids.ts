import { concat, DOOR, encodeText } from 'socket-signal/wire'

const DOMAIN = 'socket-signal door 1'
/** Sizes of what an id of a door is made of. Unit: bytes. */
const WHOSE = 16
const RANDOM = 8

/**
 * Ids for the sockets of one user of a door: eight zero bytes, 16 bytes of SHA-256 over the domain string, the door and the
 * user, 8 random bytes. So `whose` tells that two are of one user, and `lookup` behind `firstOf(whose)` finds all of them.
 */
export async function whoseOf(door: string, user: string): Promise<Uint8Array> {
  const bytes = encodeText(`${DOMAIN}\0${door}\0${user}`)
  return new Uint8Array(await crypto.subtle.digest('SHA-256', bytes)).subarray(0, WHOSE)
}

export function doorId(whose: Uint8Array): Uint8Array {
  return concat(DOOR, whose, crypto.getRandomValues(new Uint8Array(RANDOM)))
}

/** The part of a door's id that says whose it is. */
export function whose(id: Uint8Array): Uint8Array {
  return id.subarray(DOOR.length, DOOR.length + WHOSE)
}

/** The id right before all of one user's, for `LookupOptions.after`. */
export function firstOf(whose: Uint8Array): Uint8Array {
  return concat(DOOR, whose, new Uint8Array(RANDOM))
}

/** What marks a door's messages: its name in ASCII, in the 32 bytes of their session. */
export function markOf(door: string): Uint8Array {
  const mark = new Uint8Array(32)
  mark.set(encodeText(door))
  return mark
}
