import { fork } from 'node:child_process'
import { resolve } from 'node:path'
import type { Outcome } from './worker.ts'

export interface HuntOptions {
  /** Where the sources are. Default: here. */
  folder?: string
  from: number
  to: number
  peers: number
  seconds: number
  /** Of each seed: 1, or 2 to see whether it repeats. */
  runs: number
  workers: number
  /** Called for each seed, in no order; gives true when that is enough. */
  onoutcome(outcome: Outcome): boolean
}

const FLAGS = ['--conditions=@socket-signal/source', '--import', 'tsx']

/** Runs seeds, so many at once as there are workers. Rejects when a worker dies. */
export async function hunt({
  folder = '.',
  from,
  to,
  workers: most,
  onoutcome,
  ...options
}: HuntOptions): Promise<void> {
  const step = Math.min(most, to - from + 1)
  const own = Object.entries(options).map(([name, value]) => `--${name}=${value}`)
  const workers = Array.from({ length: step }, (_, at) =>
    fork(
      resolve(folder, 'test/chaos/worker.ts'),
      [`--from=${from + at}`, `--to=${to}`, `--step=${step}`, ...own],
      {
        cwd: resolve(folder),
        execArgv: FLAGS
      }
    )
  )
  let enough = false
  await Promise.all(
    workers.map(
      worker =>
        new Promise<void>((done, fail) => {
          worker.on('message', outcome => {
            enough ||= onoutcome(outcome as Outcome)
            if (enough) for (const each of workers) each.kill()
          })
          worker.on('exit', code =>
            code === 0 || enough ? done() : fail(new Error(`a worker ended with ${code}`))
          )
        })
    )
  ).finally(() => {
    for (const each of workers) each.kill()
  })
}
