import { assertPositive } from './assert.ts'
import { CEILING, USUAL } from './protocol.ts'

/** The default limits of a server. Each is an option of the same name. */
export const LIMITS = {
  /** Largest frame. Unit: bytes. */
  maxPayload: USUAL.payload,
  /** Largest frame of kind message: it is multiplied. Unit: bytes. */
  maxMessage: USUAL.message,
  /** A socket must say hello within this time. Unit: ms. */
  helloTimeout: 5_000,
  /** Frames that may wait behind hello. Unit: bytes. */
  helloQueue: 64 * 1024,
  /** The server asks each client for a sign of life this often; two silent intervals end a socket. Above 0. Unit: ms. */
  pingInterval: 15_000,
  /** Send queue of one socket from which on presence, and signals of strangers, are left out. Unit: bytes. */
  sendQueueSoft: 256 * 1024,
  /** Send queue of one socket at which it is closed as SLOW_CONSUMER. Unit: bytes. */
  sendQueueHard: 1024 * 1024,
  /** Topics that one connection may have joined. */
  maxTopics: 128,
  /** Single peers that one connection may watch. */
  maxWatches: 128,
  /** Members in one answer to join or lookup that does not ask for a number. */
  lookup: 100,
  /** Members in one answer to join or lookup, whatever it asks for. */
  maxLookup: 1_000,
  /** Offers of one caller that wait for an answer. */
  maxOffers: 64,
  /** Offers that wait for an answer of one callee. */
  maxOffersAtTarget: 32,
  /** Offers of one caller that wait for an answer of one callee. */
  maxOffersFromOne: 4,
  /** Frames of one connection. Unit: a second. */
  frameRate: 50,
  /** Frames of one connection at once. */
  frameBurst: 200,
  /** Joins, leaves, look-ups, watches, histories, new tokens and moderations of one connection. Unit: a second. */
  joinRate: 10,
  /** The same at once. */
  joinBurst: 256,
  /** Messages of one connection. Unit: a second. */
  messageRate: 10,
  /** Messages of one connection at once. */
  messageBurst: 50,
  /** Messages in one topic, of all senders, times their receivers. Unit: a second. */
  copyRate: 20_000,
  /** The same at once. */
  copyBurst: 50_000,
  /** How long a socket may stay above its frame rate before it is closed as RATE_LIMITED. Unit: ms. */
  rateGrace: 10_000,
  /** How long before a token ends its client is told, at most; half of what is left where that is less. Unit: ms. */
  tokenNotice: 60_000,
  /** How long a socket stays open whose token has ended. Unit: ms. */
  tokenGrace: 25_000,
  /** Sockets of the whole server; the next one is refused as OVERLOADED. */
  maxConnections: Number.POSITIVE_INFINITY,
  /** How long requests that are being answered, and then disconnect hooks, may hold up `close()`. Unit: ms. */
  closeTimeout: 2_000,
  /** At what rate clients are told to come back when the server shuts down. Unit: a second. */
  returnRate: 200,
  /** How long a broken socket's place is kept, 0: not at all. Unit: ms. */
  resumeWindow: 30_000,
  /** Frames that are kept for one client that is away. Unit: bytes. */
  awayQueue: 64 * 1024,
  /** Clients that are away at once. Who comes on top has left. */
  maxAway: 10_000,
  /** What is kept for all who are away. Who comes on top has left. Unit: bytes. */
  maxAwayBytes: 64 * 1024 * 1024,
  /** Presence of one topic goes out at most this often. Unit: ms. */
  presenceInterval: 50
}

/** The limits of a server: numbers, each an option of the same name. `LIMITS` has the defaults. */
export type Limits = typeof LIMITS

/** The limits that options ask for, the defaults for the rest. Throws a `TypeError` for what is no limit. */
export function completeLimits(options: Partial<Limits>): Limits {
  const limits: Limits = { ...LIMITS }
  for (const name of Object.keys(LIMITS) as (keyof Limits)[]) {
    const value = options[name]
    if (value === undefined) continue
    if (typeof value !== 'number' || Number.isNaN(value) || value < 0) {
      throw new TypeError(`option ${name} must be a number of at least 0, got ${String(value)}`)
    }
    limits[name] = value
  }
  // Each look at a socket would find it silent.
  assertPositive(limits.pingInterval, 'pingInterval')
  if (limits.maxPayload < USUAL.least) throw new TypeError(`option maxPayload is ${USUAL.least} at least`)
  if (limits.maxPayload > CEILING.payload)
    throw new TypeError(`option maxPayload is ${CEILING.payload} at most, which is what a client takes`)
  return limits
}
