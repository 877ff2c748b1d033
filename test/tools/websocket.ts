import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { type KeyPair, SUBPROTOCOL } from 'socket-signal'
import {
  SocketSignalWebsocketClient,
  type SocketSignalWebsocketClientOptions,
  SocketSignalWebsocketServer,
  type SocketSignalWebsocketServerOptions,
  type Urls
} from 'socket-signal-websocket'
import type { Test } from 'tape'
import { type ClientOptions, WebSocket } from 'ws'
import { RawClient } from './raw.ts'
import { Wire } from './wire.ts'

/** An open server on a free port, closed when the test ends. */
export async function startServer(
  t: Test,
  options: SocketSignalWebsocketServerOptions = {}
): Promise<SocketSignalWebsocketServer> {
  const server = new SocketSignalWebsocketServer({ port: 0, ...options })
  t.teardown(() => server.close())
  await server.open()
  return server
}

/** A client without WebRTC that comes back fast, closed when the test ends. */
export function makeClient(
  t: Test,
  urls: Urls,
  options: SocketSignalWebsocketClientOptions = {}
): SocketSignalWebsocketClient {
  const rtc = () => {
    throw new Error('no WebRTC here')
  }
  const client = new SocketSignalWebsocketClient(urls, { rtc, reconnect: { base: 5, max: 50 }, ...options })
  t.teardown(() => client.close())
  return client
}

/** A WebSocket of another make, ended when the test ends. */
export function rawWebsocket(
  t: Test,
  url: string,
  options: ClientOptions = {},
  subprotocol = SUBPROTOCOL
): WebSocket {
  const websocket = new WebSocket(url, subprotocol ? [subprotocol] : [], options)
  websocket.on('error', () => {})
  t.teardown(() => websocket.terminate())
  return websocket
}

/** The code and the reason that a WebSocket closes with. */
export async function closeOf(websocket: WebSocket): Promise<[code: number, reason: string]> {
  const [code, reason] = await once(websocket, 'close')
  return [code, String(reason)]
}

/** A TCP socket, ended when the test ends. */
export function rawSocket(t: Test, url: string): Socket {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  return socket
}

/** The answer to a plain request, or to one to upgrade that is refused. */
export async function get(
  url: string,
  headers: { [name: string]: string } = {},
  method = 'GET'
): Promise<{ status: number; headers: IncomingMessage['headers']; body: string }> {
  const request = httpRequest(url.replace(/^ws/, 'http'), { headers, method, agent: false })
  const [response] = (await once(request.end(), 'response')) as [IncomingMessage]
  let body = ''
  for await (const chunk of response) body += chunk
  return { status: response.statusCode ?? 0, headers: response.headers, body }
}

/** The headers of a request to upgrade. */
export function upgrade(subprotocol = SUBPROTOCOL): { [name: string]: string } {
  return {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    ...(subprotocol && { 'Sec-WebSocket-Protocol': subprotocol })
  }
}

/** A client that keeps no rules, over bare TCP; ended when the test ends. */
export async function rawClient(
  t: Test,
  url: string,
  id?: Uint8Array
): Promise<{ wire: Wire; raw: RawClient }> {
  const wire = await Wire.dial(url)
  t.teardown(() => wire.destroy())
  return { wire, raw: new RawClient(wire, id, new URL(url).origin) }
}

/** As `rawClient`, with its hello said and the welcome come. */
export async function admitted(
  t: Test,
  url: string,
  id?: Uint8Array,
  keys?: KeyPair
): ReturnType<typeof rawClient> {
  const client = await rawClient(t, url, keys?.publicKey ?? id)
  await client.raw.hello({}, keys)
  await client.raw.next('welcome')
  return client
}
