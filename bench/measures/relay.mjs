import { BARE, OURS } from '../systems.mjs'
import { costOf, createLoad } from '../tools/load.mjs'
import { median, round } from '../tools/numbers.mjs'
import { startAll, stopAll } from '../tools/servers.mjs'
import { drop, many } from '../tools/socket.mjs'

/** The others in the first alone: they are far from any bound. */
const ROUNDS = 9
const OFFERS = `${OURS}-offers`

/**
 * CPU time of the server for each routed message of about 1 kB. Pairs of clients with one message in flight each; who
 * gets it sends the next one back. Servers take turns.
 */
export async function run({ quick, systems, note }) {
  const pairs = quick ? 100 : 500
  const seconds = quick ? 1 : 2
  const servers = await startAll(systems, note)
  const turns = [...servers.keys()].flatMap(name => (name === OURS ? [name, OFFERS] : [name]))
  const bounded = [OURS, OFFERS, BARE]
  const costs = new Map(turns.map(name => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of round === 0 ? turns : turns.filter(name => bounded.includes(name))) {
      const server = servers.get(name === OFFERS ? OURS : name)
      const client = await import(`../clients/${name}.mjs`)
      const ends = await many(pairs * 2, at => client.join(server.url, at >> 1))
      costs.get(name).push(await costOf(server, createLoad(ends, client), seconds))
      await drop(ends)
    }
  }
  await stopAll(servers)
  return summary(costs)
}

/** Ratios are of the same round, so that what else the machine did then is in both. */
function summary(costs) {
  const against = (name, other) =>
    median(costs.get(name).map((cost, round) => cost / costs.get(other)[round]))
  const known = costs.has(BARE)
  const relay = {}
  for (const [name, values] of costs) {
    if (name === OFFERS) continue
    relay[name] = { cpuUs: round(median(values)), ...(known && { ratio: round(against(name, BARE)) }) }
  }
  if (!costs.has(OFFERS)) return { relay }
  const cpuUs = round(median(costs.get(OFFERS)) * 2)
  const ratio = known ? round(against(OFFERS, BARE)) : undefined
  return { relay, offers: { cpuUs, ratio, ratioToOwn: round(against(OFFERS, OURS)) } }
}
