import { copy, isZero, NO_SIGNATURE, ZERO_ID } from './bytes.ts'
import { encodeFrame, type Hello, helloUnsigned, type Welcome } from './frame.ts'
import { type Crypto, helloBytes, type Identity } from './identity.ts'
import type { Live } from './live.ts'
import { USUAL, VERSION } from './protocol.ts'

/** Who says hello, and to whom. */
export interface Greeting {
  id: Uint8Array
  identity: Identity | undefined
  token: string
}

/** Says hello on each socket of a client, and knows with what to go on where the one before broke. */
export class Greeter {
  /** The key to go on with, and what was counted on the socket that it belongs to. */
  #before: { key: Uint8Array; live: Live } | undefined
  /**
   * The latest request id: counts on over all sockets, from a random one. What an earlier socket asked, or an earlier
   * start of this client, may be answered late, and must not meet another request.
   */
  #lastId: number

  constructor(crypto: Crypto) {
    this.#lastId = crypto.randomBytes(4).reduce((id, byte) => id * 256 + byte, 0)
  }

  /** Makes a signed hello. */
  async hello(live: Live, nonce: Uint8Array, { id, identity, token }: Greeting): Promise<Uint8Array> {
    const before = this.#before
    live.resuming = before !== undefined
    live.lastId = this.#lastId
    const hello: Hello = {
      kind: 'hello',
      requestId: live.takeId(),
      version: VERSION,
      id,
      proven: identity !== undefined,
      resume: before !== undefined,
      resumeKey: before?.key ?? ZERO_ID,
      received: before?.live.received ?? 0,
      audience: live.audience,
      token,
      signature: NO_SIGNATURE
    }
    const unsigned = helloUnsigned(hello)
    if (identity) hello.signature = await identity.sign(helloBytes(nonce, live.audience, unsigned))
    return encodeFrame(hello)
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
