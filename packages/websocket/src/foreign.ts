import type { IncomingMessage } from 'node:http'
import type { CloseEvent, SocketSignalServerMap } from 'socket-signal'
import type { Upgrade } from './upgrade.ts'

/** An open WebSocket of another system's client. A string is a text message, bytes are a binary one. */
export interface ForeignSocket {
  /** Keeps order, does not throw; once closed it does nothing. */
  send(message: string | Uint8Array): void
  /** Ends it; what was sent before is still delivered where possible, of the reason as much as fits. Default: 1000. */
  close(code?: number, reason?: string): void
  /** Bytes that were sent and have not left this process. */
  readonly bufferedAmount: number
  /** Asks for a sign of life (RFC 6455, section 5.5.2), which `onpong` tells of. */
  ping(): void
  /** Stops reading, so that the sender feels it. */
  pause(): void
  /** Goes on reading. */
  resume(): void
  /** Called with each message, in order. */
  onmessage: ((message: string | Uint8Array) => void) | null
  /** Called with each answer to a ping. */
  onpong: (() => void) | null
  /** Called once, however it ended; 1006 is a socket that broke. */
  onclose: ((event: CloseEvent) => void) | null
}

/** What takes clients of other systems in, for instance `createGateway` of socket-signal-gateway. */
export interface GatewayLike {
  /** Gives what takes the socket once it is open, or nothing: then `_onForeignUpgrade` is asked. A throw refuses it. */
  knock(
    visit: Upgrade & { address: string; home: boolean },
    server: SocketSignalServerMap
  ): Promise<{ protocol?: string | undefined; open(socket: ForeignSocket): void; lost(): void } | undefined>
  /** Answers a plain HTTP request, or not. */
  respond(visit: {
    path: string
    request: IncomingMessage
  }): { status: number; headers?: { readonly [name: string]: string }; body: string } | undefined
}
