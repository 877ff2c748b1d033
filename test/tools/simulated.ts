import { simulate, type World } from 'socket-signal-testing'
import type { Test } from 'tape'
import { test } from './test.ts'

const worlds = new WeakMap<Test, World>()

/** The world in which a test runs, if it is one of the simulator. */
export function worldOf(t: Test): World | undefined {
  return worlds.get(t)
}

/**
 * A test in the simulator: time is virtual, chance is of one seed, and once what it made is closed nothing may be left,
 * no timer and no unhandled rejection. `seconds`: of virtual time, beyond the ten minutes that each has. `timeout`: ms of real time.
 */
export function simulated(
  name: string,
  body: (t: Test) => void | Promise<void>,
  { seconds = 0, timeout = 30_000 }: { seconds?: number; timeout?: number } = {}
): void {
  test(name, { timeout }, async t => {
    const ends: (() => void | Promise<void>)[] = []
    await simulate({ seed: 1, peers: 0, seconds }, async world => {
      const own = tearingDown(t, end => ends.push(end))
      worlds.set(own, world)
      try {
        await body(own)
      } finally {
        for (const end of ends.reverse()) await end()
      }
    })
  })
}

/** What takes real time, as the platform's cryptography does: virtual time waits for it. */
export async function held<T>({ loading }: World, work: Promise<T>): Promise<T> {
  work.catch(() => {}) // Told to who waits, in its turn.
  const leave = await loading.enter()
  return work.finally(leave)
}

/** The same test, but for its end: that belongs into the simulation. */
function tearingDown(t: Test, teardown: (end: () => void | Promise<void>) => void): Test {
  return new Proxy(t, {
    get(target, name) {
      if (name === 'teardown') return teardown
      const value = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) : value
    }
  })
}
