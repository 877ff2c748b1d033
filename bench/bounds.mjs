import { BARE, OURS, SYSTEMS } from './systems.mjs'

const ours = ({ relay }) => relay?.[OURS]

/**
 * What has to hold, as ratios, so that it can be said on any machine. `value` gives nothing where its measure did not
 * run. Figures without a bound are printed all the same.
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
      const others = SYSTEMS.filter(({ name, script }) => script && name !== OURS && name !== BARE)
      const costs = others.map(({ name }) => relay?.[name]?.cpuUs).filter(cost => cost !== undefined)
      return costs.length > 0 && relay[OURS] ? relay[OURS].cpuUs / Math.min(...costs) : undefined
    },
    most: 1
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
    measure: 'join',
    says: 'a join of the last thousand in one topic, against the first thousand',
    value: ({ join }) => join?.alone.ratio,
    most: 1.3
  },
  {
    measure: 'join',
    says: 'the same with very many topics held',
    value: ({ join }) => join?.held.ratio,
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
    measure: 'growth',
    says: 'how much more a routed message costs with 15,000 connections than with 1,000, against the bare relay',
    value: ({ growth }) => growth?.against?.ratio,
    most: 1.2
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
    most: 100
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
  }
]

/** Each bound of the measures that ran, with its value and whether it holds. */
export function checkBounds(results, measures) {
  return BOUNDS.filter(({ measure }) => measures.includes(measure)).map(
    ({ measure, says, value, most, least }) => {
      const found = value(results)
      const holds = found !== undefined && !(found > most) && !(found < least)
      return { measure, says, found, most, least, holds }
    }
  )
}
