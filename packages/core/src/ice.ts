import { assertFits } from './assert.ts'
import { FOREVER } from './clock.ts'
import { isObject } from './codec.ts'

/** ICE servers whose credentials end. */
export interface IceServers {
  /** As `RTCConfiguration` has them. `[]`: none. */
  iceServers: RTCIceServer[]
  /** Unix time. Default: never. Unit: ms. */
  expiresAt?: number
}

/** @inline */
type Given = RTCIceServer[] | IceServers

/** Gives ICE servers, anew whenever those that it gave end. */
export type IceServersProvider = () => Given | Promise<Given>

/** Throws a `TypeError` unless the option is a list of objects or a provider. */
export function assertIceServers(option: unknown): void {
  const fits = Array.isArray(option) ? option.every(isObject) : typeof option === 'function'
  assertFits(fits, 'iceServers', 'a list of objects or a function', option)
}

/** What a provider gave, completed. Throws a `TypeError`. */
export function toIceServers(given: IceServers | RTCIceServer[]): Required<IceServers> {
  const { iceServers, expiresAt = FOREVER } = Array.isArray(given) ? { iceServers: given } : given
  if (Array.isArray(iceServers) && expiresAt > 0) return { iceServers, expiresAt }
  throw new TypeError('want a list, or { iceServers, expiresAt }')
}
