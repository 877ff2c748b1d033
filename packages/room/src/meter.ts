import type { Mesh } from './mesh.ts'
import { type Memory, readNetwork, readTrack, sum } from './stats.ts'
import type { Kind, NetworkMetrics, TrackStats, TracksStats, WebRTCStats } from './types.ts'

/** Reads what connections say of themselves. */
export class Meter {
  readonly #mesh: Mesh
  readonly #localId: () => string
  readonly #memory: Memory = new WeakMap()
  /** Of its own: whoever asks for streams must not find that they were just asked for. */
  readonly #networkMemory: Memory = new WeakMap()

  constructor(mesh: Mesh, localId: () => string) {
    this.#mesh = mesh
    this.#localId = localId
  }

  async stream(participantId: string, key: string): Promise<WebRTCStats> {
    if (participantId !== this.#localId()) {
      return { senders: {}, receivers: await this.#tracks(participantId, key, 'receiver'), subscribers: {} }
    }
    const subscribers: { [participantId: string]: TracksStats } = {}
    for (const [id] of this.#mesh.open()) {
      const tracks = await this.#tracks(id, key, 'sender')
      if (Object.keys(tracks).length > 0) subscribers[id] = tracks
    }
    const senders: TracksStats = {}
    for (const kind of ['audio', 'video'] as const) {
      const total = sum(Object.values(subscribers).flatMap(tracks => tracks[kind] ?? []))
      if (total) senders[kind] = total
    }
    return { senders, receivers: {}, subscribers }
  }

  /** Of somebody; of ourselves, the worst of all connections. */
  async network(participantId: string): Promise<NetworkMetrics[string]> {
    if (participantId !== this.#localId()) return this.#connection(participantId)
    const all = await Promise.all([...this.#mesh.open()].map(([id]) => this.#connection(id)))
    const [worst] = all.sort((a, b) => a.connectionQuality - b.connectionQuality)
    return worst ?? { connectionQuality: 5, roundTripTime: 0, jitter: 0, packetLoss: 0 }
  }

  /** How loud streams are, by participant and key; of ours, as long as somebody listens. */
  async levels(): Promise<Map<string, number>> {
    const levels = new Map<string, number>()
    for (const [participantId, pair] of this.#mesh.open()) {
      for (const { key, kind, sender, receiver } of pair.carriers()) {
        if (kind !== 'audio') continue
        const id = `${receiver ? participantId : this.#localId()}/${key}`
        if (levels.has(id)) continue
        levels.set(id, receiver ? heard(receiver) : await this.#said(sender as RTCRtpSender))
      }
    }
    return levels
  }

  async #said(sender: RTCRtpSender): Promise<number> {
    if (!sender.getStats) return 0
    return readTrack(await sender.getStats()).level ?? 0
  }

  async #tracks(participantId: string, key: string, side: 'sender' | 'receiver'): Promise<TracksStats> {
    const tracks: { [K in Kind]?: TrackStats } = {}
    for (const carrier of this.#mesh.pair(participantId)?.carriers() ?? []) {
      const of = carrier[side]
      if (carrier.key === key && of?.getStats)
        tracks[carrier.kind] = readTrack(await of.getStats(), of, this.#memory)
    }
    return tracks
  }

  async #connection(participantId: string): Promise<NetworkMetrics[string]> {
    const pair = this.#mesh.pair(participantId)
    const tracks: TracksStats[] = []
    for (const { kind, sender, receiver } of pair?.carriers() ?? []) {
      const of = sender ?? receiver
      if (of?.getStats) tracks.push({ [kind]: readTrack(await of.getStats(), of, this.#networkMemory) })
    }
    return readNetwork(await pair?.pc?.getStats(), tracks)
  }
}

/** At once and without a report, where the browser can say so. */
function heard(receiver: RTCRtpReceiver): number {
  return receiver.getSynchronizationSources?.()[0]?.audioLevel ?? 0
}
