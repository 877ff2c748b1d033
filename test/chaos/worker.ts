import { parseArgs } from 'node:util'
import type { SimulationError } from 'socket-signal-testing'
import { chaos } from './scenario.ts'

/** What became of one seed. */
export interface Outcome {
  seed: number
  /** Why it failed, and the last steps. */
  failure?: string
  /** Whether a second run, if there was one, gave the same trace, byte for byte. */
  same?: boolean
}

const { values } = parseArgs({
  options: Object.fromEntries(
    ['from', 'to', 'step', 'peers', 'seconds', 'runs'].map(name => [name, { type: 'string' as const }])
  )
})
// Whoever started it is gone.
process.on('disconnect', () => process.exit())
const number = (name: string) => Number(values[name])
const options = { peers: number('peers'), seconds: number('seconds'), print: () => {} }

for (let seed = number('from'); seed <= number('to'); seed += number('step')) {
  const outcome = await run(seed)
  await new Promise<void>(resolve => process.send?.(outcome, () => resolve()))
}
process.exit()

async function run(seed: number): Promise<Outcome> {
  try {
    const { trace } = await chaos({ ...options, seed })
    return { seed, same: number('runs') === 1 || (await chaos({ ...options, seed })).trace === trace }
  } catch (error) {
    const { message, trace } = error as SimulationError
    return { seed, failure: `${message}\n${trace.split('\n').slice(-20).join('\n')}` }
  }
}
