import { createHash } from 'node:crypto'
import { concat, DOOR, encodeText } from 'socket-signal/wire'

const DOMAIN = 'socket-signal door 1'
/** Sizes of what an id of a door is made of. Unit: bytes. */
const WHOSE = 16
const RANDOM = 8

/** What the ids of one user's sockets have in common: 16 bytes of SHA-256 over the domain string, the door and the user. */
export function whoseOf(door: string, user: string): Uint8Array {
  return createHash('sha256').update(`${DOMAIN}\0${door}\0${user}`).digest().subarray(0, WHOSE)
}

/** A new id for a socket of that user: eight zero bytes, whose it is, 8 random bytes. */
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
