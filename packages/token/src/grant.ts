/** What a token is for. */
export type Kind = 'video' | 'chat' | 'pubsub' | 'subscriber'

/** One topic by its 64 hex digits, the topic of one name (`topicFromName`), or of every name that begins so. */
export type TopicGrant = { topic: string } | { name: string } | { prefix: string }

/** What the holder of a token may do. What is not granted is refused. */
export interface Grant {
  /** Whose it is: several tokens and sockets may have the same. Up to 256 characters. */
  sub?: string
  /** Shown to others. Up to 256 characters. */
  name?: string
  /** `*`: any topic. Up to 128 otherwise. Default: none. */
  topics?: '*' | readonly TopicGrant[]
  /** `join`, `lookup`, `offer`, `signal`, `publish`, `history`, `moderate`, and names such as `room.self.audio_mute`. Up to 64. Default: none. */
  can?: readonly string[]
  /** Bounds what `can` may hold: chat and pubsub tokens dial nobody. Default: `subscriber`, which may hold all. */
  kind?: Kind
  /** The one peer that may use it: its id, 64 hex digits, proven by its key. Default: whoever holds it. */
  cnf?: string
  /** Peers that may be connected at once by tokens of this `sub`, or by this token where it has none. */
  maxPeers?: number
  /** A ticket: good for one socket. */
  once?: boolean
  /** Its own number. Default: a random one. */
  jti?: string
}

/** Rights of ours. Others are names of an app's own methods, with a dot in them. */
const ACTIONS = ['join', 'lookup', 'offer', 'signal', 'publish', 'history', 'moderate'] as const
const TALK: readonly string[] = ['join', 'lookup', 'publish', 'history']

const KINDS: { readonly [K in Kind]: (right: string) => boolean } = {
  video: () => true,
  chat: right => TALK.includes(right) || right === 'moderate' || isMethodBut(right, 'room'),
  pubsub: right => TALK.includes(right) || isMethodBut(right, 'room'),
  subscriber: () => true
}

const MAX_TEXT = 256
const MAX_TOPICS = 128
const MAX_RIGHTS = 64
const ID = /^[0-9a-f]{64}$/
const METHOD = /^[a-z][a-z0-9_]{0,39}(\.[a-z0-9_]{1,40}){1,5}$/

const FIELDS: { readonly [F in keyof Required<Grant>]: (value: unknown, grant: Grant) => string | false } = {
  // First: what may be granted depends on it.
  kind: value => !isKind(value) && `one of ${Object.keys(KINDS).join(', ')}`,
  sub: value => !isText(value) && TEXT,
  name: value => !isText(value) && TEXT,
  topics: value => !areTopics(value) && `'*' or up to ${MAX_TOPICS} of { topic }, { name }, { prefix }`,
  can: (value, { kind = 'subscriber' }) =>
    !areRights(value, kind) && `up to ${MAX_RIGHTS} rights of kind ${kind}`,
  cnf: value => !isId(value) && 'the 64 hex digits of an id',
  maxPeers: value =>
    !(Number.isSafeInteger(value) && (value as number) >= 1) && 'a whole number of at least 1',
  once: value => typeof value !== 'boolean' && 'true or false',
  jti: value => !isText(value) && TEXT
}
const TEXT = `text of 1 to ${MAX_TEXT} characters`

/** A copy of the fields that make a grant. Throws a `TypeError` for one that is wrong, and says what it should be. */
export function readGrant(value: object): Grant {
  const given = value as { readonly [field: string]: unknown }
  const grant: { [field: string]: unknown } = {}
  for (const field of Object.keys(FIELDS)) if (given[field] !== undefined) grant[field] = given[field]
  for (const [field, check] of Object.entries(FIELDS)) {
    const wanted = field in grant && check(grant[field], grant as Grant)
    if (wanted) throw new TypeError(`${field} must be ${wanted}`)
  }
  return grant as Grant
}

/** As `readGrant`, for what an app wrote: a field that is misspelt must not silently grant less, or more. */
export function readOwnGrant(value: unknown): Grant {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('a grant is an object')
  const unknown = Object.keys(value).find(field => !Object.hasOwn(FIELDS, field))
  if (unknown !== undefined) throw new TypeError(`a grant has no field '${unknown.slice(0, 40)}'`)
  return readGrant(value)
}

export function isKind(value: unknown): value is Kind {
  return typeof value === 'string' && Object.hasOwn(KINDS, value)
}

function isText(value: unknown): boolean {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_TEXT
}

function isId(value: unknown): boolean {
  return typeof value === 'string' && ID.test(value)
}

function areTopics(value: unknown): boolean {
  return value === '*' || (Array.isArray(value) && value.length <= MAX_TOPICS && value.every(isTopic))
}

function isTopic(value: unknown): boolean {
  const [[field, text] = [], ...more] = Object.entries(Object(value))
  if (more.length > 0) return false
  if (field === 'topic') return isId(text)
  return field === 'name' ? isText(text) : field === 'prefix' && (text === '' || isText(text))
}

function areRights(value: unknown, kind: Kind): boolean {
  const fits = (right: unknown) => typeof right === 'string' && isRight(right) && KINDS[kind](right)
  return Array.isArray(value) && value.length <= MAX_RIGHTS && value.every(fits)
}

function isRight(right: string): boolean {
  return (ACTIONS as readonly string[]).includes(right) || METHOD.test(right)
}

/** Whether it is the name of a method, of any family but that one. */
function isMethodBut(right: string, family: string): boolean {
  return METHOD.test(right) && !right.startsWith(`${family}.`)
}
