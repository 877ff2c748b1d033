import { type Advice, advise, type Candidates, count, isRelayOnly } from './advice.ts'
import { toKey } from './bytes.ts'
import type { IceServerError, Pair } from './path.ts'
import type { PeerHandle } from './peer.ts'
import type { StageName } from './trace.ts'

/** One stage of a connection. */
export interface Stage {
  /** Which stage it is of. */
  name: StageName
  /** When it began, after `connect()`; below 0: before. Unit: ms. */
  at: number
  /** Absent: it has not ended, or failed there. Unit: ms. */
  took?: number
}

/** What was found out about STUN or TURN servers. */
export interface IceServersSeen {
  /** Which there are. */
  urls: string[]
  /** Whether one of them gave a candidate. */
  answered: boolean
  /** What they, or the way to them, said no with; 701: nothing came back. */
  errors: IceServerError[]
}

/** How a connection stands, or why it failed. */
export interface Explanation extends Advice {
  /** In the order in which they began; token, socket and join may have been before. */
  stages: Stage[]
  /** How many candidates of each kind either side had. */
  candidates: { local: Candidates; remote: Candidates }
  /** What it runs over, or ran over last. */
  pair: Pair | undefined
  /** STUN servers: what they say of this side's address. */
  stun: IceServersSeen
  /** TURN servers: whether one would relay. */
  turn: IceServersSeen
}

/** Explains a connection by what was seen of it. */
export async function explain(handle: PeerHandle): Promise<Explanation> {
  const { peer, path, trace } = handle
  if (peer.connected) await path?.look()
  const { local: own = [], remote = [], pair } = path ?? {}
  const candidates = { local: count(own), remote: count(remote) }
  const { local } = candidates
  const facts = {
    stages: stagesOf(handle),
    candidates,
    pair: pair && { ...pair },
    stun: seen('stun', (local.srflx ?? 0) > 0),
    turn: seen('turn', (local.relay ?? 0) > 0)
  }
  const ended = (name: StageName) => trace.marks.get(name)?.ended !== undefined
  const more = { relayOnly: isRelayOnly(path), gathered: ended('gathering'), opened: ended('open') }
  return { ...advise(peer, { ...facts, ...more }), ...structuredClone(facts) }

  function seen(scheme: 'stun' | 'turn', answered: boolean): IceServersSeen {
    const is = (url: string) => url.startsWith(scheme)
    const { urls = [], errors = [] } = path ?? {}
    return { urls: urls.filter(is), answered, errors: errors.filter(({ url }) => is(url)) }
  }
}

function stagesOf({ peer, trace, host }: PeerHandle): Stage[] {
  const join = `join ${toKey(peer.topic)}`
  const shared = [...host.trace.marks].filter(([name]) => !name.startsWith('join ') || name === join)
  return [...shared, ...trace.marks]
    .sort(([, a], [, b]) => a.began - b.began)
    .map(([name, { began, ended }]) => ({
      name: (name === join ? 'join' : name) as StageName,
      at: began - trace.began,
      ...(ended !== undefined && { took: ended - began })
    }))
}
