import { copy, isZero, NO_SIGNATURE, SIGNATURE_SIZE, ZERO_ID } from './bytes.ts'
import { encodeFrame, type Welcome } from './frame.ts'
import type { Host } from './host.ts'
import { helloBytes } from './identity.ts'
import type { Live } from './live.ts'
import { USUAL, VERSION } from './protocol.ts'

/** Says hello on each socket of a client, and knows with what to go on where the one before broke. */
export class Greeter {
  /** The key to go on with, and what was counted on the socket that it belongs to. */
  #before: { key: Uint8Array; live: Live } | undefined
  /**
   * The latest request id: counts on over all sockets, from a random one. What an earlier socket asked, or an earlier
   * start of this client, may be answered late, and must not meet another request.
   */
  #lastId: number
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
    this.#lastId = host.crypto.randomBytes(4).reduce((id, byte) => id * 256 + byte, 0)
  }

  /** Makes a signed hello. */
  async hello(live: Live, nonce: Uint8Array, token: string): Promise<Uint8Array> {
    const { id, identity } = this.#host
    const before = this.#before
    live.resuming = before !== undefined
    live.lastId = this.#lastId
    const hello = encodeFrame({
      kind: 'hello',
      requestId: live.takeId(),
      version: VERSION,
      id: id as Uint8Array,
      proven: identity !== undefined,
      resume: before !== undefined,
      resumeKey: before?.key ?? ZERO_ID,
      received: before?.live.received ?? 0,
      audience: live.audience,
      token,
      signature: NO_SIGNATURE
    })
    const end = hello.length - SIGNATURE_SIZE
    const unsigned = helloBytes(nonce, live.audience, hello.subarray(0, end))
    if (identity) hello.set(await identity.sign(unsigned), end)
    return hello
  }

  /** Reads the server's welcome: whether it goes on where it was, and how many frames were lost, either way. */
  welcomed(
    live: Live,
    { maxPayload, resumed, received, lost, resumeKey }: Welcome
  ): { resumed: boolean; lost: number } {
    live.sendLimit = Math.max(maxPayload, USUAL.least)
    const sent = live.resuming ? (this.#before?.live.sent ?? 0) : 0
    this.#before = isZero(resumeKey) ? undefined : { key: copy(resumeKey), live }
    return { resumed, lost: resumed ? lost + Math.max(sent - received, 0) : 0 }
  }

  ended({ lastId }: Live): void {
    this.#lastId = lastId
  }
}
