/** A pipe that keeps message boundaries: the contract between this library and a transport. */
export interface Socket {
  /**
   * Sends one message. MUST keep order and boundaries. Takes ownership of the bytes: the caller won't touch them
   * again, the transport may send them later. MUST NOT throw; once closed it MUST do nothing.
   */
  send(message: Uint8Array): void
  /** Ends the socket; what was sent before is still delivered where possible. MUST be harmless when called twice. */
  close(code?: number, reason?: string): void
  /** Bytes that were sent and have not left this process. */
  readonly bufferedAmount: number
  /** Called with each message, a buffer that now belongs to the receiver. What arrives before it is set MUST wait. */
  onmessage: ((message: Uint8Array) => void) | null
  /** Called once, however the socket ended; 1006 is a socket that broke. If it ended before this is set, MUST be called then. */
  onclose: ((event: CloseEvent) => void) | null
  /** The same as setting both to the methods of one thing, where many sockets should take little memory. May be left out. */
  listen?(listener: SocketListener): void
  /** Stops reading, so that the sender feels it. A transport that can't leaves both out. */
  pause?(): void
  /** Goes on reading after `pause`. */
  resume?(): void
}

/** What hears a socket. */
export interface SocketListener {
  /** As `Socket.onmessage`. */
  onmessage(message: Uint8Array): void
  /** As `Socket.onclose`. */
  onclose(event: CloseEvent): void
}

/** How a socket ended. */
export interface CloseEvent {
  /** 1000 to 1015 (RFC 6455, section 7.4), or a number of ours, see `codeOfClose`. */
  code: number
  /** At most 123 bytes; often empty. */
  reason: string
}
