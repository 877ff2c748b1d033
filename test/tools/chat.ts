import { once } from 'node:events'
import { type ChatDoorOptions, createChatDoor, createGateway } from 'socket-signal-gateway'
import { createGate, createTokens, type Grant } from 'socket-signal-token'
import type { SocketSignalWebsocketServer, SocketSignalWebsocketServerOptions } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { WebSocket } from 'ws'
import { until } from './wait.ts'
import { get, startServer, upgrade } from './websocket.ts'

export const ROOM = '0b0e9c5e-52a4-4f6d-9a66-6f0b6c1d0a01'
export const OTHER_ROOM = '0b0e9c5e-52a4-4f6d-9a66-6f0b6c1d0a02'
export const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n'
export const OFFER = { type: 'offer', sdp: SDP }
export const CANDIDATE = {
  ...{ candidate: 'candidate:1 1 udp 1 127.0.0.1 9 typ host', sdpMid: '0', sdpMLineIndex: 0 }
}
export const tokens = createTokens({ secret: 'x'.repeat(32), issuer: 'chat', audience: 'signal' })

/** A token that lets somebody talk in these chats. */
export function tokenOf(sub: string, chats: string[] = [ROOM], more: Grant = {}): Promise<string> {
  const topics = chats.map(name => ({ name }))
  return tokens.mint({ sub, name: sub.toUpperCase(), topics, can: ['join', 'publish'], ...more })
}

/** A server that asks for tokens, with a chat door. */
export async function chatServer(
  t: Test,
  chat: ChatDoorOptions = {},
  options: SocketSignalWebsocketServerOptions = {}
) {
  const door = createChatDoor(chat)
  const gate = createGate(tokens)
  const server = await startServer(t, {
    identity: 'required',
    authorize: gate.authorize,
    gateway: createGateway([door]),
    ...options
  })
  return { server, door, gate, url: `${server.url}/api/chat/realtime/${ROOM}` }
}

// biome-ignore lint/suspicious/noExplicitAny: each test knows what it waits for.
export type Packet = { type: string; data: any }

/** A client that writes and reads the guide's JSON. */
export class Guide {
  readonly socket: WebSocket
  readonly packets: Packet[] = []
  closed: number | undefined

  constructor(t: Test, url: string, token?: string, options = {}) {
    const headers = token === undefined ? {} : { Authorization: `Bearer ${token}` }
    this.socket = new WebSocket(url, { headers, ...options })
    t.teardown(() => this.socket.terminate())
    this.socket.on('message', data => this.packets.push(JSON.parse(String(data))))
    this.socket.on('close', code => {
      this.closed = code
    })
    this.socket.on('error', () => {})
  }

  static async join(t: Test, url: string, sub: string, options = {}): Promise<Guide> {
    const client = new Guide(t, url, await tokenOf(sub), options)
    await once(client.socket, 'open')
    await client.until(({ data }) => data.event === 'connected')
    return client
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message))
  }

  /** Signals that it was sent, as they came. */
  get signals(): Packet['data'][] {
    return this.packets.filter(({ type }) => type === 'webrtc.signal').map(({ data }) => data)
  }

  get errors(): string[] {
    return this.packets.filter(({ type }) => type === 'error').map(({ data }) => data.code)
  }

  async until(fact: (packet: Packet) => boolean, seconds = 5): Promise<Packet> {
    await until(() => this.packets.some(fact), String(fact), seconds)
    return this.packets.find(fact) as Packet
  }
}

/** What a request to upgrade is answered with. */
export async function statusOf(url: string, headers: { [name: string]: string } = {}): Promise<number> {
  return (await get(url, { ...upgrade(''), ...headers })).status
}

export function bearer(token: string): { Authorization: string } {
  return { Authorization: `Bearer ${token}` }
}

export async function empty(server: SocketSignalWebsocketServer): Promise<void> {
  const held = () => {
    const { sockets, topics, mailboxes, watches, away } = server.stats()
    return { sockets, topics, mailboxes, watches, away }
  }
  const isEmpty = () => Object.values(held()).every(count => count === 0)
  await until(isEmpty).catch(() => {
    throw new Error(`something is left: ${JSON.stringify(held())}`)
  })
}
