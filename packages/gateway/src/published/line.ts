import { type Addressed, type AddressedKind, createAddressed, encodeBody, FLAG } from 'socket-signal/wire'
import type { ForeignSocket } from '../door.ts'
import type { Guest } from '../guest.ts'
import { encodeAnswer, encodeCall, encodeFailure, type Failure, LAST_NUMBER, toText } from './nanomessage.ts'

/** Where an addressed frame goes, or comes from. 32 bytes each. */
export interface Route {
  readonly topic: Uint8Array
  readonly remoteId: Uint8Array
  readonly session: Uint8Array
}

/** Both ends of a published client: messages to its socket, frames to the server. */
export class Line {
  readonly guest: Guest
  readonly #socket: ForeignSocket
  /** The latest number of a call of ours, and of an addressed frame. */
  #number = 0
  // Higher than those of its last socket: sessions go on, and their peers take no number twice.
  #seq = Math.floor(Date.now() / 1000)

  constructor(socket: ForeignSocket, guest: Guest) {
    this.#socket = socket
    this.guest = guest
  }

  /** A number for a call that is not in `taken`. */
  takeNumber(taken: { has(number: number): boolean }): number {
    do this.#number = this.#number === LAST_NUMBER ? 1 : this.#number + 1
    while (taken.has(this.#number))
    return this.#number
  }

  /** Calls the client. Under the number 0 it is an event, and answers nothing. */
  call(number: number, name: string, data: unknown): void {
    this.#socket.send(encodeCall(number, name, data, number === 0))
  }

  answer(number: number, data: unknown): void {
    answerTo(this.#socket, number, data)
  }

  fail(number: number, failure: Failure): void {
    failTo(this.#socket, number, failure)
  }

  /** What stands in every message about a session, as somebody else has sent it to this client. */
  words({ topic, remoteId, session }: Route): { [name: string]: string } {
    const own = toText(this.guest.id)
    return { id: toText(remoteId), remoteId: own, topic: toText(topic), sessionId: toText(session) }
  }

  frame(kind: AddressedKind, { topic, remoteId, session }: Route, data: unknown): Addressed {
    const { flags, body } = encodeBody(data)
    const seq = ++this.#seq
    return createAddressed(kind, {
      ...{ flags: flags | FLAG.bare, address: remoteId, topic, session, seq, body }
    })
  }

  /** A frame to a peer that nobody answers, or that answers the request of this id. Gives false when it is too large. */
  send(kind: AddressedKind, to: Route, data: unknown, requestId = 0): boolean {
    const frame = this.frame(kind, to, data)
    frame.requestId = requestId
    try {
      this.guest.send(frame)
      return true
    } catch {
      this.count()
      return false
    }
  }

  /** What asks nothing of the server counts against its rate all the same. */
  count(): void {
    this.guest.send({ kind: 'pong', received: 0 })
  }
}

/** The client waits for nothing under the number 0. */
export function answerTo(socket: ForeignSocket, number: number, data: unknown): void {
  if (number !== 0) socket.send(encodeAnswer(number, data))
}

export function failTo(socket: ForeignSocket, number: number, failure: Failure): void {
  if (number !== 0) socket.send(encodeFailure(number, failure))
}
