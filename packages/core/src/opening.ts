import { FOREVER } from './clock.ts'
import type { Addressed } from './frame.ts'
import type { Host } from './host.ts'
import { Limiter } from './limiter.ts'
import { sameSignature } from './seal.ts'

/** The frame that a session began with, and the one that answered it: all that is kept of a session that has ended. */
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
  /** Signing is asynchronous; the order stays. */
  readonly #sending = new Limiter(1)

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

  /** Sends the reply, also when the session has ended: its failure is what the other side waits to hear. */
  respond(requestId: number): void {
    const { reply } = this
    if (reply) this.send(() => this.post(reply, undefined, requestId))
  }

  /** Sends what answers the offer. */
  answer(reply: Addressed, requestId: number): void {
    this.reply = reply
    this.respond(this.#again ?? requestId)
  }

  /** Does it when everything before it has gone. */
  run<T>(work: () => Promise<T>): Promise<T> {
    return this.#sending.run(work)
  }

  /** As `run`. Its failure can be left alone: the session has ended then. */
  send(work: () => Promise<void>): void {
    this.run(work).catch(() => {})
  }

  /** Sends a frame on the way on which the remote speaks, else as soon as there is a socket. */
  async post(frame: Addressed, signal?: AbortSignal, requestId = 0): Promise<void> {
    const { detour, link } = this.#host
    if (requestId === 0 && (this.detoured || !link.rpc) && detour?.carry(frame)) return
    const rpc = await link.usable(signal, FOREVER, frame.bytes.length)
    rpc.send(frame, requestId)
  }
}
