import type { World } from './world.ts'

/** simple-peer's own timers are not cleared when it is destroyed; the longest is 5 s. Unit: ms. */
const LAST_TIMERS = 10_000

/** Closes everything, and throws what is left. */
export async function hygiene(world: World): Promise<void> {
  await Promise.all(world.peers.map(peer => peer.client.close()))
  for (const peer of world.peers) {
    none(`${peer.name}: peers`, peer.client.peers.length)
    none(`${peer.name}: timers`, peer.timers)
    none(`${peer.name}: RTCPeerConnections`, peer.connections)
  }
  for (const { name, server } of world.servers) {
    const stats = () => {
      // A history stays, to bounds of its own.
      const { routed, history, ...held } = server?.stats() ?? { routed: 0, history: 0 }
      const left = Object.entries(held).filter(([, count]) => count > 0)
      return left.length === 0 || left.map(([what, count]) => `${what} ${count}`).join(', ')
    }
    await world.until(stats, `${name} holds nothing once all have gone`)
  }
  await Promise.all(world.servers.map(server => server.stop()))
  for (const [what, held] of Object.entries({ ...world.cluster }))
    if ('size' in held) none(`the servers share ${what}`, held.size)
  for (const { name, timers } of world.servers) none(`${name}: timers`, timers)
  await world.sleep(LAST_TIMERS)
  none('timers of the app, or on the way', world.clock.pending)
}

function none(what: string, count: number): void {
  if (count > 0) throw new Error(`left after the end: ${what}, ${count}`)
}
