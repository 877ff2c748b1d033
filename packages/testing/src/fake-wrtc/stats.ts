import type { CandidateFields } from './candidate.ts'
import type { FakeTransport } from './transport.ts'

interface Stat {
  id: string
  type: string
  [field: string]: unknown
}

/** What `getStats` gives: the transport, its candidates, and the pair that carries it. */
export function statsOf(transport: FakeTransport): Map<string, Stat> {
  const { candidates, remoteCandidates, connected, dtls: dtlsState } = transport
  const stats: Stat[] = [
    ...candidates.map((fields, at) => candidateStat('local-candidate', `L${at}`, fields)),
    ...remoteCandidates.map((fields, at) => candidateStat('remote-candidate', `R${at}`, fields)),
    { id: 'T', type: 'transport', dtlsState, ...(connected && { selectedCandidatePairId: 'P' }) }
  ]
  if (connected) stats.push(PAIR)
  return new Map(stats.map(stat => [stat.id, { timestamp: 0, ...stat }]))
}

const PAIR: Stat = {
  id: 'P',
  type: 'candidate-pair',
  state: 'succeeded',
  nominated: true,
  localCandidateId: 'L0',
  remoteCandidateId: 'R0'
}

function candidateStat(type: string, id: string, fields: CandidateFields): Stat {
  const { address, port, protocol, type: candidateType } = fields
  return { id, type, address, ip: address, port, protocol, candidateType }
}
