import { takeGlobals } from './globals.ts'
import { hygiene } from './hygiene.ts'
import { World, type WorldOptions } from './world.ts'

/** What world a scenario runs in: 4 peers, a server, 20 s of storm, unless it is said. */
export interface SimulateOptions extends Partial<WorldOptions> {
  /** Default: another one each time; what fails says which it was. */
  seed?: number
  /** Takes what is to be said of a failure. Default: `console.error`. */
  print?: (text: string) => void
}

/** A scenario that went well. */
export interface Simulation {
  /** By which it can be repeated. */
  seed: number
  /** All steps, a line each. */
  trace: string
}

/** What a scenario does in a world. What it throws fails the simulation. */
export type Scenario = (world: World) => void | Promise<void>

/** A scenario failed. `message`: why, and with which seed; `cause`: what was thrown; `trace`: all steps up to it. */
export class SimulationError extends Error {
  /** As `Error.name`. */
  override readonly name = 'SimulationError'
  /** By which it can be repeated: `simulate({ seed }, scenario)`. */
  readonly seed: number
  /** All steps up to the failure, a line each. */
  readonly trace: string

  constructor(seed: number, trace: string, cause: unknown) {
    super(`seed ${seed}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
    this.seed = seed
    this.trace = trace
  }
}

/** Virtual time in which a scenario must end, beyond its storm. Unit: s. */
const PATIENCE = 600
/** Steps that are shown of a failure. */
const SHOWN = 20

/**
 * Runs a scenario in a world of its own: clients, servers and the networks between them in virtual time, with faults.
 * All that is random follows from the seed, so that the same seed gives the same steps, byte for byte. In the end
 * everything is closed, and nothing may be left: no timer, no connection, no entry in a map, no unhandled rejection.
 *
 * While it runs, `setTimeout`, `setInterval`, `Date`, `performance.now` and `Math.random` are the simulation's. What
 * waits for real I/O (a file, a real socket, WebCrypto) leaves virtual time and can't be repeated.
 * Rejects with a SimulationError, whose seed it prints.
 */
export async function simulate(
  { seed = Math.floor(Math.random() * 2 ** 31), print = console.error, ...options }: SimulateOptions,
  scenario: Scenario
): Promise<Simulation> {
  const world = new World({ ...options, seed })
  const giveBack = takeGlobals(world.clock, world.random)
  const stopListening = listen(error => world.failures.push(error))
  try {
    await drive(world, async () => {
      await scenario(world)
      await hygiene(world)
    })
    world.trace.end()
    return { seed, trace: world.trace.toString() }
  } catch (cause) {
    world.step('failed', cause instanceof Error ? cause.message : String(cause))
    const error = new SimulationError(seed, world.trace.toString(), cause)
    print(`${error.message}\n${world.trace.lines.slice(-SHOWN).join('\n')}\nRepeat it with seed ${seed}.`)
    throw error
  } finally {
    stopListening()
    giveBack()
  }
}

/** Moves time until the work is done, or fails. */
async function drive(world: World, work: () => Promise<void>): Promise<void> {
  let done = false
  const working = work().finally(() => (done = true))
  working.catch(() => {})
  const end = world.clock.now() + (world.seconds + PATIENCE) * 1000
  while (!done) {
    if (world.clock.now() >= end) throw new Error(`not done after ${end / 1000} s of virtual time`)
    await world.clock.advance(10)
    if (world.failures.length > 0) throw world.failures[0]
  }
  await working
}

interface Emitter {
  on(event: string, listener: (error: unknown) => void): void
  off(event: string, listener: (error: unknown) => void): void
}

/** Unhandled rejections: Node tells of them as either, by its flags. */
function listen(onerror: (error: unknown) => void): () => void {
  const { process } = globalThis as { process?: Partial<Emitter> }
  const events = ['unhandledRejection', 'uncaughtException']
  for (const event of events) process?.on?.(event, onerror)
  return () => {
    for (const event of events) process?.off?.(event, onerror)
  }
}
