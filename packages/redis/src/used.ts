import { assertPrefix } from './names.ts'
import { ONCE } from './scripts.ts'
import { type RedisClient, runnerOf } from './store.ts'
import { unavailable, within } from './trouble.ts'

/** Where it is kept which tickets were used. */
export interface RedisUsedTokensOptions {
  /** It stays yours, and may be the one of a `RedisBackplane`. */
  client: RedisClient
  /** Default: `socket-signal:`. */
  prefix?: string
  /** How long Redis may take. Default: 1,000. Unit: ms. */
  timeout?: number
}

/** Which tickets were used, on all nodes: `createGate(tokens, { used: new RedisUsedTokens({ client }) })`. */
export class RedisUsedTokens {
  readonly #run: ReturnType<typeof runnerOf>
  readonly #prefix: string
  readonly #timeout: number

  constructor({ client, prefix = 'socket-signal:', timeout = 1000 }: RedisUsedTokensOptions) {
    assertPrefix(prefix)
    this.#run = runnerOf(client)
    this.#prefix = prefix
    this.#timeout = timeout
  }

  /** Rejects with BACKPLANE_UNAVAILABLE when Redis can't say: nobody gets in on a ticket that may have been used. */
  async use(jti: string, takenUntil: number): Promise<boolean> {
    const key = `${this.#prefix}ticket:${Buffer.from(jti).toString('base64url')}`
    const until = String(Math.max(Math.ceil(takenUntil), Date.now() + 1000))
    try {
      return (await within(this.#run(ONCE, [key], [until]), this.#timeout)) !== null
    } catch (error) {
      throw unavailable('it is not known whether this ticket was used', error)
    }
  }
}
