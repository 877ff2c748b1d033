import { SignalError } from 'socket-signal/errors'

/** Who speaks, as the server knows it. */
export interface Account {
  /** 1 to 256 characters. */
  id: string
  /** What it is called. Default, where a server stamps it: its id. */
  name?: string
  /** What others see first. Default: `name`. */
  nick?: string
  /** Any JSON. Left out where the account would take more than 4 KiB. */
  profile?: object
  /** ISO 8601. */
  updatedAt?: string
}

/** What a client asks to be passed on. */
export interface Signal {
  /** `offer`, `answer`, `ice-candidate`, or a word of the app's own: a-z, 0-9 and -, up to 32. */
  type: string
  /** What the app sends with it: `{ offer }`, `{ answer }`, `{ candidate }`, or fields of its own. */
  data: { readonly [name: string]: unknown }
  /** The one account it is for. Default: everybody else in the room. */
  to?: string
}

/** A signal as it comes from the server. */
export interface SignalingMessage extends Signal {
  /** Stamped by the server: a client can't write it. */
  senderAccountId: string
  /** What the server knows of the sender; other servers may say nothing. */
  senderInfo: Account | undefined
}

/**
 * The `type` of packets that carry signals: clients of ours take both. `signaling` is what the sample code of the guide takes, with
 * `SenderAccountId` and `SenderInfo`.
 */
export type PacketType = 'webrtc.signal' | 'signaling'

/** The field that a signal of this type is carried in. */
const FIELDS: { readonly [type: string]: string } = {
  offer: 'offer',
  answer: 'answer',
  'ice-candidate': 'candidate'
}
const TYPE = /^[a-z][a-z0-9-]{0,31}$/
const MAX_ID = 256
/** What a client may write and nobody is sent: the server knows who it is. */
const STAMPED = ['type', 'to', 'data', 'senderAccountId', 'senderInfo', 'SenderAccountId', 'SenderInfo']

/**
 * Reads what a client sent: `{ type: 'offer', offer }`, the same with `data: { offer }`, or in a packet as it comes from
 * the server. Throws INVALID_ARGUMENT, and says what is wrong.
 */
export function readSignal(value: unknown): Signal {
  const outer = toFields(value, 'a message')
  const isPacket = outer.type === 'webrtc.signal' || outer.type === 'signaling'
  const fields = isPacket ? toFields(outer.data, 'data of a packet') : outer
  const { type, to } = fields
  if (typeof type !== 'string' || !TYPE.test(type)) throw invalid('type must be a-z, 0-9 and -, up to 32')
  if (to !== undefined && to !== null && !isAccountId(to)) throw invalid(`to must be text of 1 to ${MAX_ID}`)
  const data = readData(type, fields)
  return typeof to === 'string' ? { type, data, to } : { type, data }
}

/** Senders are written in two ways in the guide; who sent it must be there in one of them. */
export function readMessage(packet: object): SignalingMessage {
  const { data } = packet as { data?: unknown }
  const fields = Object(data)
  const senderAccountId = fields.senderAccountId ?? fields.SenderAccountId
  if (!isAccountId(senderAccountId)) throw invalid('a signal of nobody')
  const info = fields.senderInfo ?? fields.SenderInfo
  const senderInfo = typeof info === 'object' && info !== null ? (info as Account) : undefined
  return { ...readSignal(packet), senderAccountId, senderInfo }
}

function readData(type: string, fields: { readonly [name: string]: unknown }): Signal['data'] {
  const { data } = fields
  const inner = data === undefined ? {} : toFields(data, 'data')
  const field = Object.hasOwn(FIELDS, type) ? FIELDS[type] : undefined
  if (field === undefined) {
    const rest = Object.entries(fields).filter(([name]) => !STAMPED.includes(name))
    return { ...Object.fromEntries(rest), ...inner }
  }
  const value = fields[field] ?? inner[field]
  if (field === 'candidate' ? !isCandidate(value) : !isDescription(value, type))
    throw invalid(
      `${type} needs ${field}: ${field === 'candidate' ? 'an ICE candidate' : 'SDP, or { type, sdp }'}`
    )
  return { [field]: value }
}

/** SDP as text, or a session description; a browser says more of the latter itself. */
function isDescription(value: unknown, type: string): boolean {
  if (typeof value === 'string') return value.startsWith('v=0')
  const { type: own, sdp } = Object(value)
  return own === type && typeof sdp === 'string' && sdp.startsWith('v=0')
}

/** An ICE candidate's init; of an empty one, none will follow. */
function isCandidate(value: unknown): boolean {
  const { candidate, sdpMid = null, sdpMLineIndex = null } = Object(value)
  return (
    typeof candidate === 'string' &&
    candidate.length <= 1024 &&
    (sdpMid === null || (typeof sdpMid === 'string' && sdpMid.length <= 64)) &&
    (sdpMLineIndex === null || (Number.isInteger(sdpMLineIndex) && sdpMLineIndex >= 0))
  )
}

export function isAccountId(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= MAX_ID
}

/** A signal as everybody gets it: who sent it is the server's word, in the guide's other spelling as well for its sample. */
export function writeSignal(packetType: PacketType, { type, data, to }: Signal, sender: Account): string {
  const by = { senderAccountId: sender.id, senderInfo: sender }
  const again = packetType === 'signaling' && { SenderAccountId: sender.id, SenderInfo: sender }
  return JSON.stringify({
    type: packetType,
    data: { type, data, ...(to !== undefined && { to }), ...by, ...again }
  })
}

/** What the server itself has to say. */
export function writeNotice(data: object): string {
  return JSON.stringify({ type: 'webrtc', data: { ...data, timestamp: new Date().toISOString() } })
}

export function writeError({ code, message }: SignalError, about: object = {}): string {
  return JSON.stringify({ type: 'error', data: { code, message, ...about } })
}

function toFields(value: unknown, what: string): { readonly [name: string]: unknown } {
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as { readonly [name: string]: unknown }
  throw invalid(`${what} must be an object`)
}

function invalid(words: string): SignalError {
  return new SignalError('INVALID_ARGUMENT', words)
}
