import { BARE, OURS, SYSTEMS } from './systems.mjs'
import { kept, shown } from './tools/numbers.mjs'

const ours = ({ relay }) => relay?.[OURS]
const scripts = SYSTEMS.filter(({ script }) => script)
const measured = ({ relay }, figure) =>
  scripts.filter(({ name }) => relay?.[name]?.[figure] !== undefined).length

/**
 * What has to hold, as ratios where there is one, so that it can be said on any machine. `value` gives nothing where its
 * measure did not run; `below` is `most` without the bound itself; `ofAll` is about all systems. What `says` is a text, or
 * makes one of the results.
 */
export const BOUNDS = [
  {
    measure: 'relay',
    says: 'a relayed message of 1 kB, in CPU of the server, against a bare ws relay',
    value: results => ours(results)?.ratio,
    most: 1.15
  },
  {
    measure: 'relay',
    says: 'the same against the cheapest other JavaScript server, ws aside',
    value: ({ relay }) => {
      const others = scripts.filter(({ name }) => name !== OURS && name !== BARE)
      const costs = others.map(({ name }) => relay?.[name]?.cpuUs).filter(cost => cost !== undefined)
      return costs.length > 0 && relay[OURS] ? relay[OURS].cpuUs / Math.min(...costs) : undefined
    },
    below: 1,
    ofAll: true
  },
  {
    measure: 'relay',
    says: 'JavaScript servers that could be measured',
    value: results => results.relay && measured(results, 'cpuUs'),
    least: scripts.length,
    ofAll: true
  },
  {
    measure: 'relay',
    says: 'an offer and its answer, against two messages of the bare relay',
    value: ({ offers }) => offers?.ratio,
    most: 2.5
  },
  {
    measure: 'memory',
    says: 'what an idle connection holds that has joined a topic, against a bare ws relay',
    value: results => ours(results)?.memRatio,
    most: 1.5
  },
  {
    measure: 'memory',
    says: 'JavaScript servers of which it is known',
    value: results => results.relay && measured(results, 'kBPerConnection'),
    least: scripts.length,
    ofAll: true
  },
  {
    measure: 'connect',
    says: 'from connect() to the open channel, against two simple-peers wired directly',
    value: ({ connect }) => connect?.[OURS].ratio,
    most: 1.5
  },
  {
    measure: 'connect',
    says: 'socket-signal 10.3.2 against ours',
    value: ({ connect }) => connect && connect['socket-signal-10'].medianMs / connect[OURS].medianMs,
    least: 10
  },
  {
    measure: 'mesh',
    says: 'a full mesh of 20, against one that is wired by hand',
    value: ({ mesh }) => mesh?.ratio,
    most: 2
  },
  {
    measure: 'join',
    says: 'a join of the last thousand in one topic, against the first thousand',
    value: ({ join }) => join?.alone?.ratio,
    most: 1.3
  },
  {
    measure: 'join',
    says: 'the same with very many topics held',
    value: ({ join }) => join?.held?.ratio,
    most: 1.3
  },
  {
    measure: 'join',
    says: 'the last thousand with very many topics held, against those with none',
    value: ({ join }) => join?.against?.ratio,
    most: 1.3
  },
  {
    measure: 'join',
    says: 'a disconnect with very many topics held, against one with none',
    value: ({ disconnect }) => disconnect?.ratio,
    most: 1.3
  },
  {
    measure: 'presence',
    says: 'frames for each event and watcher',
    value: ({ presence }) => presence?.frames,
    most: 0.5
  },
  {
    measure: 'presence',
    says: 'bytes for each event and watcher',
    value: ({ presence }) => presence?.bytes,
    most: 60
  },
  {
    measure: 'presence',
    says: 'CPU for each event and watcher, against a relayed message of 1 kB',
    value: ({ presence }) => presence?.ratio,
    most: 0.25
  },
  {
    measure: 'presence',
    says: 'events that were not told, or twice',
    value: ({ presence }) => presence?.missing,
    most: 0
  },
  {
    measure: 'growth',
    says: ({ growth }) => {
      if (!growth?.few)
        return 'how much more a routed message costs with most connections than with few: ours against the bare relay'
      const [few, most] = [growth.few, growth.most].map(count => count.toLocaleString('en'))
      const [own, bare] = [growth[OURS], growth[BARE]].map(({ ratio }) => shown(ratio))
      return `a routed message with ${most} connections costs ours ${own} times what it does with ${few}, the bare relay ${bare}: ours against that`
    },
    value: ({ growth }) => growth?.against?.ratio,
    most: 1.2
  },
  {
    measure: 'attack',
    says: 'a look-up of a healthy client meanwhile, p95 in ms',
    value: ({ attack }) => attack?.attacked?.p95Ms,
    most: 200
  },
  {
    measure: 'storm',
    says: 'clients that came back and joined again',
    value: ({ storm }) => storm && storm.back / storm.clients,
    least: 1
  },
  {
    measure: 'storm',
    says: 'how late the event loop of the server is, p99 in ms',
    value: ({ storm }) => storm?.p99Ms,
    below: 100
  },
  {
    measure: 'nodes',
    says: 'a routed message across two nodes, in CPU of both, against one within a node',
    value: ({ nodes }) => nodes?.ratio,
    most: 3
  },
  {
    measure: 'nodes',
    says: 'a look-up of 100 in a topic of 100,000 in Redis, p95 in ms',
    value: ({ nodes }) => nodes?.lookupP95Ms,
    most: 5
  },
  {
    measure: 'size',
    says: 'what ours adds to simple-peer in a bundle, by gzip, against simple-peer',
    value: ({ size }) => size && size[OURS].gzipKBWithoutSimplePeer / size['simple-peer'].gzipKB,
    most: 1.1
  }
]

/** Each bound of the measures that ran, with its value and whether it holds. */
export function checkBounds(results, measures) {
  return BOUNDS.filter(({ measure }) => measures.includes(measure)).map(
    ({ measure, says, value, most, below, least, ofAll = false }) => {
      const found = value(results)
      const isKnown = Number.isFinite(found)
      const holds = isKnown && !(found > most) && !(found >= below) && !(found < least)
      // Three digits could hide that it is missed.
      const is = isKnown ? String((holds ? shown : kept)(found)) : 'not measured'
      const bound = `${most ?? below ?? least}`
      const words =
        most !== undefined ? `at most ${bound}` : below !== undefined ? `below ${bound}` : `at least ${bound}`
      return {
        measure,
        says: typeof says === 'string' ? says : says(results),
        found,
        is,
        words,
        ofAll,
        holds
      }
    }
  )
}
