import { FOREVER } from './clock.ts'
import type { Addressed } from './frame.ts'
import type { Host } from './host.ts'
import { sameSignature } from './seal.ts'

/** By what a session's beginning is known again, and its answer: all that is kept of one that has ended. */
export class Opening {
  /** The signature of the offer, or of the wish for one, by which a repetition is known. */
  begun: Uint8Array | undefined
  /** The answer or refusal that went out, to be sent again when the same offer comes again. */
  reply: Addressed | undefined
  /** Whether the remote spoke on another way than the server's the last time. */
  detoured = false
  readonly #host: Host
  /** Under which it came again before it was answered: who asked waits on another socket now. */
  #again: number | undefined

  constructor(host: Host) {
    this.#host = host
  }

  /** The same offer again: gets the same answer, or waits for it as the first one does. `false`: it is another one. */
  repeat({ signature, requestId }: Addressed, connected = false): boolean {
    if (!this.begun || !sameSignature(signature, this.begun)) return false
    this.#again = requestId
    this.detoured = requestId === 0 && !connected
    this.respond(requestId)
    return true
  }

  /**
   * Sends the reply, also when the session has ended: its failure is what the other side waits to hear. Behind no
   * candidate that waits for a socket; those that overtake it wait at the remote.
   */
  respond(requestId: number, reply = this.reply): void {
    this.reply = reply
    // A failure can be left alone: the client has ended then, or who asked asks again.
    if (reply) this.post(reply, undefined, this.#again ?? requestId).catch(() => {})
  }

  /** Sends a frame on the way on which the remote speaks, else as soon as there is a socket. */
  async post(frame: Addressed, signal?: AbortSignal, requestId = 0): Promise<void> {
    const { detour, link } = this.#host
    if (requestId === 0 && (this.detoured || !link.rpc) && detour?.carry(frame)) return
    const rpc = await link.usable(signal, FOREVER, frame.bytes.length)
    rpc.send(frame, requestId)
  }
}
