import type { Connection, Socket } from 'socket-signal'
import { type SocketPair, socketSuite } from 'socket-signal-testing'
import { SocketSignalWebsocketServer } from 'socket-signal-websocket'
import { dial } from '../../packages/websocket/src/dial.ts'
import { test } from '../tools/test.ts'

/** Hands on the sockets that it would have admitted. */
class SocketTap extends SocketSignalWebsocketServer {
  onsocket: (socket: Socket) => void = () => {}

  override addSocket(socket: Socket): Promise<Connection> {
    this.onsocket(socket)
    return new Promise(() => {})
  }
}

async function pair(): Promise<SocketPair> {
  const server = new SocketTap({ port: 0 })
  await server.open()
  const taken = new Promise<Socket>(resolve => (server.onsocket = resolve))
  const left = await dial(new URL(server.url), new AbortController().signal)
  return { left, right: await taken, close: () => server.close() }
}

socketSuite({ test, name: 'websocket', pair })
