import { assertFits } from './assert.ts'
import type { Clock } from './clock.ts'
import { encodeBody } from './codec.ts'
import type { Connection } from './connection.ts'
import { assertIceServers, type IceServers, toIceServers } from './ice.ts'
import { CEILING } from './protocol.ts'
import { wait } from './wait.ts'

/** Gives the ICE servers of one connection, anew whenever those that it gave end. */
export type IceServersOf = (
  rpc: Connection
) => RTCIceServer[] | IceServers | Promise<RTCIceServer[] | IceServers>

export interface IceHandoutOptions {
  clock: Clock
  /** How long the function may take: a client waits for its welcome meanwhile. Unit: ms. */
  timeout: number
  /** Largest frame of this server. Unit: bytes. */
  maxPayload: number
  /** The function threw, hung, or gave what is no list. */
  onerror(error: unknown, rpc: Connection): void
}

/** After a failure it is asked again. Unit: ms. */
const AGAIN = 10_000

/** What welcome says besides, and room to spare. Unit: bytes. */
const HEAD = 256

/** A server's ICE servers for its clients: in welcome, and again before their credentials end. */
export class IceHandout {
  readonly #given: RTCIceServer[] | IceServersOf | undefined
  readonly #options: IceHandoutOptions
  /** When the next ones are due. */
  readonly #due = new WeakMap<Connection, number>()

  constructor(given: RTCIceServer[] | IceServersOf | undefined, options: IceHandoutOptions) {
    this.#given = given
    this.#options = options
    if (given !== undefined && typeof given !== 'function') this.#encode(given)
  }

  /** What welcome says. A function that fails keeps nobody out: who needs no relay connects all the same. */
  async body(rpc: Connection): Promise<Uint8Array> {
    return (await this.#ask(rpc)) ?? encodeBody({}).body
  }

  /** Hands out new ones, if they are due. */
  async renew(rpc: Connection, now: number): Promise<void> {
    if (now < (this.#due.get(rpc) ?? Number.POSITIVE_INFINITY)) return
    const body = await this.#ask(rpc)
    if (body) rpc.send({ kind: 'update', body })
  }

  async #ask(rpc: Connection): Promise<Uint8Array | undefined> {
    if (typeof this.#given !== 'function') return this.#given && this.#encode(this.#given)
    const { clock, timeout, onerror } = this.#options
    this.#due.set(rpc, Number.POSITIVE_INFINITY)
    let life = AGAIN
    try {
      const asked = Promise.resolve(rpc).then(this.#given)
      const late = 'iceServers gave nothing'
      const { iceServers, expiresAt } = toIceServers(await wait(asked, { clock, timeout, late }))
      const body = this.#encode(iceServers)
      life = Math.max((expiresAt - Date.now()) * 0.75, 0)
      return body
    } catch (error) {
      onerror(error, rpc)
    } finally {
      this.#due.set(rpc, clock.now() + life)
    }
  }

  #encode(iceServers: RTCIceServer[]): Uint8Array {
    assertIceServers(iceServers)
    const { body } = encodeBody({ iceServers })
    const most = Math.min(CEILING.ice, this.#options.maxPayload - HEAD)
    assertFits(body.length <= most, 'iceServers', `at most ${most} bytes of JSON`, body)
    return body
  }
}
