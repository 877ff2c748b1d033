import type { CloseEvent, SocketSignalServerMap } from 'socket-signal'

/** What a foreign socket carries: a string is a text message, bytes are a binary one. */
export type Message = string | Uint8Array

/** Somebody who asks to come in. */
export interface Visit {
  /** Without its query. */
  readonly path: string
  /** Of its Authorization header (Bearer), of a subprotocol `bearer.TOKEN`, or of its cookie; empty when it has none. */
  readonly token: string
  /** Where it comes from, as the server knows it. */
  readonly address: string
  /** Whether its path is one where the server takes its own clients. */
  readonly home: boolean
  /** Nothing here is checked. */
  readonly request: {
    readonly method?: string | undefined
    readonly url?: string | undefined
    readonly headers: { readonly [name: string]: string | string[] | undefined }
  }
}

/** A socket of another system's client. */
export interface ForeignSocket {
  /** MUST keep order, MUST NOT throw; once closed it does nothing. */
  send(message: Message): void
  /**
   * Ends it; what was sent before is still delivered where possible. Default: 1000. MUST NOT throw: not when called twice,
   * nor for a reason of any length.
   */
  close(code?: number, reason?: string): void
  /** Bytes that were sent and have not left this process. */
  readonly bufferedAmount: number
  /** Asks for a sign of life, which `onpong` tells of. */
  ping(): void
  /** Stops reading, so that the sender feels it. */
  pause(): void
  /** Goes on reading after `pause`. */
  resume(): void
  /** Called with each message, in order. Whoever takes the socket sets it at once. */
  onmessage: ((message: Message) => void) | null
  /** Called with each answer to `ping`. */
  onpong: (() => void) | null
  /** Called once, however it ended. */
  onclose: ((event: CloseEvent) => void) | null
}

/** A visitor who may come in. Exactly one of the two is called. */
export interface Entry {
  /** The WebSocket subprotocol that is chosen. Default: none. */
  protocol?: string | undefined
  /** Takes the socket, which is open; MUST set `onmessage` and `onclose` before it returns. */
  open(socket: ForeignSocket): void
  /** The visitor went before it was open. */
  lost(): void
}

/** An answer to a plain HTTP request. */
export interface Answer {
  /** The HTTP status, for instance 404. */
  status: number
  /** Added to, and in place of, `Content-Type: text/plain`, `Content-Length` and `X-Content-Type-Options: nosniff`. */
  headers?: { readonly [name: string]: string }
  /** Sent as UTF-8. */
  body: string
}

/**
 * Where clients of one other system come in. A door knows their language; who they are, what they may and how much of
 * it is the server's to say, as of its own clients: for each of them a door has a `Guest`.
 *
 * A door is told of a visitor by the request to upgrade (`knock`), by the first message (`hear`), or both.
 * MUST NOT keep anything of a visitor whose socket has ended. MUST take whatever arrives for malformed.
 */
export interface Door {
  /** Marks its messages in topics that it shares with other doors: 1 to 32 characters, ASCII. */
  readonly name: string
  /** Its clients may be silent for long before their first message: who answers pings is waited for. Default: `false`. */
  readonly patient?: boolean
  /**
   * Asked about each request to upgrade that does not ask for our subprotocol. Gives nothing when it is another door's.
   * A throw refuses it before the upgrade: with 401 for AUTH_REQUIRED, BAD_PROOF and TOKEN_…, 400 for INVALID_ARGUMENT,
   * 503 for TIMEOUT, INTERNAL and OVERLOADED, 403 for anything else.
   */
  knock?(visit: Visit, server: SocketSignalServerMap): Entry | undefined | Promise<Entry | undefined>
  /**
   * Asked about the first message of a socket that nobody took by its upgrade, which asked for no subprotocol. The socket that `open` gets has this
   * message still to come; until then it is not read. A throw closes it with that code.
   */
  hear?(
    first: Message,
    visit: Visit,
    server: SocketSignalServerMap
  ): Entry | undefined | Promise<Entry | undefined>
  /** Asked about plain HTTP requests. MUST NOT throw. */
  respond?(visit: Pick<Visit, 'path' | 'request'>): Answer | undefined
}
