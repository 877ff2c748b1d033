import type { Clock } from 'socket-signal'

/**
 * Puts the simulation's time and randomness in the place of the platform's, so that an app under test, and
 * simple-peer, need not be handed a clock: `setTimeout`, `setInterval`, `Date`, `performance.now`, `Math.random`.
 * Gives what puts the platform's back. Throws when another simulation has its own there.
 */
export function takeGlobals(clock: Clock, random: () => number): () => void {
  const scope = globalThis as unknown as { [name: string]: unknown }
  if ((scope.Date as { simulated?: boolean }).simulated) throw new Error('one simulation at a time')
  const changes: [target: object, name: string, value: unknown][] = [
    ...Object.entries({ ...timers(clock), Date: dateOf(clock) }).map(
      ([name, value]) => [scope, name, value] as [object, string, unknown]
    ),
    [Math, 'random', random],
    [performance, 'now', () => clock.now()]
  ]
  const before = changes.map(([target, name]) => Object.getOwnPropertyDescriptor(target, name))
  for (const [target, name, value] of changes)
    Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: false })
  return () => {
    changes.forEach(([target, name], at) => {
      const own = before[at]
      if (own) Object.defineProperty(target, name, own)
      else delete (target as { [name: string]: unknown })[name]
    })
  }
}

/** As Node's: an object, of which a browser's code sees nothing. */
class Timeout {
  timer: unknown
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }
  hasRef(): boolean {
    return true
  }
}

type Callback = (...args: unknown[]) => void

function timers(clock: Clock): { [name: string]: unknown } {
  const set = (callback: Callback, ms: number | undefined, again: boolean, args: unknown[]) => {
    const timeout = new Timeout()
    const arm = () => {
      timeout.timer = clock.setTimeout(fire, Math.max(Number(ms) || 0, again ? 1 : 0))
    }
    const fire = () => {
      if (again) arm()
      callback(...args)
    }
    arm()
    return timeout
  }
  const { clearTimeout: clearReal } = globalThis
  const clear = (timeout?: unknown) => {
    if (timeout instanceof Timeout) clock.clearTimeout(timeout.timer)
    else clearReal(timeout as Parameters<typeof clearReal>[0])
  }
  return {
    setTimeout: (callback: Callback, ms?: number, ...args: unknown[]) => set(callback, ms, false, args),
    setInterval: (callback: Callback, ms?: number, ...args: unknown[]) => set(callback, ms, true, args),
    clearTimeout: clear,
    clearInterval: clear
  }
}

/** The first second of 2026 at the simulation's start. Unit: ms. */
const EPOCH = Date.UTC(2026, 0, 1)

function dateOf(clock: Clock): unknown {
  const now = () => EPOCH + Math.floor(clock.now())
  return class SimulatedDate extends Date {
    static readonly simulated = true

    constructor(...given: [] | [number]) {
      super(...((given.length === 0 ? [now()] : given) as [number]))
    }

    static override now(): number {
      return now()
    }
  }
}
