import { randomBytes } from 'node:crypto'
import { topicFromName } from 'socket-signal'
import type { Moderation } from 'socket-signal-room/server'
import { createGate, createTokens, type Gate, type KeyOptions, type UsedTokens } from 'socket-signal-token'
import type { Body, Project, Routes } from './endpoints.ts'
import { mintRoutes } from './mint.ts'

/** Whose tokens let in, and who may mint them. */
export interface TokenOptions {
  /** Whether somebody without a token may enter, and then do anything. Default: `required`. */
  mode?: 'required' | 'optional'
  /** What signs and verifies them. Default: a secret of this process, so that its tokens end with it. */
  keys?: KeyOptions
  /** The claim `iss`. Default: the project's id, else `socket-signal-server`. */
  issuer?: string
  /** The claim `aud`. Default: the first public URL, else `socket-signal-server`. */
  audience?: string
  /** Where used tickets are kept. Default: in Redis where there is one, else in this process. */
  used?: UsedTokens
  /** Who may mint tokens over HTTP, and end sockets. Default: nobody, and there are no such endpoints. */
  project?: Project
}

/** Ends sockets, and what their tokens are worth; gives how many. */
export type Disconnect = (who: { id: Uint8Array } | { sub: string } | { jti: string }) => number

const NAME = 'socket-signal-server'

/** The gate of a server that asks for tokens, and the endpoints that mint them. */
export function createTokenDoor(
  { mode, keys = { secret: randomBytes(32) }, project, used, ...names }: TokenOptions,
  publicUrl: string = NAME
): {
  gate: Gate
  ready: () => Promise<unknown>
  routes: (disconnect: Disconnect, moderation: Moderation) => Routes
} {
  const { issuer = project?.id ?? NAME, audience = publicUrl } = names
  const access = createTokens({ ...keys, issuer, audience })
  // Of another audience, so that neither passes for the other.
  const refresh = createTokens({ ...keys, issuer, audience: `${audience} refresh` })
  return {
    gate: createGate(access, { ...(mode && { tokens: mode }), ...(used && { used }) }),
    ready: access.jwks,
    routes: (disconnect, moderation) => ({
      ...mintRoutes({ access, refresh }),
      ...roomRoutes(moderation),
      '/disconnect': body => ({ disconnected: disconnect(readWho(body)) })
    })
  }
}

/** What moderators do, by name of the room and id of the participant. */
function roomRoutes(moderation: Moderation): Routes {
  const topicAndId = async (body: Body, room: string) => {
    const { participant_id: id } = body
    if (typeof id !== 'string' || !/^[0-9a-f]{64}$/i.test(id))
      throw new TypeError('participant_id must be the 64 hex digits of an id')
    return [await topicFromName(room), Buffer.from(id, 'hex')] as const
  }
  const track = ({ key, kind }: Body) => {
    if (typeof key === 'string' && (kind === 'audio' || kind === 'video')) return [key, kind] as const
    throw new TypeError('key must be that of a stream, and kind audio or video')
  }
  return {
    '/rooms/:id/actions/kick': async (body, room) => ({
      data: { done: await moderation.kick(...(await topicAndId(body, room))) }
    }),
    '/rooms/:id/actions/censor': async (body, room) => ({
      data: { done: await moderation.censor(...(await topicAndId(body, room)), ...track(body)) }
    }),
    '/rooms/:id/actions/uncensor': async (body, room) => ({
      data: { done: await moderation.uncensor(...(await topicAndId(body, room)), ...track(body)) }
    })
  }
}

function readWho(body: Body): { id: Uint8Array } | { sub: string } | { jti: string } {
  const [[field, value] = [], ...more] = Object.entries(body)
  const wanted = more.length === 0 && typeof value === 'string' && value !== ''
  if (wanted && field === 'sub') return { sub: value }
  if (wanted && field === 'jti') return { jti: value }
  if (wanted && field === 'id' && /^[0-9a-f]{64}$/i.test(value)) return { id: Buffer.from(value, 'hex') }
  throw new TypeError('give one of sub, jti, or id (64 hex digits)')
}
