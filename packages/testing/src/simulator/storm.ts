import type { SimulatedPeer } from './simulated-peer.ts'
import type { World } from './world.ts'

/**
 * How often each fault comes, beside the others.
 *
 * What befalls whole sockets, as it does in the world (a WebSocket never loses, doubles or reorders within itself):
 * `kill`, the socket ends and both sides are told; `halfOpen`, it ends and only the client is told; `silence`, only the
 * server is told; `stall`, nothing comes through for a while, then all of it, in order.
 * What befalls peers: `offline`, no network at all for a while, neither to servers nor to peers; `crash`, the process
 * is gone and starts again with the same key.
 * What befalls servers: `killServer`, as `kill -9`, and started again; `stopServer`, closed in order, and started again.
 * What only a hostile or broken thing on the way does to frames: `tamper`, a socket loses, doubles and reorders them
 * for a while.
 */
export interface Faults {
  /** A socket ends, and both sides are told. */
  kill: number
  /** A socket ends, and only the client is told. */
  halfOpen: number
  /** A socket ends, and only the server is told. */
  silence: number
  /** Nothing comes through a socket for a while, then all of it, in order. */
  stall: number
  /** A peer has no network for a while, neither to servers nor to peers. */
  offline: number
  /** A peer's process is gone, and starts again with the same key. */
  crash: number
  /** A server is gone as by `kill -9`, and started again. */
  killServer: number
  /** A server is closed in order, and started again. */
  stopServer: number
  /** A socket loses, doubles and reorders frames for a while. */
  tamper: number
}

/** What a storm is made of unless it is said. `tamper` is left out: against who may change frames nothing but an end helps. */
export const FAULTS: Faults = {
  kill: 6,
  halfOpen: 3,
  silence: 1,
  stall: 4,
  offline: 3,
  crash: 2,
  killServer: 1,
  stopServer: 1,
  tamper: 0
}

/** From one fault to the next, at most. Unit: ms. */
const PAUSE = 1200
/** How long what mends itself lasts, at most. Unit: ms. */
const LASTS = 8000

export interface StormOptions {
  /** Unit: s. */
  seconds: number
  random: () => number
  faults: Partial<Faults>
}

/** One fault after the other, at random; in the end, and before it where its time is over, each is mended. */
export async function storm(world: World, { seconds, random, faults }: StormOptions): Promise<void> {
  const { clock } = world
  const end = clock.now() + seconds * 1000
  const weights = Object.entries({ ...FAULTS, ...faults }) as [keyof Faults, number][]
  const mends = new Set<() => void>()
  const suffering = new Set<SimulatedPeer>()
  for (;;) {
    await world.sleep(Math.min(random() * PAUSE, end - clock.now()))
    if (clock.now() >= end) break
    const fault = choose(weights, random())
    if (!fault) continue
    const mend = strike(world, fault, random, suffering)
    if (!mend) continue
    const once = () => void (mends.delete(once) && mend())
    mends.add(once)
    clock.setTimeout(once, random() * LASTS)
  }
  for (const mend of mends) mend()
  world.step('storm', 'is over')
}

function choose(weights: readonly [keyof Faults, number][], at: number): keyof Faults | undefined {
  let left = at * weights.reduce((sum, [, weight]) => sum + weight, 0)
  return weights.find(([, weight]) => weight > 0 && (left -= weight) < 0)?.[0]
}

/** Does it. Gives what mends it, where it does not mend itself. */
function strike(
  world: World,
  fault: keyof Faults,
  random: () => number,
  suffering: Set<SimulatedPeer>
): (() => void) | undefined {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  if (fault === 'killServer' || fault === 'stopServer') {
    const server = pick(world.servers)
    if (fault === 'killServer') server.kill()
    else void server.stop()
    return () => server.start()
  }
  const peer = pick(world.peers)
  // One thing at a time; and what befalls a socket needs one.
  if (suffering.has(peer) || (!peer.wired && fault !== 'offline' && fault !== 'crash')) return
  const lasting = (act: (on: boolean) => void) => {
    suffering.add(peer)
    act(true)
    return () => {
      suffering.delete(peer)
      world.step(peer, `${fault} is over`)
      act(false)
    }
  }
  world.step(peer, fault)
  switch (fault) {
    case 'kill':
      return void peer.cut()
    case 'halfOpen':
      return void peer.cut('client')
    case 'silence':
      return void peer.cut('server')
    case 'crash':
      return void world.crash(peer)
    case 'stall':
      return lasting(on => peer.stall(on))
    case 'offline':
      return lasting(on => world.offline(peer, on))
    case 'tamper':
      return lasting(on => peer.tamper(on))
  }
}
