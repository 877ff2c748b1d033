// npm run chaos -- --seeds 500 [--seed N] [--peers 12] [--seconds 20] [--bugs | --no-bugs] [--workers N]
// npm run chaos -- --nodes 3 [--clients 300] [--seconds 60] [--seed N]
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { BUGS, plant } from './bugs.ts'
import { hunt } from './hunt.ts'
import { chaos } from './scenario.ts'
import type { Outcome } from './worker.ts'

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '500' },
    seed: { type: 'string' },
    peers: { type: 'string', default: '12' },
    seconds: { type: 'string' },
    nodes: { type: 'string' },
    clients: { type: 'string', default: '300' },
    bugs: { type: 'boolean' },
    'no-bugs': { type: 'boolean' },
    workers: { type: 'string', default: String(availableParallelism()) }
  }
})
const [seeds, peers, workers] = [values.seeds, values.peers, values.workers].map(Number) as [
  number,
  number,
  number
]
const seconds = Number(values.seconds ?? (values.nodes ? 60 : 20))
// So that what is planted is taken away again, and workers end.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))
const began = performance.now()
const elapsed = () => `${Math.round((performance.now() - began) / 1000)} s`

if (values.nodes) await several(Number(values.nodes))
else if (values.seed) await one(Number(values.seed))
else {
  if (!values.bugs) await all()
  if (!values['no-bugs']) await bugs()
}

/** Real servers on a Redis, and real clients; what happens follows from the seed, when it does does not. */
async function several(nodes: number): Promise<void> {
  const { chaosOfNodes } = await import('./nodes.ts')
  const ends: (() => unknown)[] = []
  const life = { teardown: (end: () => unknown) => void ends.push(end) }
  const seed = Number(values.seed ?? 7)
  const print = (line: string) => console.log(`${elapsed()}: ${line}`)
  let failed = true
  try {
    const clients = Number(values.clients)
    const { failures, wrong } = await chaosOfNodes({ nodes, clients, seconds, seed, life, print })
    for (const line of [...failures, ...wrong]) console.log(`FAIL ${line}`)
    failed = failures.length + wrong.length > 0
    if (!failed) console.log(`every one of ${clients} clients sees exactly its topic's members`)
  } finally {
    for (const end of ends.reverse()) await end()
  }
  // wrtc keeps the process a while.
  process.exit(failed ? 1 : 0)
}

/** One seed, with all its steps. */
async function one(seed: number): Promise<void> {
  try {
    console.log((await chaos({ seed, peers, seconds, print: () => {} })).trace)
  } catch (error) {
    const { trace, message, cause } = error as Error & { trace: string }
    console.log(`${trace}\n${message}\n${(cause as Error)?.stack ?? ''}`)
    process.exitCode = 1
  }
}

/** Every seed twice. */
async function all(): Promise<void> {
  console.log(`${seeds} seeds, each twice, ${peers} peers, ${seconds} s of virtual time`)
  const outcomes: Outcome[] = []
  await hunt({
    ...{ from: 1, to: seeds, peers, seconds, workers, runs: 2 },
    onoutcome: outcome => {
      outcomes.push(outcome)
      if (outcome.failure) console.log(`FAIL ${outcome.failure}`)
      else if (!outcome.same) console.log(`FAIL seed ${outcome.seed}: the second run was another`)
      if (outcomes.length % 50 === 0) console.log(`${outcomes.length} of ${seeds} seeds, ${elapsed()}`)
      return false
    }
  })
  const failed = outcomes.filter(({ failure }) => failure).length
  const others = outcomes.filter(({ failure, same }) => !failure && !same).length
  console.log(
    `${outcomes.length} seeds, ${failed} with a violation, ${outcomes.length - failed - others} repeated byte for byte, ${others} not`
  )
  if (failed + others > 0 || outcomes.length !== seeds) process.exitCode = 1
}

/** Each bug, planted in a copy of the sources, until a seed finds it. */
async function bugs(): Promise<void> {
  for (const bug of BUGS) {
    const { folder, remove } = plant(bug)
    let ran = 0
    let found: Outcome | undefined
    const onoutcome = (outcome: Outcome) => {
      ran++
      if (outcome.failure) found = outcome
      return found !== undefined
    }
    try {
      await hunt({ folder, from: 1, to: seeds, peers, seconds, workers, runs: 1, onoutcome })
    } finally {
      remove()
    }
    const how = found?.failure?.split('\n')[0]?.slice(0, 160)
    console.log(
      `${found ? 'found ' : 'MISSED'} in ${ran} seeds, ${elapsed()}: ${bug.name}${how ? `\n       ${how}` : ''}`
    )
    if (!found) process.exitCode = 1
  }
}
