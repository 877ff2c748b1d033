/** What a suite asks of the assertions it is handed: the part of tape's that it uses. */
export interface SuiteAssert {
  /** Fails unless it is truthy. */
  ok(value: unknown, message?: string): void
  /** Fails unless both are the same (`Object.is`). */
  equal(actual: unknown, expected: unknown, message?: string): void
  /** Fails unless both have the same shape and values, bytes too. */
  deepEqual(actual: unknown, expected: unknown, message?: string): void
}

/** A runner's `test`, handed in so that this package needs none: tape's shape. */
export type SuiteTest = (name: string, body: (t: SuiteAssert) => Promise<void>) => void

const DEADLINE = 10_000

/** Waits until a fact holds, asking again and again. Rejects when it has not come true within 10 seconds. */
export async function until(fact: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + DEADLINE
  while (!(await fact())) {
    if (Date.now() > end) throw new Error(`within ${DEADLINE / 1000} s it did not come true: ${what}`)
    await pause(2)
  }
}

/** Gives whatever is on its way some turns to arrive, where there is no fact to wait for. */
export async function turns(count = 10): Promise<void> {
  for (let turn = 0; turn < count; turn++) await pause(1)
}

/** What a call, or its promise, fails with; undefined when it succeeds. */
export async function failure(call: () => unknown): Promise<{ code?: unknown } | undefined> {
  try {
    await call()
  } catch (error) {
    return error as { code?: unknown }
  }
  return undefined
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
