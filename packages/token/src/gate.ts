import { type Authorize, type AuthorizeRequest, type Connection, SignalError, toHex } from 'socket-signal'
import type { Kind } from './grant.ts'
import { type Question, Rights } from './rights.ts'
import { Seats } from './seats.ts'
import type { Tokens, Verified } from './tokens.ts'
import { MemoryUsedTokens, type UsedTokens } from './used.ts'

/** Who is let in, and how much is remembered of those who were. */
export interface GateOptions {
  /** Whether somebody without a token may enter, and then do anything. Default: `required`. */
  tokens?: 'required' | 'optional'
  /** Kinds of tokens that are taken. Default: all. */
  kinds?: readonly Kind[]
  /** Where used tickets are kept. Default: in this process. */
  used?: UsedTokens
  /** Revocations that are remembered, the latest. Default: 100,000. */
  maxRevoked?: number
}

/** What decides at a server: `new SocketSignalWebsocketServer({ authorize: gate.authorize })`. */
export interface Gate {
  /**
   * For the server's option `authorize`: asked at hello, at each new token, and about each action from then on. Throws
   * AUTH_REQUIRED without a token, TOKEN_… for one that is refused, OVERLOADED where `maxPeers` are in already.
   */
  authorize: Authorize
  /**
   * Whether this token allows an action, for those who are no client of ours. Throws what the token is refused with: also
   * one that is bound to a key, counted or a ticket, since nobody proves a key here or takes a place.
   */
  allows(token: string, question: Question): Promise<boolean>
  /**
   * Takes no more of a token, or of the tokens that somebody has so far. `server.disconnect(who)` ends their sockets.
   */
  revoke(who: { sub: string } | { jti: string }): void
}

/**
 * What a server asks: only what the token of a socket grants is allowed, and a ticket lets in one socket. Clients hear
 * before their token ends, and are put out as TOKEN_EXPIRED when it does.
 */
export function createGate(tokens: Pick<Tokens, 'verify'>, options: GateOptions = {}): Gate {
  const { tokens: mode = 'required', kinds, used = new MemoryUsedTokens(), maxRevoked = 100_000 } = options
  const held = new WeakMap<Connection, { token: string; rights: Rights }>()
  const seats = new Seats()
  const revoked = new Map<string, number>()

  const check = async (token: string): Promise<Verified> => {
    const grant = await tokens.verify(token)
    if (kinds && !kinds.includes(grant.kind))
      throw invalid(`a token of kind ${grant.kind} does not let you in here`)
    assertNotRevoked(grant)
    return grant
  }

  const assertNotRevoked = ({ sub, jti, iat = 0 }: Verified) => {
    if (revoked.has(toKey({ jti })) || iat * 1000 <= (revoked.get(toKey({ sub })) ?? -1))
      throw invalid('this token was revoked')
  }

  const admit = async ({ token, id, proven, connection }: AuthorizeRequest): Promise<boolean> => {
    if (held.get(connection)?.token === token) return true // Sent again, because its answer was lost.
    const grant = await check(token)
    if (grant.cnf !== undefined && !(proven && grant.cnf === toHex(id)))
      throw invalid('this token is bound to another key')
    const rights = await Rights.of(grant)
    if (!seats.fits(grant, toHex(id))) throw crowded(grant) // Its ticket stays good.
    await use(grant)
    assertNotRevoked(grant) // Once more: it may have been revoked meanwhile.
    if (!seats.take(grant, connection, toHex(id))) throw crowded(grant)
    held.set(connection, { token, rights })
    connection.grant = grant
    connection.expireIn(grant.exp * 1000 - Date.now())
    return true
  }

  const use = async ({ once, jti, takenUntil }: Verified): Promise<void> => {
    if (!once) return
    if (jti === undefined) throw invalid('a ticket needs a jti')
    if (!(await used.use(jti, takenUntil))) throw new SignalError('TOKEN_REPLAYED', 'this ticket was used')
  }

  return {
    authorize: request => {
      const { action, token, connection } = request
      if (action === 'hello' || action === 'token') {
        if (token) return admit(request)
        if (mode === 'optional' && action === 'hello') return true
        throw missing()
      }
      return held.get(connection)?.rights.may(request) ?? mode === 'optional'
    },
    allows: async (token, question) => {
      if (!token && mode === 'optional') return true
      if (!token) throw missing()
      const grant = await check(token)
      if (grant.cnf ?? grant.maxPeers ?? (grant.once || undefined))
        throw invalid('this token lets in clients of ours alone')
      return (await Rights.of(grant)).may(question)
    },
    revoke: who => {
      revoked.delete(toKey(who))
      revoked.set(toKey(who), Date.now())
      for (const oldest of revoked.keys()) {
        if (revoked.size <= maxRevoked) return
        revoked.delete(oldest)
      }
    }
  }
}

/** Of somebody without the field it is a key that nobody has. */
function toKey(who: { sub?: string | undefined; jti?: string | undefined }): string {
  return JSON.stringify(who)
}

function missing(): SignalError {
  return new SignalError('AUTH_REQUIRED', 'this server asks for a token')
}

function crowded({ maxPeers }: Verified): SignalError {
  return new SignalError('OVERLOADED', `this token lets in ${maxPeers} at once`)
}

function invalid(why: string): SignalError {
  return new SignalError('TOKEN_INVALID', why)
}
