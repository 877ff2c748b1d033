import { BARE, OURS } from '../systems.mjs'
import { median, round } from '../tools/numbers.mjs'
import { startAll, stopAll } from '../tools/servers.mjs'
import { drop, many } from '../tools/socket.mjs'

const OFFERS = `${OURS}-offers`

/**
 * CPU time of the server for each routed message of about 1 kB. Pairs of clients with one message in flight each; who
 * gets it sends the next one back. Servers take turns.
 */
export async function run({ quick, systems, note }) {
  const pairs = quick ? 100 : 500
  const seconds = quick ? 1 : 3
  const rounds = 3
  const servers = await startAll(systems, note)
  const turns = [...servers.keys()].flatMap(name => (name === OURS ? [name, OFFERS] : [name]))
  const costs = new Map(turns.map(name => [name, []]))
  for (let at = 0; at < rounds; at++) {
    for (const name of turns) {
      const server = servers.get(name === OFFERS ? OURS : name)
      costs.get(name).push(await turn(server, name, pairs, seconds))
    }
  }
  await stopAll(servers)
  return summary(costs)
}

async function turn(server, name, pairs, seconds) {
  const client = await import(`../clients/${name}.mjs`)
  const ends = await many(pairs * 2, at => client.join(server.url, at >> 1))
  const load = createLoad(ends, client)
  await load(seconds / 2)
  const before = await server.cpu()
  const messages = await load(seconds)
  const cost = ((await server.cpu()) - before) / messages
  await drop(ends)
  return cost
}

/** A load that begins and ends with nothing on its way. Gives a function of seconds that resolves with messages. */
function createLoad(ends, { sender, begins = () => true, isRelayed = () => true }) {
  let count = 0
  let inFlight = 0
  let going = false
  let drained
  const starts = []
  for (let at = 0; at < ends.length; at += 2) {
    const [a, b] = [ends[at], ends[at + 1]]
    const fromA = sender(a, b, 0)
    const fromB = sender(b, a, 1)
    listen(a, fromA, 0)
    listen(b, fromB, 1)
    starts.push(begins(a, b) ? fromA : fromB)
  }
  function listen({ websocket }, send, side) {
    websocket.on('message', data => {
      if (!isRelayed(data, side)) return
      count++
      if (going) send(data)
      else if (--inFlight === 0) drained()
    })
  }
  return async seconds => {
    count = 0
    going = true
    inFlight = starts.length
    const end = new Promise(resolve => {
      drained = resolve
    })
    for (const start of starts) start()
    setTimeout(() => {
      going = false
    }, seconds * 1000)
    await end
    return count
  }
}

function summary(costs) {
  const bare = median(costs.get(BARE))
  const relay = {}
  for (const [name, values] of costs) {
    if (name !== OFFERS) relay[name] = { cpuUs: round(median(values)), ratio: round(median(values) / bare) }
  }
  if (!costs.has(OFFERS)) return { relay }
  const pair = median(costs.get(OFFERS)) * 2
  const own = median(costs.get(OURS)) * 2
  return {
    relay,
    offers: { cpuUs: round(pair), ratio: round(pair / (bare * 2)), ratioToOwn: round(pair / own) }
  }
}
