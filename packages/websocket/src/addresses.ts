import { isIPv6 } from 'node:net'
import type { Duplex } from 'node:stream'

/** Longer words of a proxy are no address. */
const MAX_TEXT = 64

/** How many sockets each address has, where their number is limited. */
export class Addresses {
  readonly #most: number
  readonly #taken = new Map<string, number>()

  /** `most`: of one address. Throws a `TypeError` for what is no such number. */
  constructor(most: number) {
    if (typeof most !== 'number' || !(most >= 1))
      throw new TypeError(`maxPerAddress must be a number of at least 1, got ${String(most)}`)
    this.#most = most
  }

  /** Takes a place for as long as the socket lives. Gives false where none is left. */
  take(address: string, socket: Duplex): boolean {
    if (this.#most === Number.POSITIVE_INFINITY) return true
    const key = networkOf(address)
    const taken = this.#taken.get(key) ?? 0
    if (taken >= this.#most) return false
    this.#taken.set(key, taken + 1)
    socket.once('close', () => this.#free(key))
    return true
  }

  #free(key: string): void {
    const left = (this.#taken.get(key) ?? 0) - 1
    if (left > 0) this.#taken.set(key, left)
    else this.#taken.delete(key)
  }
}

/** Who has one IPv6 address has its whole /64, and an IPv4 address may be written as one of IPv6 (RFC 4291). */
function networkOf(address: string): string {
  if (!isIPv6(address)) return address.slice(0, MAX_TEXT)
  const { hostname } = new URL(`http://[${address.replace(/%.*$/, '')}]`)
  const [head = '', tail] = hostname.slice(1, -1).split('::')
  const [before, after] = [head, tail ?? ''].map(part => part.split(':').filter(Boolean)) as [
    string[],
    string[]
  ]
  const gap = tail === undefined ? [] : Array(8 - before.length - after.length).fill('0')
  const groups = [...before, ...gap, ...after]
  const isIpv4 = groups.slice(0, 6).join() === '0,0,0,0,0,ffff'
  return isIpv4 ? ipv4Of(groups.slice(6)) : `${groups.slice(0, 4).join(':')}::/64`
}

function ipv4Of(groups: string[]): string {
  return groups
    .flatMap(group => [Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 255])
    .join('.')
}
