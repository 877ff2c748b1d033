/** One peer that is connected, as a policy sees it. Ids are keys of Maps: `toKey(id)`. */
export interface LinkView {
  /** `toKey` of its 32 bytes. */
  readonly id: string
  /** How many it says that it is connected with in this topic. It may lie. */
  readonly degree: number
  /** With whom it says it is, some of them where there are many. It may lie. */
  readonly near: ReadonlySet<string>
  /** It asks to be let in: named in `hangUp` it is refused. */
  readonly comer?: boolean
  /** It has fewer than it wants, or it is of another part of a mesh that has split. */
  readonly needy?: boolean
}

/** All that a policy is given. */
export interface View {
  /** `toKey` of this peer's own id: who is smaller decides where two must not both act. */
  readonly self: string
  /** Connections of this topic, with the one that asks to be let in. */
  readonly links: readonly LinkView[]
  /** Who is being dialed. */
  readonly dialing: readonly string[]
  /** Who may be dialed now, the best first: neither connected nor banned nor waiting for another try. */
  readonly known: readonly string[]
  /** Numbers from 0 to below 1, the only thing that is random. */
  random(): number
}

/** What a policy gives. `hangUp`: links that end, dials that are given up, comers that are refused. */
export interface Moves {
  /** Ids out of `known`. Those over `parallel` or `maxPeers` are left for later. */
  readonly dial: readonly string[]
  /** Ids out of `links` and `dialing`. */
  readonly hangUp: readonly string[]
}

/** A pure function: it changes nothing and remembers nothing. */
export type Policy = (view: View) => Moves

/** A shape of a mesh. */
export interface Topology {
  /** Asked at each change of what it sees. */
  readonly policy: Policy
  /** Whether it has to know everybody in the topic; else it samples, and watches single peers. */
  readonly everybody: boolean
  /** From how many links on a peer needs no more. */
  readonly enough: number
}

/** Everybody with everybody, up to `maxPeers`. */
export function full(): Topology {
  return {
    everybody: true,
    enough: Number.POSITIVE_INFINITY,
    policy: ({ known }) => ({ dial: known, hangUp: [] })
  }
}

/**
 * Each with `k` others, or one more, drawn at random: a graph that stays connected while peers come and go, with paths
 * of about log n. `k`: a whole number from 2 to 64; from 3 on splits are rare (N. Wormald, Models of random regular
 * graphs, 1999), and those that come are looked for and healed.
 */
export function degree(k: number): Topology {
  if (!Number.isInteger(k) || k < 2 || k > 64)
    throw new TypeError(`k must be a whole number from 2 to 64, got ${k}`)
  return { everybody: false, enough: k, policy: view => regular(view, k) }
}

/** A policy of your own. `enough`: from how many links on a peer counts as not needy. Default: everybody is known. */
export function custom(
  policy: Policy,
  { everybody = true, enough = Number.POSITIVE_INFINITY }: Partial<Omit<Topology, 'policy'>> = {}
): Topology {
  if (typeof policy !== 'function') throw new TypeError('policy must be a function')
  return { policy, everybody, enough }
}

/** What a topology's policy gives; nothing is done where it throws, or gives something else, which is told. */
export function movesOf({ policy }: Topology, view: View, onerror: (error: unknown) => void): Moves {
  try {
    const { dial, hangUp } = policy(view)
    if (Array.isArray(dial) && Array.isArray(hangUp)) return { dial, hangUp }
    throw new TypeError('a policy gives { dial, hangUp }')
  } catch (error) {
    onerror(error)
    return { dial: [], hangUp: [] }
  }
}

function regular({ self, links, dialing, known, random }: View, k: number): Moves {
  const { length } = links
  if (length > k + 1) return { dial: [], hangUp: [spare(links, k, random)] }
  const surplus = length > k ? links.find(link => isSurplus(link, self, links, k)) : undefined
  const hangUp = [...(surplus ? [surplus.id] : []), ...(length >= k ? dialing : [])]
  // Among equals their order is random, and another one for each peer.
  return { dial: known.slice(0, Math.max(0, k - length - dialing.length)), hangUp }
}

/** Who goes where there is one too many: the comer, unless it needs the place more than somebody who can spare it. */
function spare(links: readonly LinkView[], k: number, random: () => number): string {
  const comer = links.find(({ comer }) => comer)
  const others = links.filter(link => link !== comer)
  const rich = others.filter(({ degree }) => degree > k)
  const sheltered = rich.filter(link => hasDetour(link, others))
  const pool = comer && !comer.needy ? [comer] : sheltered.length > 0 ? sheltered : rich
  const last = comer ? [comer] : others
  const left = pool.length > 0 ? pool : last
  return (left[Math.floor(random() * left.length)] as LinkView).id
}

/** One link too many for both sides, that no path depends on. Only one of the two ends it: the smaller id. */
function isSurplus(link: LinkView, self: string, links: readonly LinkView[], k: number): boolean {
  return !link.comer && self < link.id && link.degree > k && hasDetour(link, links)
}

/** Whether another neighbour is connected with it: ended, it is two steps away. Both ends say so. */
function hasDetour({ id, near }: LinkView, links: readonly LinkView[]): boolean {
  return links.some(other => other.id !== id && other.near.has(id) && near.has(other.id))
}
