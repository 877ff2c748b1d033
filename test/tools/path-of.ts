import type { Peer } from 'socket-signal'

/**
 * The types of the candidates by which both ends are connected, each told by its own end: to the other it is `prflx`
 * when its check comes sooner than its candidate (RFC 8445, section 7.3.1.3).
 */
export function pathOf(peer: Peer, remote: Peer): Promise<(string | undefined)[]> {
  return Promise.all([peer, remote].map(own))
}

async function own({ stream }: Peer): Promise<string | undefined> {
  const { _pc } = stream as unknown as { _pc: RTCPeerConnection }
  const stats = [...(await _pc.getStats()).values()]
  const pair = stats.find(
    ({ type, state, nominated }) => type === 'candidate-pair' && state === 'succeeded' && nominated
  )
  return stats.find(({ id }) => id === pair?.localCandidateId)?.candidateType
}
