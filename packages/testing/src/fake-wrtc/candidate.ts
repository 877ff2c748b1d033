/** The address of a candidate, and how it came by it. */
export interface CandidateFields {
  /** IP address. */
  address: string
  /** Of UDP. */
  port: number
  /** `udp`. */
  protocol: string
  /** `host` or `relay`. */
  type: string
}

/** `RTCIceCandidate`. Throws `TypeError` when both `sdpMid` and `sdpMLineIndex` are missing. */
export class FakeIceCandidate {
  /** The line, without `a=` (RFC 8839, section 5.1); empty at the end of candidates. */
  readonly candidate: string
  /** Which line of the description it is of, by its name. */
  readonly sdpMid: string | null
  /** Which line of the description it is of, by its place. */
  readonly sdpMLineIndex: number | null
  /** Of which ICE generation it is. */
  readonly usernameFragment: string | null
  /** Null where the line can't be read, as are the following. */
  readonly address: string | null
  /** Of UDP. */
  readonly port: number | null
  /** Lower case. */
  readonly protocol: string | null
  /** `host` or `relay`. */
  readonly type: string | null

  constructor(init: RTCIceCandidateInit = {}) {
    const { candidate = '', sdpMid = null, sdpMLineIndex = null } = init
    if (sdpMid === null && sdpMLineIndex === null) {
      throw new TypeError('sdpMid and sdpMLineIndex are both null')
    }
    this.candidate = candidate
    this.sdpMid = sdpMid
    this.sdpMLineIndex = sdpMLineIndex
    this.usernameFragment = init.usernameFragment ?? /ufrag (\S+)/.exec(candidate)?.[1] ?? null
    const fields = parseCandidate(candidate)
    this.address = fields?.address ?? null
    this.port = fields?.port ?? null
    this.protocol = fields?.protocol ?? null
    this.type = fields?.type ?? null
  }

  /** As it goes over the wire. */
  toJSON(): RTCIceCandidateInit {
    const { candidate, sdpMid, sdpMLineIndex, usernameFragment } = this
    return { candidate, sdpMid, sdpMLineIndex, usernameFragment }
  }
}

/** Reads a candidate line (RFC 8839 section 5.1), or gives undefined. */
export function parseCandidate(line: string): CandidateFields | undefined {
  const match = /^(?:a=)?candidate:\S+ \d+ (\S+) \d+ (\S+) (\d+) typ (\S+)/i.exec(line)
  if (!match) return undefined
  const [, protocol, address, port, type] = match as unknown as [string, string, string, string, string]
  return { address, port: Number(port), protocol: protocol.toLowerCase(), type }
}

/** Writes a candidate line, without `a=`. */
export function candidateLine({ address, port, protocol, type }: CandidateFields, ufrag: string): string {
  // What stands behind a relay is not shown, as with `privacy`.
  const related = type === 'host' ? '' : ' raddr 0.0.0.0 rport 0'
  const priority = (type === 'host' ? 2122260223 : 41885439) - (port % 256)
  return `candidate:${port % 997} 1 ${protocol} ${priority} ${address} ${port} typ ${type}${related} generation 0 ufrag ${ufrag} network-id 1`
}
