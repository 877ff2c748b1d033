import type { Kept } from './away.ts'
import type { Past } from './frame.ts'

/** Somebody in a topic. `id`: 32 bytes. `info`: what it said of itself when it joined, at most 1 KiB. */
export interface Member {
  /** 32 bytes. */
  id: Uint8Array
  /** What it said of itself when it joined: JSON as UTF-8, at most 1 KiB, or nothing. */
  info: Uint8Array
  /** Whether its socket broke, and it may come back. */
  isAway?: boolean
}

/** What happened to one member of a topic. `updated`: it joined again and says something else of itself. */
export interface PresenceChange extends Member {
  /** `updated`: it joined again and says something else of itself. */
  change: 'joined' | 'updated' | 'left' | 'away' | 'back'
}

/** Where the answer to a forwarded request goes: a mailbox, and the request id that its owner waits under. */
export interface ReplyTo {
  /** The mailbox: 32 bytes. */
  id: Uint8Array
  /** Under which its owner waits: 1 to 2^32 - 1. */
  requestId: number
}

/** What a server hands in for each socket that it admitted. */
export interface Mailbox {
  /**
   * Takes a frame for this socket, which MUST be a buffer of its own unless it is a message to a topic. Gives false
   * when nobody of that kind is here, for instance for an offer in a topic that was not joined. MUST NOT throw.
   */
  deliver(frame: Uint8Array, replyTo?: ReplyTo): boolean
  /** The id now belongs to another socket, perhaps on another node; this one must end as REPLACED. */
  lost(): void
  /**
   * The hash of a key with which this session goes on at another mailbox, perhaps on another node. If it is this one's,
   * gives what it has and lets go of it, without detaching. MUST NOT throw.
   */
  handOver?(resumeKey: Uint8Array): Kept | undefined
  /** Whoever took a request that this one sent can't answer it any more: its node is gone. MUST NOT throw. */
  unanswered?(requestId: number): void
}

/** A frame on its way to one mailbox. */
export interface Outgoing {
  /** The mailbox: 32 bytes. */
  readonly remoteId: Uint8Array
  /** What is to be delivered. */
  readonly frame: Uint8Array
  /** Whether `remoteId` is that one: 32 bytes that nobody changes any more. Costs less than to read `remoteId`. */
  isFor(id: Uint8Array): boolean
}

/** A place in the backplane. Fenced: once the id belongs to another, everything here does nothing. */
export interface Attachment {
  /** Joins, or says something else of itself in a topic that was joined. Watchers are told. */
  join(topic: Uint8Array, info: Uint8Array): void | Promise<void>
  /** Leaves; harmless where it was not joined. */
  leave(topic: Uint8Array): void | Promise<void>
  /** What was handed over, if the resume key was right; the memberships stand. */
  readonly resumed?: Kept | undefined
  /** Its socket broke: tells so in its topics. Who takes it over with the resume key is told as `back`. */
  away(): void | Promise<void>
  /**
   * As `Backplane.send`, and in one order with it, for what its owner sends many of to the same mailbox, which can so be at
   * hand: signals, and what gives an offer up. Where it is left out, these go by `Backplane.send` like all else.
   */
  send?(signal: Outgoing): boolean | Promise<boolean>
  /** Leaves every topic and gives up the mailbox. */
  detach(): void | Promise<void>
}

/** How somebody comes in. */
export interface AttachOptions {
  /** Whether the id is a key that was proven. */
  proven: boolean
  /** What happens to a proven id that is already here. */
  conflict: 'replace' | 'reject'
  /** Hash of the resume key that it came with: whoever holds the id and hands over under it is not displaced, but goes on. */
  resumeKey?: Uint8Array | undefined
}

/** Which members are asked for. */
export interface LookupOptions {
  /** Members at most; the server bounds it by its limit `maxLookup`. */
  limit: number
  /** Walks the members behind this id in byte order; without it, a random sample. */
  after?: Uint8Array | undefined
  /** Left out of the answer. */
  except: Uint8Array
}

/** What is kept of one topic at most. */
export interface HistoryBounds {
  /** Messages. */
  length: number
  /** Unit: ms. */
  age: number
  /** Of their frames together. */
  bytes: number
}

export interface RecallOptions extends HistoryBounds {
  /** Only what was kept before that. Unit: microseconds since 1970. */
  before: number
}

/**
 * Topics and mailboxes, in this process or across nodes.
 *
 * MUST deliver frames of one sender to one mailbox in the order they were sent, at most once.
 * MUST deliver to a mailbox of this node without waiting for another node.
 * MUST NOT read or change frames, nor keep them after it gave them to a mailbox.
 */
export interface Backplane {
  /** Rejects with ID_IN_USE when the id stays with its holder (see `settleConflict`). */
  attach(id: Uint8Array, options: AttachOptions, mailbox: Mailbox): Attachment | Promise<Attachment>
  /** Members of a topic, those that are away as well. */
  lookup(topic: Uint8Array, options: LookupOptions): Member[] | Promise<Member[]>
  /** The member of that id, if it is in the topic. */
  find(topic: Uint8Array, id: Uint8Array): Member | undefined | Promise<Member | undefined>
  /**
   * Calls the listener with each change in the topic on any node, in order, until the returned function is called. Of
   * other nodes: with each after what the next `lookup` or `find` answers.
   */
  watch(topic: Uint8Array, listener: (change: PresenceChange) => void): () => void
  /** Whether somebody took the frame. */
  send(to: Uint8Array, frame: Uint8Array, replyTo?: ReplyTo): boolean | Promise<boolean>
  /**
   * Delivers a frame to every member of the topic but one. Every mailbox gets the same buffer.
   * Gives how many took it, as far as this node knows.
   */
  publish(topic: Uint8Array, frame: Uint8Array, except: Uint8Array): number | Promise<number>
  /**
   * Keeps a message of a topic, and forgets whatever of it is beyond the bounds, the oldest first. It stays for as long as
   * it is within them, whether the topic has members or not. The frame, of kind message, is the backplane's from here on.
   * Optional, with `recall`: without them there is no history.
   */
  keep?(topic: Uint8Array, frame: Uint8Array, bounds: HistoryBounds): void | Promise<void>
  /** The latest that any node has kept, within these bounds (but at least one), in the order in which they were kept. */
  recall?(topic: Uint8Array, options: RecallOptions): Past[] | Promise<Past[]>
  /** Tells all other nodes something: soon, or as soon as they can be reached. */
  tell(note: Uint8Array): void | Promise<void>
  /** Calls the listener with what other nodes tell, until the returned function is called. `late`: told while this node was away. */
  listen(listener: (note: Uint8Array, late?: boolean) => void): () => void
  /** How much is held on this node. `history`: what all nodes keep of messages, about; with `keep` alone. Unit: bytes. */
  stats(): { topics: number; mailboxes: number; watches: number; history?: number }
  /** Detaches everything that was attached here. */
  close(): Promise<void>
}
