import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type ChatCallOptions, ChatSignalingClient, type Logger } from 'socket-signal-gateway/chat-client'
import type { Test } from 'tape'
import { WebSocketServer, WebSocket as Ws, type WebSocket as WsSocket } from 'ws'
import { ROOM } from './chat.ts'

export function origin(url: string): string {
  return new URL(url).origin.replace('http', 'ws')
}

export type Logs = { [K in keyof Logger]: unknown[][] }

export function quiet(logs?: Logs): ChatCallOptions {
  const log =
    (kind: keyof Logger) =>
    (...args: unknown[]) =>
      void logs?.[kind].push(args)
  return { WebSocket: Ws as never, logger: { debug: log('debug'), warn: log('warn'), error: log('error') } }
}

/** A client at a server that sends whatever it is told. */
export async function pair(t: Test, options: ChatCallOptions = {}, userId?: string) {
  const server = new Scripted()
  t.teardown(() => server.close())
  await server.listening
  const logs: Logs = { debug: [], warn: [], error: [] }
  const client = new ChatSignalingClient(ROOM, server.origin, userId, undefined, {
    ...quiet(logs),
    ...options
  })
  t.teardown(() => client.disconnect())
  await client.connect()
  return { client, server, logs }
}

class Scripted {
  readonly received: unknown[] = []
  readonly codes: number[] = []
  count = 0
  refuse = 0
  refused = 0
  url: string | undefined
  protocol = ''
  readonly #server = new WebSocketServer({
    port: 0,
    host: '127.0.0.1',
    verifyClient: (_info, done) => {
      if (this.refuse-- <= 0) return done(true)
      this.refused++
      done(false, 503)
    }
  })
  #socket: WsSocket | undefined
  readonly listening = once(this.#server, 'listening')

  constructor() {
    this.#server.on('connection', (socket, { url }) => {
      this.count++
      this.url = url
      this.protocol = socket.protocol
      this.#socket = socket
      socket.on('message', data => this.received.push(JSON.parse(String(data))))
      socket.on('close', code => this.codes.push(code))
      this.send({
        type: 'webrtc',
        data: { userId: 'ada', roomId: ROOM, message: 'Connected to call...', participants: [] }
      })
    })
  }

  get origin(): string {
    return `ws://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  send(packet: object): void {
    this.text(JSON.stringify(packet))
  }

  text(text: string): void {
    this.#socket?.send(text)
  }

  end(code: number): void {
    if (code === 1006) this.#socket?.terminate()
    else this.#socket?.close(code)
  }

  close(): void {
    for (const socket of this.#server.clients) socket.terminate()
    this.#server.close()
  }
}
