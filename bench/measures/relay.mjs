import { BARE, OURS } from '../systems.mjs'
import { costOf, createLoad } from '../tools/load.mjs'
import { median } from '../tools/numbers.mjs'
import { startAll, stopAll } from '../tools/servers.mjs'
import { leave, many } from '../tools/socket.mjs'
import { inTurn } from '../tools/turns.mjs'

/** Of what has a bound. The others, which are far from it, have every third. */
const ROUNDS = 9
const EVERY = 3
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
  const bounded = turns.filter(name => [OURS, OFFERS, BARE].includes(name))
  const costs = new Map(turns.map(name => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of inTurn(round % EVERY === 0 ? turns : bounded, round)) {
      const server = servers.get(name === OFFERS ? OURS : name)
      const client = await import(`../clients/${name}.mjs`)
      const ends = await many(pairs * 2, at => client.join(server.url, at >> 1))
      costs.get(name).push({ round, cost: await costOf(server, createLoad(ends, client), seconds) })
      await leave(ends)
    }
  }
  await stopAll(servers)
  return summary(costs)
}

/** Ratios are of the same round, so that what else the machine did then is in both. */
function summary(costs) {
  const cpuUs = name => median(costs.get(name).map(({ cost }) => cost))
  const against = (name, other) => {
    const base = new Map(costs.get(other)?.map(({ round, cost }) => [round, cost]))
    return base.size > 0
      ? median(costs.get(name).map(({ round, cost }) => cost / base.get(round)))
      : undefined
  }
  const names = [...costs.keys()].filter(name => name !== OFFERS)
  const relay = Object.fromEntries(
    names.map(name => [name, { cpuUs: cpuUs(name), ratio: against(name, BARE) }])
  )
  if (!costs.has(OFFERS)) return { relay }
  const offers = {
    cpuUs: cpuUs(OFFERS) * 2,
    ratio: against(OFFERS, BARE),
    ratioToOwn: against(OFFERS, OURS)
  }
  return { relay, offers }
}
