/** What a promise rejects with; fails the test when it resolves. */
export async function rejection(
  promise: Promise<unknown>
): Promise<Error & { code?: string; retryable?: boolean }> {
  try {
    await promise
  } catch (error) {
    return error as Error
  }
  throw new Error('expected a rejection')
}

/** The code that a promise rejects with; undefined where it resolves. */
export function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    error => error.code
  )
}

/** Waits until a fact holds; fails after whole seconds. */
export async function until(
  fact: () => boolean | Promise<boolean>,
  what: string | (() => string) = String(fact),
  seconds = 5
): Promise<void> {
  const end = Date.now() + seconds * 1000
  while (!(await fact())) {
    if (Date.now() > end)
      throw new Error(`within ${seconds} s it did not come true: ${typeof what === 'string' ? what : what()}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

interface Printing {
  readonly stdout: string
  readonly stderr: string
  readonly ended: Promise<unknown>
}

/** Waits until a process has printed this, and gives the match. */
export async function printed(
  process: Printing,
  pattern: RegExp,
  seconds: number
): Promise<RegExpMatchArray> {
  let over = false
  const end = () => (over = true)
  void process.ended.then(end, end)
  const all = () => process.stdout + process.stderr
  await until(
    () => over || pattern.test(process.stdout),
    () => `prints ${pattern}: ${all()}`,
    seconds
  )
  const match = process.stdout.match(pattern)
  if (match) return match
  throw new Error(`it ended without printing ${pattern}: ${all()}`)
}

type Events<Emitter> = Emitter extends { once(event: infer K, listener: infer _L): unknown } ? K : never

/** The arguments of the next event. */
export function next<E extends { once(event: never, listener: never): unknown }>(
  emitter: E,
  event: Events<E>
  // biome-ignore lint/suspicious/noExplicitAny: each test knows the payload of its event.
): Promise<any[]> {
  return new Promise(resolve =>
    emitter.once(event as never, ((...args: unknown[]) => resolve(args)) as never)
  )
}

/** Everything that was emitted, in order, as it comes. */
export function record<E extends { on(event: never, listener: never): unknown }>(
  emitter: E,
  ...events: string[]
  // biome-ignore lint/suspicious/noExplicitAny: as above
): { event: string; args: any[] }[] {
  const seen: { event: string; args: unknown[] }[] = []
  for (const event of events) {
    emitter.on(event as never, ((...args: unknown[]) => seen.push({ event, args })) as never)
  }
  return seen
}
