import type { SocketSignalServerMap } from 'socket-signal'
import type { Door, Entry, Message, Visit } from '../door.ts'
import { Guest } from '../guest.ts'
import { PublishedClient } from './client.ts'
import type { Dialect } from './dialect.ts'
import { decodeMessage } from './nanomessage.ts'
import { NINE } from './nine.ts'
import { TEN } from './ten.ts'

/** What `connection.data.door` says of its clients. */
export const PUBLISHED = 'socket-signal'

/** How long published clients are waited for. */
export interface PublishedDoorOptions {
  /**
   * How long a client's offer waits for its answer. Published clients give up after their own `requestTimeout`, and tell
   * nobody. Default: 15,000, as theirs is. Unit: ms.
   */
  requestTimeout?: number
}

/**
 * The door for published clients: socket-signal 9 with socket-signal-websocket 9, and socket-signal 10 over
 * simple-websocket, told apart by the name that they call first. They have no tokens and no keys: each has the first id
 * that it names, as an unproven one, and is refused with ID_IN_USE where somebody has it.
 */
export function createPublishedDoor({ requestTimeout = 15_000 }: PublishedDoorOptions = {}): Door {
  return {
    name: PUBLISHED,
    patient: true,
    hear(first: Message, visit: Visit, server: SocketSignalServerMap): Entry | undefined {
      const dialect = recognise(first)
      if (!dialect) return undefined
      const { token, address } = visit
      const enter = (id: Uint8Array) =>
        Guest.enter(server, { id, claimed: true, token, address, door: PUBLISHED })
      const options = { dialect, enter, requestTimeout }
      return { open: socket => void new PublishedClient(socket, options), lost: () => {} }
    }
  }
}

/** Both know the ping; only socket-signal-websocket 9 sends it by itself. */
function recognise(first: Message): Dialect | undefined {
  try {
    const message = typeof first === 'string' ? undefined : decodeMessage(first)
    if (message?.kind !== 'call') return undefined
    return [NINE, TEN].find(({ calls }) => Object.hasOwn(calls, message.name))
  } catch {
    return undefined // Not their language.
  }
}
