import { randomBytes } from 'node:crypto'
import SimpleWebsocket from 'simple-websocket'
import { SocketSignalClient as Client10 } from 'socket-signal-10'
import { createServer, type ServerOptions, type SignalServer } from 'socket-signal-server'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import published9 from 'socket-signal-websocket-9'
import type { Test } from 'tape'
import { until } from './wait.ts'
import { simplePeer } from './wrtc.ts'

const { SocketSignalWebsocketClient: Client9 } = published9

/** Real WebRTC on this machine alone. */
const local = { ...simplePeer, config: { iceServers: [] } }

interface Options {
  id?: Uint8Array
  metadata?: { [name: string]: unknown }
  requestTimeout?: number
  heartbeat?: object
}

/** The published packages themselves, unmodified, and (11) our own clients that take who has no key. */
const GENERATIONS = {
  /** socket-signal-websocket 9.2.4 with its socket-signal 9. */
  9: (url: string, options: Options) => new Client9([url], { simplePeer: local, ...options }),
  /** socket-signal 10.3.2 over simple-websocket. */
  10: (url: string, options: Options) => {
    const socket = new SimpleWebsocket(url)
    socket.on('error', () => {})
    return new Client10(socket, { simplePeer: local, ...options })
  },
  11: (url: string, { metadata = {} }: Options) =>
    new SocketSignalWebsocketClient(url, {
      iceServers: [],
      verify: 'optional',
      simplePeer,
      metadata
    })
}

export type Generation = keyof typeof GENERATIONS
export type ClientOf<G extends Generation> = ReturnType<(typeof GENERATIONS)[G]>
export type Published = ClientOf<9> | ClientOf<10>

/** The ready-made server and its clients. When the test ends they are closed, and it must have let go of everything. */
export async function servePublished(t: Test, options: ServerOptions = {}) {
  const server = createServer({ port: 0, page: false, ...options })
  const closing: (() => unknown)[] = []
  t.teardown(async () => {
    await Promise.all(closing.map(close => close()))
    await until(() => isIdle(server), 'the server has let go of everything')
    await server.close()
  })
  await server.open()
  const url = server.signalUrl
  const make = <G extends Generation>(generation: G, options: Options = {}) => {
    const client = GENERATIONS[generation](url, options) as ClientOf<G>
    closing.push(() => close(client))
    return client
  }
  return { server, url, topic: randomBytes(32), make, closing }
}

/** Also what reconnects by itself. */
async function close(client: ClientOf<Generation>): Promise<void> {
  if ('_ws' in client) client._ws.close()
  await client.close()
}

/** Whether nothing is held of anybody. */
function isIdle({ signal }: SignalServer): boolean {
  const { routed, ...held } = signal.stats()
  return Object.values(held).every(count => count === 0)
}
