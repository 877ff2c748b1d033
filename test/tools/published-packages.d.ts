// The published packages come without types. As much of them as tests use.

declare module 'simple-websocket' {
  import type { Duplex } from 'node:stream'
  export default class SimpleWebsocket extends Duplex {
    constructor(url: string)
    connected: boolean
  }
}

interface PublishedPeer {
  readonly id: Buffer
  readonly sessionId: Buffer
  readonly topic: Buffer
  readonly connected: boolean
  readonly destroyed: boolean
  metadata: { [name: string]: unknown }
  /** Of 10 alone: in 9, `metadata` of an open peer is the remote's. */
  readonly remoteMetadata: { [name: string]: unknown }
  subscribeMediaStream: boolean
  readonly stream: import('simple-peer').Instance & { negotiate(): void }
  ready(): Promise<void>
  destroy(error?: Error): void
}

interface PublishedClient {
  readonly id: Buffer
  readonly peers: PublishedPeer[]
  readonly rpc: {
    call(name: string, data?: unknown, options?: { timeout?: number }): Promise<unknown>
    emit(name: string, data?: unknown): Promise<unknown>
  }
  open(): Promise<void>
  close(): Promise<void>
  join(topic: Buffer): Promise<Buffer[]>
  leave(topic?: Buffer): Promise<void>
  lookup(topic: Buffer): Promise<Buffer[]>
  connect(topic: Buffer, id: Buffer, options?: { metadata?: object }): PublishedPeer
  onIncomingPeer(handler: (peer: PublishedPeer) => unknown): void
  onOffer(handler: (data: { metadata: object }) => unknown): void
  on(event: string, listener: (...args: never[]) => void): unknown
}

declare module 'socket-signal-10' {
  export class SocketSignalClient implements PublishedClient {
    constructor(socket: import('node:stream').Duplex, options?: object)
    remoteConnect(topic: Buffer, id: Buffer, options?: { metadata?: object }): PublishedPeer
    onRemoteConnect(handler: (data: { metadata: object }) => unknown): void
  }
  export interface SocketSignalClient extends PublishedClient {}
}

declare module 'socket-signal-websocket-9' {
  export class SocketSignalWebsocketClient {
    constructor(urls: string[], options?: object)
    readonly _ws: { close(): void; reconnect(): void }
    readonly connected: boolean
  }
  export interface SocketSignalWebsocketClient extends PublishedClient {}
}
