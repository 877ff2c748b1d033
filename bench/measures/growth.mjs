import { BARE, OURS } from '../systems.mjs'
import { costOf, createLoad } from '../tools/load.mjs'
import { median } from '../tools/numbers.mjs'
import { startServer } from '../tools/server.mjs'
import { drop, many } from '../tools/socket.mjs'
import { inTurn, rounds } from '../tools/turns.mjs'

const IN_FLIGHT = 200
/** How often each number of connections is measured in a round: a collection of all garbage falls into one of them. */
const TIMES = 5

/**
 * What a routed message costs with more and more connections, each of which sends in turn. Ours, and the bare relay: its
 * own grows as well, since with each message kernel and Node visit a socket that is in no cache any more. `against`: ours
 * against that, in the same round.
 */
export async function run({ quick }) {
  const sizes = quick ? [500, 2000, 5000] : [1000, 5000, 15_000]
  const costs = new Map()
  for (let round = 0; round < (quick ? 1 : 3); round++) {
    for (const name of inTurn([OURS, BARE], round)) {
      const client = await import(`../clients/${name}.mjs`)
      const server = await startServer(name)
      const ends = []
      for (const size of sizes) {
        const from = ends.length
        ends.push(...(await many(size - from, at => client.join(server.url, (from + at) >> 1))))
        const load = createLoad(ends, client, IN_FLIGHT)
        const key = `${name} ${size}`
        const found = await rounds(TIMES, () => costOf(server, load, 1))
        costs.set(key, [...(costs.get(key) ?? []), median(found)])
        load.end()
      }
      await drop(ends)
      await server.stop()
    }
  }
  const few = name => costs.get(`${name} ${sizes[0]}`)
  const grows = name => costs.get(`${name} ${sizes.at(-1)}`).map((cost, round) => cost / few(name)[round])
  const row = name => {
    const all = sizes.map(size => [`cpuUs${size}`, median(costs.get(`${name} ${size}`))])
    return { ...Object.fromEntries(all), ratio: median(grows(name)) }
  }
  const bare = grows(BARE)
  const against = { ratio: median(grows(OURS).map((ratio, round) => ratio / bare[round])) }
  return { growth: { few: sizes[0], most: sizes.at(-1), [OURS]: row(OURS), [BARE]: row(BARE), against } }
}
