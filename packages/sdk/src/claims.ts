import { SignalError } from 'socket-signal/errors'
import type { Kind } from 'socket-signal-token'

/** What a token says of itself. Nothing of it is verified here: that is the server's. */
export interface Claims {
  kind?: string
  /** What others are to call its holder. */
  name?: string
  /** For which server it is. */
  audience?: string
  /** The names that it grants: a room's, or those of channels. */
  names: readonly string[]
}

/** What is no JSON Web Token says nothing, and is left to the server. */
export function readClaims(token: string): Claims {
  const { kind, name, aud, topics } = payload(token)
  const names = Array.isArray(topics) ? topics.map(topic => Object(topic).name).filter(isText) : []
  return {
    names,
    ...(isText(kind) && { kind }),
    ...(isText(name) && { name }),
    ...(isText(aud) && { audience: aud })
  }
}

/** Throws TOKEN_INVALID for a token of another namespace, so that it is not even shown to a server. */
export function assertKind({ kind }: Claims, kinds: readonly Kind[], where: string): void {
  if (kind !== undefined && !(kinds as readonly string[]).includes(kind))
    throw new SignalError('TOKEN_INVALID', `a token of kind ${kind} does not let you into ${where}`)
}

function payload(token: string): { [claim: string]: unknown } {
  try {
    const [, part = ''] = token.split('.')
    const text = atob(part.replace(/-/g, '+').replace(/_/g, '/'))
    const bytes = Uint8Array.from(text, char => char.charCodeAt(0))
    return Object(JSON.parse(new TextDecoder().decode(bytes)))
  } catch {
    return {}
  }
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length > 0 && value.length <= 512
}
