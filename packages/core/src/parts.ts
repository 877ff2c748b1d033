// What a client has not got from the start: each of these loads a module and calls its function of the same name.
import type { Privacy } from './candidates.ts'
import type { SocketSignalClient } from './client.ts'
import type { Host } from './host.ts'
import type { IceServersProvider } from './ice.ts'
import type { PeerHandle } from './peer.ts'
import type { HistoryQuery } from './recall.ts'

/** When it opens, or asks for a topic. */
export const createPeers = async (host: Host, iceServers: RTCIceServer[] | IceServersProvider | undefined) =>
  (await import('./peers.ts')).createPeers(host, iceServers)

// What few ask for: `lean-parts` leaves it out.
export const createVeil = async (privacy: Exclude<Privacy, 'all'>) =>
  (await import('./candidates.ts')).createVeil(privacy)
export const explain = async (handle: PeerHandle) => (await import('./explain.ts')).explain(handle)
export const diagnose = async (client: SocketSignalClient, host: Host) =>
  (await import('./diagnose.ts')).diagnose(client, host)
export const recall = async (host: Host, topic: Uint8Array, query: HistoryQuery) =>
  (await import('./recall.ts')).recall(host, topic, query)
export { assertShapes } from './shapes.ts'
