import { randomText, seededRandom } from '../random.ts'
import type { FakeTransport } from './transport.ts'

/** Whether two addresses reach each other. Asked when both sides know candidates of each other, and by `update()`. */
export type Reachable = (a: string, b: string) => boolean

/** Who reaches whom, and what is random. */
export interface FakeNetworkOptions {
  /** Of every id, key and port, so that a run can be repeated. Default: 1. */
  seed?: number
  /** Default: everybody reaches everybody. */
  reachable?: Reachable
}

/** What all fakes share that are to find each other: who is behind which ICE user name. */
export class FakeNetwork {
  /** Change it at any time; `update()` lets live connections feel it. */
  reachable: Reachable
  /** Numbers from 0 to below 1, by the seed. */
  readonly random: () => number
  readonly #transports = new Map<string, FakeTransport>()
  #addresses = 0
  #ports = 0

  constructor({ seed = 1, reachable = () => true }: FakeNetworkOptions = {}) {
    this.random = seededRandom(seed)
    this.reachable = reachable
  }

  /** Asks `reachable` again for every connection: `disconnected` where it says no, `connected` where it says yes. */
  update(): void {
    for (const transport of new Set(this.#transports.values())) transport.update()
  }

  /** An address that nobody has yet: 10.0.0.1, 10.0.0.2, and so on. */
  nextAddress(): string {
    const host = ++this.#addresses
    return `10.${(host >>> 16) & 255}.${(host >>> 8) & 255}.${host & 255}`
  }

  /** 10000 to 59999, round and round. @internal */
  nextPort(): number {
    return 10_000 + (this.#ports++ % 50_000)
  }

  /** Random letters and digits. @internal */
  text(size: number, alphabet = ALPHABET): string {
    return randomText(this.random, size, alphabet)
  }

  /** A fingerprint of 32 bytes. @internal */
  fingerprint(): string {
    return Array.from({ length: 32 }, () => this.text(2, '0123456789ABCDEF')).join(':')
  }

  /** Who has this ICE user name (RFC 8839, section 5.4). @internal */
  find(ufrag: string): FakeTransport | undefined {
    return this.#transports.get(ufrag)
  }

  /** Gives somebody an ICE user name; an earlier one stays as well, as in an ICE restart. @internal */
  register(ufrag: string, transport: FakeTransport): void {
    this.#transports.set(ufrag, transport)
  }

  /** Takes all its user names away. @internal */
  forget(transport: FakeTransport): void {
    for (const [ufrag, known] of this.#transports) if (known === transport) this.#transports.delete(ufrag)
  }
}

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
