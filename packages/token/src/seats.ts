import type { Connection } from 'socket-signal'
import type { Grant } from './grant.ts'

/** Who sits on the places that tokens with `maxPeers` have. */
export class Seats {
  readonly #taken = new Map<string, Map<Connection, string>>()
  readonly #keys = new WeakMap<Connection, string>()
  #swept = 16

  get size(): number {
    return this.#taken.size
  }

  /** Whether there is a place for this peer. A socket of its own that is about to be replaced takes none from it. */
  fits(grant: Grant, id: string): boolean {
    if (grant.maxPeers === undefined) return true
    const others = [...this.#of(keyOf(grant)).values()].filter(other => other !== id)
    return new Set(others).size < grant.maxPeers
  }

  /** Takes it, in place of the one that this connection had, if there is one. */
  take(grant: Grant, connection: Connection, id: string): boolean {
    this.#sweep()
    if (!this.fits(grant, id)) return false
    this.#taken.get(this.#keys.get(connection) ?? '')?.delete(connection)
    if (grant.maxPeers === undefined) return true
    const key = keyOf(grant)
    this.#keys.set(connection, key)
    this.#taken.set(key, this.#of(key).set(connection, id))
    return true
  }

  /** Those who still sit there. */
  #of(key: string): Map<Connection, string> {
    const taken = this.#taken.get(key) ?? new Map<Connection, string>()
    for (const connection of taken.keys()) if (connection.closed) taken.delete(connection)
    return taken
  }

  /** Now and then, so that who never comes back is forgotten: whenever there are twice as many as the last time. */
  #sweep(): void {
    if (this.#taken.size < this.#swept) return
    for (const key of this.#taken.keys()) if (this.#of(key).size === 0) this.#taken.delete(key)
    this.#swept = Math.max(16, 2 * this.#taken.size)
  }
}

function keyOf({ sub, jti }: Grant): string {
  return sub === undefined ? `jti ${jti}` : `sub ${sub}`
}
