import { closeCode, SignalError, type SocketSignalServerMap } from 'socket-signal'
import type { Answer, Door, Entry, ForeignSocket, Message, Visit } from './door.ts'

/** Several doors as one: what a `SocketSignalWebsocketServer` takes as its option `gateway`. */
export interface Gateway {
  /** Who may come in, as `Door.knock` says it; nothing when no door wants it. */
  knock(visit: Visit, server: SocketSignalServerMap): Promise<Entry | undefined>
  respond(visit: Pick<Visit, 'path' | 'request'>): Answer | undefined
}

export interface GatewayOptions {
  /** How long a socket that no door took by its upgrade may wait with its first message. Default: 5,000. Unit: ms. */
  firstTimeout?: number
}

/** The doors are asked in this order. */
export function createGateway(
  doors: readonly Door[],
  { firstTimeout = 5_000 }: GatewayOptions = {}
): Gateway {
  const names = new Set(doors.map(({ name }) => name))
  for (const name of names)
    if (!/^[!-~]{1,32}$/.test(name)) throw new TypeError(`a door's name is 1 to 32 characters, got '${name}'`)
  if (names.size < doors.length) throw new TypeError('each door needs a name of its own')
  const hears = doors.some(({ hear }) => hear)
  return {
    async knock(visit, server) {
      for (const door of doors) {
        const entry = await door.knock?.(visit, server)
        if (entry) return entry
      }
      if (!hears || !visit.home) return undefined
      const hear = async (first: Message) => {
        for (const door of doors) {
          const entry = await door.hear?.(first, visit, server)
          if (entry) return entry
        }
        throw new SignalError('BAD_FRAME', 'no door knows this language')
      }
      return { open: socket => waitForFirst(socket, hear, firstTimeout), lost: () => {} }
    },
    respond(visit) {
      for (const door of doors) {
        const answer = door.respond?.(visit)
        if (answer) return answer
      }
      return undefined
    }
  }
}

function waitForFirst(
  socket: ForeignSocket,
  hear: (first: Message) => Promise<Entry>,
  firstTimeout: number
): void {
  const waiting: Message[] = []
  let isThere = true
  const end = (error: unknown) => {
    const { code, message } = Object(error)
    socket.close(closeCode(String(code)), String(message).slice(0, 100))
  }
  const timer = setTimeout(
    () => end(new SignalError('HELLO_TIMEOUT', 'no first message in time')),
    firstTimeout
  )
  const take = (entry: Entry) => {
    if (!isThere) return entry.lost()
    entry.open(socket)
    for (const message of waiting) socket.onmessage?.(message)
    socket.resume()
  }
  socket.onclose = () => {
    isThere = false
    clearTimeout(timer)
  }
  socket.onmessage = message => {
    clearTimeout(timer)
    // What came in the same chunk comes all the same.
    socket.pause()
    if (waiting.push(message) === 1) hear(message).then(take, end)
  }
}
