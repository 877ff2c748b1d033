import { closeCode, SignalError, type SocketSignalServerMap } from 'socket-signal'
import type { Answer, Door, Entry, ForeignSocket, Message, Visit } from './door.ts'
import { watch } from './watch.ts'

/** Several doors as one: what a `SocketSignalWebsocketServer` takes as its option `gateway`. */
export interface Gateway {
  /** Who may come in, as `Door.knock` says it; nothing when no door wants it. */
  knock(visit: Visit, server: SocketSignalServerMap): Promise<Entry | undefined>
  /** What the first door that wants it answers to a plain HTTP request; nothing when none does. */
  respond(visit: Pick<Visit, 'path' | 'request'>): Answer | undefined
}

/** How long a gateway waits. */
export interface GatewayOptions {
  /**
   * How long a socket that no door took by its upgrade may wait with its first message, and a door with its answer to that;
   * where a door is patient, how long it may leave a ping without an answer. Default: 5,000, or 15,000. Unit: ms.
   */
  firstTimeout?: number
}

/** The doors are asked in this order. */
export function createGateway(doors: readonly Door[], options: GatewayOptions = {}): Gateway {
  const names = new Set(doors.map(({ name }) => name))
  for (const name of names)
    if (!/^[!-~]{1,32}$/.test(name)) throw new TypeError(`a door's name is 1 to 32 characters, got '${name}'`)
  if (names.size < doors.length) throw new TypeError('each door needs a name of its own')
  const hears = doors.some(({ hear }) => hear)
  const patient = doors.some(({ hear, patient }) => hear && patient)
  const { firstTimeout = patient ? 15_000 : 5_000 } = options
  return {
    async knock(visit, server) {
      for (const door of doors) {
        const entry = await door.knock?.(visit, server)
        if (entry) return entry
      }
      // Who asks for a subprotocol would go when it gets none.
      const asksFor = visit.request.headers['sec-websocket-protocol']
      if (!hears || !visit.home || asksFor !== undefined) return undefined
      const hear = async (first: Message) => {
        for (const door of doors) {
          const entry = await door.hear?.(first, visit, server)
          if (entry) return entry
        }
        throw new SignalError('BAD_FRAME', 'no door knows this language')
      }
      return { open: socket => waitForFirst(socket, hear, firstTimeout, patient), lost: () => {} }
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
  firstTimeout: number,
  patient: boolean
): void {
  const waiting: Message[] = []
  let isThere = true
  let timer: ReturnType<typeof setTimeout> | undefined
  const stop = () => {
    unwatch()
    clearTimeout(timer)
  }
  const end = (error: unknown) => {
    isThere = false
    stop()
    const { code, message } = Object(error)
    socket.close(closeCode(String(code)), String(message))
  }
  const late = () => end(new SignalError('HELLO_TIMEOUT', 'no first message in time, or none that was taken'))
  const unwatch = patient ? watch(socket, firstTimeout, late) : () => {}
  if (!patient) timer = setTimeout(late, firstTimeout)
  const take = (entry: Entry) => {
    if (!isThere) return entry.lost()
    stop()
    entry.open(socket)
    socket.resume() // First: whoever took it may pause it again.
    for (const message of waiting) socket.onmessage?.(message)
  }
  socket.onclose = () => {
    isThere = false
    stop()
  }
  socket.onmessage = message => {
    // What came in the same chunk comes all the same.
    socket.pause()
    if (waiting.push(message) > 1) return
    stop()
    timer = setTimeout(late, firstTimeout) // While it is not read, not even its end is heard of.
    hear(message).then(take).catch(end)
  }
}
