import type { Frame } from './frame.ts'

/** The version of the wire that this code speaks. The challenge lists the server's, hello names the chosen one. */
export const VERSION = 1
/** The WebSocket subprotocol; it only tells our clients from those of other systems. */
export const SUBPROTOCOL = 'socket-signal'
/** The audience of a socket that has no URL. */
export const LOCAL_AUDIENCE = 'local'

/** The first byte of every frame; from `offer` on they go from peer to peer. Numbers are never given to another meaning. */
export const KIND = {
  challenge: 0x01,
  hello: 0x02,
  welcome: 0x03,
  goodbye: 0x04,
  ping: 0x05,
  pong: 0x06,
  result: 0x07,
  error: 0x08,
  update: 0x09,
  join: 0x10,
  leave: 0x11,
  lookup: 0x12,
  watch: 0x13,
  presence: 0x14,
  token: 0x15,
  moderate: 0x16,
  history: 0x17,
  offer: 0x20,
  answer: 0x21,
  refusal: 0x22,
  remoteConnect: 0x23,
  cancel: 0x24,
  signal: 0x25,
  message: 0x26
} as const

/** What a frame is, by its first byte. */
export type Kind = keyof typeof KIND
/** Kinds that travel from peer to peer: the server forwards them, it never reads their body. */
export type AddressedKind = 'offer' | 'answer' | 'refusal' | 'remoteConnect' | 'cancel' | 'signal' | 'message'

/** The name behind a first byte; none for one that this version does not know. */
export const KINDS: (Kind | undefined)[] = []
for (const [name, byte] of Object.entries(KIND)) KINDS[byte] = name as Kind

/** The second byte, one bit a meaning, per kind. */
export enum FLAG {
  /** A body is JSON; without it, raw bytes. */
  json = 1,
  /** hello: the id is an Ed25519 key and the hello is signed. */
  proven = 1,
  /** hello: asks to go on with the session of the resume key. welcome: it went on. */
  resume = 2,
  /** join: send presence. watch: start; without it, stop. */
  watch = 1,
  /** message: for one peer; without it, for everybody in the topic. Signed, so nobody can change it on the way. */
  direct = 2,
  /** message: for everybody, and meant to be kept by a server that keeps history. */
  keep = 8,
  /** Addressed kinds: the sender has no key, so this frame has no signature. */
  bare = 4,
  /** lookup: walk on behind `after`. */
  after = 2,
  /** lookup and result: members come with their info. */
  details = 4,
  /** result: the body is a list of members. */
  members = 2,
  /** result: another page follows under the same request id. */
  more = 8,
  /** result: the members of this page are away. */
  away = 16,
  /** error: the same request may succeed later. */
  retryable = 1,
  /** presence: something was left out; ask for the members again. */
  resync = 1
}

const BY_SERVER = ['result', 'error'] as const
const BY_PEER = ['answer', 'refusal', ...BY_SERVER] as const

/** What requests may be answered with; BY_SERVER where nothing is said. A frame of another kind is not their answer. */
const ANSWERS: { readonly [K in Kind]?: readonly Frame['kind'][] } = {
  hello: ['welcome', 'error'],
  ping: ['pong', 'error'],
  offer: BY_PEER,
  remoteConnect: BY_PEER
}

/** Whether a frame of that kind may answer a request of this one. */
export function mayAnswer(request: Kind, answer: Frame['kind']): boolean {
  return (ANSWERS[request] ?? BY_SERVER).includes(answer as never)
}

/** Ceilings of the layout itself: no option goes past them. Unit: bytes, or members where it says so. */
export enum CEILING {
  /** What a client takes as one frame: so the largest `maxPayload` that a server may have. */
  payload = 1024 * 1024,
  /** Of hello: the address that was dialed. */
  audience = 512,
  /** Of hello, and of a new one. */
  token = 8 * 1024,
  /** What a member says of itself. */
  info = 1024,
  /** A message that is kept: its length stands in 16 bits. */
  kept = 64 * 1024 - 1,
  /** Characters of an error's code. */
  code = 40,
  /** Words of an error. */
  message = 1024,
  /** Words of a goodbye or a close (RFC 6455, section 5.5). */
  reason = 123,
  /** Versions in a challenge. */
  versions = 16,
  /** Ids in one presence frame or one page of members. */
  ids = 1000,
  /** The body that hands out ICE servers: thousands of them, and each client would ask all. */
  ice = 4096
}

/** The largest frame, and the largest of kind message, that a server takes unless it says otherwise in welcome. Unit: bytes. */
export enum USUAL {
  payload = 64 * 1024,
  message = 16 * 1024,
  /** No server takes less: a pong, an error or a cancel always fits. */
  least = 2048
}
