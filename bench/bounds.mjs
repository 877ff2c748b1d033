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
    says: 'the same against the cheapest other JavaScript server',
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
