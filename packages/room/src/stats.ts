import type { NetworkMetrics, TrackStats, TracksStats } from './types.ts'

type Stat = { id: string; type: string; timestamp: number; [field: string]: unknown }
type Report = Pick<RTCStatsReport, 'forEach'>

/** What was counted when somebody asked last, by which is known what has been since. */
export type Memory = WeakMap<object, Counts>

interface Counts {
  bytes: number
  packets: number
  lost: number
  /** Unit: ms. */
  timestamp: number
}

/** What `getStats` says of one sender or receiver, in words and units for people. */
export function readTrack(report: Report, of: object = report, memory: Memory = new WeakMap()): TrackStats {
  const all = toList(report)
  const find = (...types: string[]) => all.find(({ type }) => types.includes(type)) ?? {}
  const stream = find('outbound-rtp', 'inbound-rtp') as Partial<Stat>
  // What the other side says of what it was sent.
  const remote = find('remote-inbound-rtp') as Partial<Stat>
  const source = find('media-source') as Partial<Stat>
  const pair = (all.find(({ type, nominated }) => type === 'candidate-pair' && nominated) ??
    {}) as Partial<Stat>
  const bytes = number(stream.bytesSent) + number(stream.bytesReceived)
  const packets = number(stream.packetsSent) + number(stream.packetsReceived)
  const counts = { bytes, packets, lost: number(stream.packetsLost), timestamp: number(stream.timestamp) }
  const before = memory.get(of)
  memory.set(of, counts)
  const frames = stream.framesDecoded ?? stream.framesEncoded
  const level = stream.audioLevel ?? source.audioLevel
  return {
    bitrate: rate(counts, before),
    bytes,
    packets,
    packetLoss: remote.fractionLost === undefined ? loss(counts, before) : number(remote.fractionLost),
    jitter: 1000 * number(remote.jitter ?? stream.jitter),
    roundTripTime: 1000 * number(remote.roundTripTime ?? pair.currentRoundTripTime),
    ...(stream.framesPerSecond !== undefined && { framesPerSecond: number(stream.framesPerSecond) }),
    ...(stream.frameWidth !== undefined && {
      width: number(stream.frameWidth),
      height: number(stream.frameHeight)
    }),
    ...(frames !== undefined && { frames: number(frames) }),
    ...(level !== undefined && { level: number(level) })
  }
}

/** Of several subscribers: what is sent to all of them together, and the worst way to one. */
export function sum(all: readonly TrackStats[]): TrackStats | undefined {
  const [first, ...more] = all
  return more.reduce<TrackStats | undefined>((sum, next) => sum && merge(sum, next), first)
}

function merge(one: TrackStats, other: TrackStats): TrackStats {
  const merged = { ...one }
  for (const name of ['bitrate', 'bytes', 'packets'] as const) merged[name] += other[name]
  for (const name of [
    'packetLoss',
    'jitter',
    'roundTripTime',
    'framesPerSecond',
    'width',
    'height',
    'frames',
    'level'
  ] as const) {
    const value = Math.max(one[name] ?? 0, other[name] ?? 0)
    if (one[name] !== undefined || other[name] !== undefined) merged[name] = value
  }
  return merged
}

/** How the way to somebody is. Without a report of a connection: none. */
export function readNetwork(
  report: Report | undefined,
  tracks: readonly TracksStats[]
): NetworkMetrics[string] {
  const all = report ? toList(report) : []
  const pair = all.find(
    ({ type, nominated, state }) => type === 'candidate-pair' && (nominated || state === 'succeeded')
  )
  const each = tracks.flatMap(track => Object.values(track))
  const worst = (field: 'jitter' | 'packetLoss' | 'roundTripTime') =>
    Math.max(0, ...each.map(track => track[field]))
  const roundTripTime = Math.max(1000 * number(pair?.currentRoundTripTime), worst('roundTripTime'))
  const [jitter, packetLoss] = [worst('jitter'), worst('packetLoss')]
  const connectionQuality = report ? quality(roundTripTime, jitter, packetLoss) : 0
  return { connectionQuality, roundTripTime, jitter, packetLoss }
}

/**
 * 5 to 1, by the bounds beyond which people notice, mind, and give up (ITU-T G.114 for delay). Units: ms, ms, share.
 */
export function quality(roundTripTime: number, jitter: number, packetLoss: number): 1 | 2 | 3 | 4 | 5 {
  const grade = (value: number, bounds: readonly number[]) => 5 - bounds.filter(bound => value > bound).length
  return Math.min(
    grade(roundTripTime, [150, 300, 500, 1000]),
    grade(jitter, [20, 40, 80, 150]),
    grade(packetLoss, [0.01, 0.03, 0.08, 0.2])
  ) as 1 | 2 | 3 | 4 | 5
}

function rate({ bytes, timestamp }: Counts, before: Counts | undefined): number {
  const seconds = before ? (timestamp - before.timestamp) / 1000 : 0
  return seconds > 0 ? Math.max(0, Math.round(((bytes - (before?.bytes ?? 0)) * 8) / seconds)) : 0
}

/** Packets that come late after all are counted back (RFC 3550, section 6.4.1). */
function loss({ packets, lost }: Counts, before = { packets: 0, lost: 0 }): number {
  const missing = Math.max(0, lost - before.lost)
  return missing / Math.max(1, packets - before.packets + missing)
}

function toList(report: Report): Stat[] {
  const all: Stat[] = []
  report.forEach(stat => {
    all.push(stat)
  })
  return all
}

function number(value: unknown): number {
  return typeof value === 'number' && Number.isFinite(value) ? value : 0
}
