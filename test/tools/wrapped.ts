import type { Socket } from 'socket-signal'

export interface Ways {
  /** Takes each message on its way out or in, and lets through what it likes, when it likes. */
  up(bytes: Uint8Array, pass: (bytes: Uint8Array) => void): void
  down(bytes: Uint8Array, pass: (bytes: Uint8Array) => void): void
}

export interface WrappedSocket extends Socket {
  /** Puts a message of one's own before whoever listens. */
  inject(bytes: Uint8Array): void
}

/** A socket between which and its owner somebody stands. */
export function wrapped(socket: Socket, { up, down }: Ways): WrappedSocket {
  let onmessage: Socket['onmessage'] = null
  const early: Uint8Array[] = []
  const inject = (bytes: Uint8Array) => (onmessage ? onmessage(bytes) : void early.push(bytes))
  socket.onmessage = bytes => down(bytes, inject)
  return {
    send: bytes => up(bytes, each => socket.send(each)),
    close: (code, reason) => socket.close(code, reason),
    inject,
    get bufferedAmount() {
      return socket.bufferedAmount
    },
    get onmessage() {
      return onmessage
    },
    set onmessage(listener) {
      onmessage = listener
      for (const bytes of early.splice(0)) inject(bytes)
    },
    get onclose() {
      return socket.onclose
    },
    set onclose(listener) {
      socket.onclose = listener
    }
  }
}
