/** ICE servers whose credentials end. */
export interface IceServers {
  iceServers: RTCIceServer[]
  /** Unix time. Default: never. Unit: ms. */
  expiresAt?: number
}

type Given = RTCIceServer[] | IceServers

/** Gives ICE servers, anew whenever those that it gave end. */
export type IceServersProvider = () => Given | Promise<Given>

/** A list that names thousands would make each client ask all of them. Unit: bytes, as JSON. */
export const MAX_ICE = 4096

/** What a provider gave, completed. Throws a `TypeError`. */
export function toIceServers(given: IceServers | RTCIceServer[]): Required<IceServers> {
  const { iceServers, expiresAt = Number.POSITIVE_INFINITY } = Array.isArray(given)
    ? { iceServers: given }
    : given
  if (Array.isArray(iceServers) && expiresAt > 0) return { iceServers, expiresAt }
  throw new TypeError('want a list, or { iceServers, expiresAt }')
}
