/** @inline */
export type Direction = 'sendrecv' | 'sendonly' | 'recvonly' | 'inactive'

export interface Credentials {
  ufrag: string
  pwd: string
}

/** One m-line. */
export interface Section {
  mid: string
  kind: 'application' | 'audio' | 'video'
  direction: Direction
  /** What is sent: ids of streams, and of the track. */
  streams: string[]
  track: string | undefined
}

/** A description as it travels. @inline */
export interface Sdp {
  type: 'offer' | 'answer'
  sdp: string
}

export interface Description extends Credentials {
  /** Of the DTLS certificate, as the line has it. */
  fingerprint: string
  sections: Section[]
  /** Candidate lines, without `a=`. */
  candidates: string[]
}

export interface RenderOptions extends Credentials {
  session: string
  version: number
  fingerprint: string
  setup: 'actpass' | 'active'
  sections: readonly Section[]
}

/** Writes a session description of the shape that browsers make (RFC 8829). */
export function renderSdp(options: RenderOptions): string {
  const { session, version, sections } = options
  const head = [
    'v=0',
    `o=- ${session} ${version} IN IP4 127.0.0.1`,
    's=-',
    't=0 0',
    `a=group:BUNDLE ${sections.map(({ mid }) => mid).join(' ')}`,
    'a=msid-semantic: WMS'
  ]
  return `${[...head, ...sections.flatMap(section => renderSection(section, options))].join('\r\n')}\r\n`
}

function renderSection(section: Section, { ufrag, pwd, fingerprint, setup }: RenderOptions): string[] {
  const { kind, mid } = section
  return [
    kind === 'application' ? 'm=application 9 UDP/DTLS/SCTP webrtc-datachannel' : mediaLine(kind),
    'c=IN IP4 0.0.0.0',
    `a=ice-ufrag:${ufrag}`,
    `a=ice-pwd:${pwd}`,
    'a=ice-options:trickle',
    `a=fingerprint:sha-256 ${fingerprint}`,
    `a=setup:${setup}`,
    `a=mid:${mid}`,
    ...(kind === 'application' ? ['a=sctp-port:5000', 'a=max-message-size:262144'] : renderMedia(section))
  ]
}

function mediaLine(kind: 'audio' | 'video'): string {
  return `m=${kind} 9 UDP/TLS/RTP/SAVPF ${kind === 'audio' ? 111 : 96}`
}

function renderMedia({ kind, direction, streams, track }: Section): string[] {
  const sends = direction === 'sendrecv' || direction === 'sendonly'
  const ids = streams.length > 0 ? streams : ['-']
  return [
    `a=${direction}`,
    ...(sends && track ? ids.map(id => `a=msid:${id} ${track}`) : []),
    'a=rtcp-mux',
    kind === 'audio' ? 'a=rtpmap:111 opus/48000/2' : 'a=rtpmap:96 VP8/90000'
  ]
}

/** The description with candidates in its first section, as `localDescription` shows it once they are known. */
export function withCandidates(sdp: string, candidates: readonly string[], complete: boolean): string {
  if (candidates.length === 0 && !complete) return sdp
  const lines = candidates.map(line => `a=${line}\r\n`).join('')
  return sdp.replace(/(?=a=ice-ufrag:)/, `${lines}${complete ? 'a=end-of-candidates\r\n' : ''}`)
}

/** Reads a description. Throws OperationError when something is missing that a connection needs. */
export function parseSdp(sdp: string): Description {
  if (!/^v=0\r?\n/.test(sdp)) throw malformed('Expect line: v=')
  const [head = '', ...parts] = sdp.split(/^(?=m=)/m)
  if (parts.length === 0) throw malformed('Expect line: m=')
  const read = (name: string) => new RegExp(`^a=${name}:(.*?)\\r?$`, 'm').exec(parts[0] + head)?.[1]
  const [ufrag, pwd, fingerprint] = [read('ice-ufrag'), read('ice-pwd'), read('fingerprint')]
  if (!ufrag || !pwd) throw malformed('Called with SDP without ice-ufrag and ice-pwd.')
  const hash = /^sha-256 ((?:[0-9A-F]{2}:){31}[0-9A-F]{2})$/i.exec(fingerprint ?? '')?.[1]
  if (!hash) throw malformed('Called with SDP without DTLS fingerprint.')
  const candidates = [...sdp.matchAll(/^a=(candidate:.*?)\r?$/gm)].map(([, line]) => line as string)
  return { ufrag, pwd, fingerprint: hash.toUpperCase(), sections: parts.map(parseSection), candidates }
}

function parseSection(text: string, at: number): Section {
  const kind = /^m=(application|audio|video) /.exec(text)?.[1] as Section['kind'] | undefined
  if (!kind) throw malformed('Invalid m-line')
  const direction = /^a=(sendrecv|sendonly|recvonly|inactive)\r?$/m.exec(text)?.[1] as Direction | undefined
  const msids = [...text.matchAll(/^a=msid:(\S+) (\S+)\r?$/gm)]
  return {
    mid: /^a=mid:(\S+)/m.exec(text)?.[1] ?? String(at),
    kind,
    direction: direction ?? 'sendrecv',
    streams: msids.map(([, stream]) => stream as string).filter(stream => stream !== '-'),
    track: msids[0]?.[2]
  }
}

function malformed(message: string): DOMException {
  return new DOMException(message, 'OperationError')
}

/** Whether a candidate is for a line that the description has. */
export function hasLine({ sections }: Description, { sdpMid, sdpMLineIndex }: RTCIceCandidateInit): boolean {
  if (typeof sdpMid === 'string') return sections.some(({ mid }) => mid === sdpMid)
  return sections[sdpMLineIndex ?? 0] !== undefined
}
