import type { Connection } from './connection.ts'
import { SignalError } from './errors.ts'
import type { ModerateMsg, Msg } from './message.ts'
import type { Action, Authorize, AuthorizeRequest, Guest } from './server-options.ts'

/** Waits for a hook's promise, but not for ever: one that hangs must not stop its connection. */
export type Within = <T>(work: Promise<T>) => Promise<T>

export interface GateOptions {
  /** Absent: everybody may. */
  authorize: Authorize | undefined
  /** Runs before each action that is allowed; throws to refuse it. */
  before(connection: Connection, msg: Msg, action: Action): void | Promise<void>
  within: Within
}

type About = Msg & { remoteId?: Uint8Array }

/** Who may do what. Where nobody has a say in it, nothing waits. */
export class Gate {
  /** Connections of doors, each with its own say. */
  readonly guests = new Map<Connection, Guest>()
  readonly #options: GateOptions

  constructor(options: GateOptions) {
    this.#options = options
  }

  /** `authorize`, then `before`. Throws or rejects with why it is refused. */
  pass(connection: Connection, action: Action, msg: About): void | Promise<void> {
    const { before, within } = this.#options
    const asked = this.authorize(connection, action, msg)
    const running = asked
      ? asked.then(() => before(connection, msg, action))
      : before(connection, msg, action)
    return (
      running &&
      within(running).then(() => {
        // A socket that ended while it was asked must leave nothing behind.
        if (connection.closed) throw new SignalError('CLOSED', 'the socket has ended')
      })
    )
  }

  /** What `authorize` says, without a throw. */
  async allows(connection: Connection, action: Action, msg: About): Promise<boolean> {
    try {
      await this.authorize(connection, action, msg)
      return true
    } catch {
      return false
    }
  }

  /** Asks the guest's door, else `authorize`. Throws or rejects with why it is refused. */
  authorize(connection: Connection, action: Action | 'hello', msg?: About): void | Promise<void> {
    const { authorize = everybody, within } = this.#options
    const guest = this.guests.size > 0 ? this.guests.get(connection) : undefined
    if (authorize === everybody && !guest) return
    const { id, proven, token } = connection
    const request: AuthorizeRequest = { action, id, proven, token, connection }
    if (msg) request.topic = msg.topic
    if (msg?.remoteId) request.remoteId = msg.remoteId
    if (action === 'moderate') request.data = (msg as ModerateMsg).data
    const decided = action === 'hello' || action === 'token' ? undefined : guest?.may?.(request)
    const asked = decided ?? authorize(request)
    if (asked === true) return // Whoever knows at once holds nothing up.
    return within(Promise.resolve(asked)).then(yes => {
      if (yes !== true) throw refused(action, token)
    })
  }
}

function everybody(): true {
  return true
}

function refused(action: Action | 'hello', token: string): SignalError {
  if (action !== 'hello' && action !== 'token')
    return new SignalError('FORBIDDEN', `you may not ${action} here`)
  if (token) return new SignalError('TOKEN_INVALID', 'this token does not let you in')
  return new SignalError('AUTH_REQUIRED', 'this server asks for a token')
}
