import type { Kept } from 'socket-signal'
import { CEILING, decodeFrame } from 'socket-signal/wire'

/** What a session takes to another node: what it left with its socket, and what it said of itself in each topic. */
export interface Baggage {
  kept: Kept
  infos: { topic: Uint8Array; info: Uint8Array; away: boolean }[]
  epoch: string
}

const MAX_TOPICS = 4096
const MAX_FRAMES = 65_536

/** Seldom, and never large: so JSON. */
export function encodeBaggage(baggage: Baggage): Buffer {
  return Buffer.from(
    JSON.stringify(baggage, (_key, value) => {
      // A Buffer has been made an object by its own toJSON.
      if (value?.type === 'Buffer') return Buffer.from(value.data).toString('base64')
      return value instanceof Uint8Array ? Buffer.from(value).toString('base64') : value
    })
  )
}

/** Gives undefined for what is none. */
export function decodeBaggage(bytes: Buffer): Baggage | undefined {
  try {
    const { kept, infos, epoch } = JSON.parse(bytes.toString())
    if (typeof epoch !== 'string' || !/^\d{16}$/.test(epoch)) return undefined
    return {
      epoch,
      kept: {
        topics: list(kept.topics, MAX_TOPICS, ({ topic, watch }) => ({
          topic: id(topic),
          watch: watch === true
        })),
        watches: list(kept.watches, MAX_TOPICS, each => ({ topic: id(each.topic), id: id(each.id) })),
        frames: list(kept.frames, MAX_FRAMES, frame),
        missed: list(kept.missed, MAX_TOPICS, id),
        lost: count(kept.lost),
        sent: count(kept.sent),
        received: count(kept.received)
      },
      infos: list(infos, MAX_TOPICS, ({ topic, info, away }) => ({
        ...{ topic: id(topic), info: infoOf(info), away: away === true }
      }))
    }
  } catch {
    return undefined
  }
}

// biome-ignore lint/suspicious/noExplicitAny: what came from elsewhere may be anything; each use checks.
function list<T>(value: any, max: number, map: (each: any) => T): T[] {
  if (!Array.isArray(value) || value.length > max) throw new TypeError('no list')
  return value.map(each => map(each))
}

function read(value: unknown): Buffer {
  if (typeof value !== 'string') throw new TypeError('no bytes')
  return Buffer.from(value, 'base64')
}

/** Whatever is none would end the socket that it is given to. */
function frame(value: unknown): Buffer {
  const bytes = read(value)
  decodeFrame(bytes)
  return bytes
}

function infoOf(value: unknown): Buffer {
  const bytes = read(value)
  if (bytes.length > CEILING.info) throw new TypeError('no info')
  return bytes
}

function id(value: unknown): Buffer {
  const bytes = read(value)
  if (bytes.length !== 32) throw new TypeError('no id')
  return bytes
}

function count(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw new TypeError('no count')
  return value as number
}
