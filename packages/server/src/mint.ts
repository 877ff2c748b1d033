import type { Grant, Tokens } from 'socket-signal-token'
import { type Body, HttpError, type Routes } from './endpoints.ts'

export interface Minting {
  /** Tokens that let in. */
  access: Tokens
  /** Tokens that only get others. */
  refresh: Tokens
}

/** Unit: seconds. */
const TWO_HOURS = 7_200
const TEN_MINUTES = 600
const DAY = 86_400

const VIDEO = ['join', 'lookup', 'offer', 'signal', 'publish']
const READ = ['join', 'lookup', 'history']

/** The endpoints that mint: ours, and those of two products whose clients' servers know how to ask. */
export function mintRoutes({ access, refresh }: Minting): Routes {
  const mint = (grant: Grant, seconds: number) => access.mint(grant, { expiresIn: seconds * 1000 })

  const subscriber = async (body: Body) => {
    const seconds = untilExpireAt(body.expire_at)
    if (body.channels !== undefined) return { token: await mint(channels('pubsub', body), seconds) }
    const sub = text(body, 'reference')
    return {
      token: await mint({ sub, kind: 'subscriber', topics: '*', can: [...VIDEO, 'history'] }, seconds)
    }
  }

  return {
    '/tokens': async ({ expires_in, ...grant }) => {
      const seconds = secondsOf(expires_in, 'expires_in', TWO_HOURS)
      const expiry_at = (Math.floor(Date.now() / 1000) + seconds) * 1000 // As the token has it, or sooner.
      return { token: await mint(grant as Grant, seconds), expiry_at }
    },
    '/api/video/room_tokens': async body => {
      const { permissions = [] } = body
      if (!Array.isArray(permissions)) throw new TypeError('permissions must be a list of names')
      const grant: Grant = {
        kind: 'video',
        topics: [{ name: text(body, 'room_name') }],
        can: [...VIDEO, ...permissions],
        ...(body.user_name !== undefined && { name: text(body, 'user_name') })
      }
      return { token: await mint(grant, untilExpireAt(body.expire_at)) }
    },
    '/api/chat/tokens': async body => {
      return { token: await mint(channels('chat', body), untilExpireAt(body.expire_at)) }
    },
    '/api/fabric/subscriber_tokens': subscriber,
    '/api/fabric/subscribers/tokens': subscriber,
    '/rooms/:id/actions/generate_join_client_token': async (body, id) => {
      const seconds = secondsOf(body.token_ttl_secs, 'token_ttl_secs', TEN_MINUTES)
      const later = secondsOf(body.refresh_token_ttl_secs, 'refresh_token_ttl_secs', DAY)
      const grant = roomGrant(id)
      const data = {
        token: await mint(grant, seconds),
        token_expires_at: isoIn(seconds),
        refresh_token: await refresh.mint(grant, { expiresIn: later * 1000 }),
        refresh_token_expires_at: isoIn(later)
      }
      return { data }
    },
    '/rooms/:id/actions/refresh_client_token': async (body, id) => {
      const seconds = secondsOf(body.token_ttl_secs, 'token_ttl_secs', TEN_MINUTES)
      const known = await refresh
        .verify(text(body, 'refresh_token', 8192), { kind: 'video' })
        .catch(error => {
          throw new HttpError(422, error.message)
        })
      const grant = roomGrant(id)
      if (JSON.stringify(known.topics) !== JSON.stringify(grant.topics))
        throw new HttpError(422, 'this refresh_token is for another room')
      return { data: { token: await mint(grant, seconds), token_expires_at: isoIn(seconds) } }
    }
  }
}

function roomGrant(id: string): Grant {
  return { kind: 'video', topics: [{ name: id }], can: VIDEO }
}

/**
 * `channels`: names, or names with what may be done there: `{ write }`. `member_id`: who. The topic of a channel is called
 * `chat:office`, so that a room's token of the same name does not reach it.
 */
function channels(kind: 'chat' | 'pubsub', { channels: given, member_id }: Body): Grant {
  if (typeof given !== 'object')
    throw new TypeError('channels must be a list of names, or an object by names')
  const named = Array.isArray(given)
    ? given.map(name => [name, { write: true }] as const)
    : Object.entries(Object(given))
  const [first, ...others] = named.map(([, mode]) => Object(mode).write === true)
  if (first === undefined) throw new TypeError('channels must name at least one channel')
  if (others.some(write => write !== first))
    throw new TypeError('one token writes to all of its channels or to none: mint another for the others')
  return {
    kind,
    topics: named.map(([name]) => ({ name: `${kind}:${text({ channel: name }, 'channel', 240)}` })),
    can: first ? [...READ, 'publish'] : READ,
    ...(member_id !== undefined && { sub: text({ member_id }, 'member_id') })
  }
}

function text(body: Body, field: string, max = 256): string {
  const value = body[field]
  if (typeof value === 'string' && value.length > 0 && value.length <= max) return value
  throw new TypeError(`${field} must be text of 1 to ${max} characters`)
}

function secondsOf(value: unknown, field: string, otherwise: number): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && value >= 1 && value <= DAY) return Math.floor(value)
  throw new TypeError(`${field} must be 1 to ${DAY} seconds`)
}

function untilExpireAt(value: unknown): number {
  if (value === undefined) return TWO_HOURS
  const left = Number(value) - Date.now() / 1000
  if (typeof value === 'number' && left >= 1 && left <= DAY) return Math.floor(left)
  throw new TypeError('expire_at must be seconds since 1970, within the next 24 hours')
}

function isoIn(seconds: number): string {
  return new Date(Date.now() + seconds * 1000).toISOString()
}
