/** Begins the name of each test, so that subtests and comments are not taken for tests. */
export const MARK = '» '

export interface TestResult {
  name: string
  state: 'passed' | 'failed' | 'skipped'
  /** What to show of it when it failed, or why it was skipped. */
  lines: string[]
}

export interface Tap {
  tests: TestResult[]
  /** False where tape began and did not come to its end: no plan, or one of another number of assertions. */
  complete: boolean
}

export function parseTap(output: string): Tap {
  const blocks: string[][] = []
  let assertions = 0
  let plan = -1
  for (const line of output.split('\n')) {
    if (isAssertion(line)) assertions++
    if (line.startsWith(`# ${MARK}`)) blocks.push([line])
    else if (/^1\.\.\d+$/.test(line)) plan = Number(line.slice(3))
    else if (plan === -1) blocks.at(-1)?.push(line)
  }
  return { tests: blocks.map(toResult), complete: plan === assertions || !output.includes('TAP version') }
}

function toResult([head = '', ...body]: string[]): TestResult {
  const name = head.slice(`# ${MARK}`.length)
  const assertions = body.filter(isAssertion)
  if (assertions.length === 0) return { name, state: 'failed', lines: [head, 'not ok made no assertion'] }
  if (assertions.some(isFailure))
    return { name, state: 'failed', lines: [head, ...body.filter(isWorthShowing)] }
  const reasons = assertions.filter(isSkip).map(line => line.replace(/.* # (SKIP|TODO) ?/, ''))
  return { name, state: reasons.length > 0 ? 'skipped' : 'passed', lines: reasons }
}

function isAssertion(line: string): boolean {
  return /^(not )?ok \d+/.test(line)
}

function isFailure(line: string): boolean {
  return line.startsWith('not ok') && !isSkip(line)
}

function isSkip(line: string): boolean {
  return / # (SKIP|TODO)/.test(line)
}

function isWorthShowing(line: string): boolean {
  return line !== '' && !line.startsWith('ok ')
}
