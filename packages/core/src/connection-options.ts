import type { Kept, Room } from './away.ts'
import type { Connection } from './connection.ts'
import type { Frame } from './frame.ts'
import type { OffersOptions } from './offers.ts'
import type { CloseEvent } from './socket.ts'

/** What a server knows of who holds a token. */
export interface Holder {
  /** Whose tokens they are, as `server.disconnect({ sub })` finds them. */
  readonly sub?: string
  /** Which token it is. */
  readonly jti?: string
}

/** A peer, whoever holds tokens of this `sub`, or one token. */
export type Who = { id: Uint8Array } | { sub: string } | { jti: string }

/** What all connections of a server share. */
export interface ConnectionOptions extends OffersOptions {
  onframe(connection: Connection, frame: Frame): void | Promise<void>
  onclose(connection: Connection, event: CloseEvent): void
  /** Its socket broke. Says whether its place is kept, so that what is sent to it is to wait. */
  onaway(connection: Connection): boolean
  /** Another socket asks to go on in its place, by its resume key. */
  onhandover(connection: Connection, resumeKey: Uint8Array): Kept | undefined
  /** Its id belongs to another socket now. */
  onlost(connection: Connection): void
  /** Brings an answer to a mailbox. */
  reply(to: Uint8Array, answer: Uint8Array): void
  /** What is kept of all who are away. */
  room: Room
}

/** With what a client wants to go on. */
export interface Resume {
  /** Hash of its resume key. 32 bytes. */
  key: Uint8Array
  /** Frames that it has received on its last socket. */
  received: number
}

/** What a connection needs until it is let in. */
export interface Greeting {
  /** What hello is signed over. 32 bytes. */
  readonly nonce: Uint8Array
  /** Whether a hello that was signed for this audience is for us. */
  readonly audience: (audience: string) => boolean
  /** Whether ids that are not proven by a key are refused. */
  readonly identity: 'open' | 'required' | undefined
  /** Settles when its hello has been dealt with, one way or the other. */
  done?: Promise<void>
  /** If it asks to go on. */
  resume?: Resume
  /** How much it has missed, where it went on. */
  resumed?: { received: number; lost: number }
}
