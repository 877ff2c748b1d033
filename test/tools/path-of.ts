import type { Peer } from 'socket-signal'

/** The types of the two candidates by which a peer is connected. */
export async function pathOf({ stream }: Peer): Promise<(string | undefined)[]> {
  const { _pc } = stream as unknown as { _pc: RTCPeerConnection }
  const stats = [...(await _pc.getStats()).values()]
  const pair = stats.find(
    ({ type, state, nominated }) => type === 'candidate-pair' && state === 'succeeded' && nominated
  )
  return [pair?.localCandidateId, pair?.remoteCandidateId].map(
    id => stats.find(one => one.id === id)?.candidateType
  )
}
