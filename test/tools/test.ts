import { relative } from 'node:path'
import tape from 'tape'
import { missing, type Need } from './needs.ts'
import { matches } from './tags.ts'
import { MARK } from './tap.ts'

export interface TestOptions {
  /** ms, 30,000 by default. */
  timeout?: number
  /** Programs of the system; where one is missing the test is skipped. */
  needs?: Need[]
  /** A reason not to run it. It is counted as skipped. */
  skip?: string | undefined
}

type Body = (t: tape.Test) => void | Promise<void>

/** The runner says which: what it starts is a bundle. */
const FILE = process.env.TEST_FILE ?? relative(process.cwd(), process.argv[1] ?? '')
const WORD = process.env.TEST_WORD ?? ''

/** tape's `test`, with a deadline, and told apart from subtests and comments by the runner. */
export function test(name: string, body: Body): void
export function test(name: string, options: TestOptions, body: Body): void
export function test(name: string, ...rest: [Body] | [TestOptions, Body]): void {
  const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest
  if (!matches(WORD, FILE) && !matches(WORD, name)) return
  const lacking = missing(options.needs ?? [])
  const skip = options.skip ?? (lacking.length > 0 ? `needs ${lacking.join(', ')}` : '')
  const run = skip ? (t: tape.Test) => skipped(t, skip) : body
  tape(MARK + name, { timeout: options.timeout ?? 30_000 }, t => attempt(run, t))
}

// A body that throws before its first await must fail its own test and leave the later ones to run.
function attempt(body: Body, t: tape.Test): void | Promise<void> {
  try {
    return body(t)
  } catch (error) {
    return Promise.reject(error)
  }
}

function skipped(t: tape.Test, reason: string): void {
  t.pass(reason, { skip: reason })
  t.end()
}
