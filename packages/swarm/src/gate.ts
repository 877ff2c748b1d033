import { type OfferData, type OfferResult, SignalError, toHex, toKey } from 'socket-signal'
import { fromKey, isObject } from 'socket-signal/wire'
import type { Dialer } from './dialer.ts'
import { type Host, NAME, says } from './host.ts'
import type { Neighbours } from './neighbours.ts'

export interface GateHost extends Host {
  readonly neighbours: Neighbours
  readonly dialer: Dialer
}

/** Who is let in: those that a policy has a place for. What is not said to a swarm passes. */
export class Gate {
  readonly #host: GateHost

  constructor(host: GateHost) {
    this.#host = host
  }

  /** Throws FORBIDDEN, GLARE_LOST, LIMIT_SESSIONS. */
  onOffer({ id: bytes, topic: at, metadata }: OfferData): OfferResult | undefined {
    const [id, topic] = [toKey(bytes), toKey(at)]
    const plea = metadata[NAME]
    if (!this.#host.mesh(topic) || !isObject(plea)) return undefined
    this.#assertFree(id)
    this.#host.dialer.yield(id, topic)
    this.#admit(topic, id, { needy: plea.needy === true, bridge: plea.bridge === true })
    return { metadata: says(this.#host) }
  }

  /** Somebody asks to be dialed if this is another part of the mesh than its own. Throws as well REJECTED. */
  onWish({ id: bytes, topic: at, metadata }: OfferData): OfferResult | undefined {
    const [id, topic] = [toKey(bytes), toKey(at)]
    const wish = metadata[NAME]
    const mesh = this.#host.mesh(topic)
    if (!mesh || !isObject(wish)) return undefined
    this.#assertFree(id)
    if (wish.root === toHex(fromKey(mesh.root.id)) || this.#host.neighbours.get(id))
      throw new SignalError('REJECTED', 'of the same mesh', { retryable: true })
    this.#admit(topic, id, { bridge: true })
    return { metadata: says(this.#host, { bridge: true }) }
  }

  #assertFree(id: string): void {
    if (this.#host.bans.has(id)) throw new SignalError('FORBIDDEN', 'banned')
  }

  #admit(topic: string, id: string, plea: { needy?: boolean; bridge?: boolean }): void {
    if (!this.#host.mesh(topic)?.admit(id, plea))
      throw new SignalError('LIMIT_SESSIONS', 'no place in this swarm', { retryable: true })
  }
}
