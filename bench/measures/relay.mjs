import { BARE, OURS } from '../systems.mjs'
import { costOf, createLoad } from '../tools/load.mjs'
import { median } from '../tools/numbers.mjs'
import { startAll, stopAll } from '../tools/servers.mjs'
import { leave, many } from '../tools/socket.mjs'
import { inTurn } from '../tools/turns.mjs'

/** How often all servers are started: V8 does not make the same of a program each time. */
const STARTS = 3
const OFFERS = `${OURS}-offers`

/**
 * CPU time of the server for each routed message of about 1 kB. Pairs of clients with one message in flight each; who
 * gets it sends the next one back. Servers take turns. What has a bound has several rounds of each start, the others one.
 */
export async function run({ quick, systems, note }) {
  const each = quick ? 3 : 5
  const costs = new Map()
  let able = systems
  for (let start = 0; start < STARTS; start++) {
    const servers = await startAll(able, note)
    able = able.filter(({ name }) => servers.has(name))
    const turns = [...servers.keys()].flatMap(name => (name === OURS ? [name, OFFERS] : [name]))
    const bounded = turns.filter(name => [OURS, OFFERS, BARE].includes(name))
    for (let round = start * each; round < (start + 1) * each; round++) {
      for (const name of inTurn(round % each === 0 ? turns : bounded, round)) {
        const cost = await measure(servers.get(name === OFFERS ? OURS : name), name, quick)
        costs.set(name, [...(costs.get(name) ?? []), { round, cost }])
      }
    }
    await stopAll(servers)
  }
  return summary(costs)
}

async function measure(server, name, quick) {
  const [pairs, seconds] = quick ? [100, 1] : [500, 2]
  const client = await import(`../clients/${name}.mjs`)
  const ends = await many(pairs * 2, at => client.join(server.url, at >> 1))
  const cost = await costOf(server, createLoad(ends, client), seconds)
  await leave(ends)
  return cost
}

/** Ratios are of the same round, so that what else the machine did then is in both. */
function summary(costs) {
  const cpuUs = name => median(costs.get(name).map(({ cost }) => cost))
  const against = (name, other) => {
    const base = new Map(costs.get(other)?.map(({ round, cost }) => [round, cost]))
    const common = costs.get(name).filter(({ round }) => base.has(round))
    return common.length > 0 ? median(common.map(({ round, cost }) => cost / base.get(round))) : undefined
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
