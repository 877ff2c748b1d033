import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundle } from './tools/bundle.ts'
import { program } from './tools/program.ts'
import { isTag, matches, tagProblems } from './tools/tags.ts'
import { parseTap, type TestResult } from './tools/tap.ts'

interface FileResult {
  file: string
  ms: number
  tests: TestResult[]
  /** Why the file failed beyond what its tests say. */
  problem: string
}

const root = process.env.TEST_DIR ?? 'test'
const timeout = Number(process.env.TEST_TIMEOUT ?? 300_000)
const workers = Number(process.env.TEST_WORKERS ?? availableParallelism())
const word = process.argv.slice(2).join(' ')
const groups = new Set<number>()
/** The first line of a file that leaves its core to others for most of its time. */
const MOSTLY_WAITS = '// Mostly waits: the runner starts it beside the others.\n'
const bundles = mkdtempSync(join(tmpdir(), 'tests-'))

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    for (const group of groups) killGroup(group)
    process.exit(1)
  })
}
process.on('exit', () => rmSync(bundles, { recursive: true, force: true }))

const files = findFiles()
const busy = files.filter(file => !mostlyWaits(file))
const idle = files.filter(mostlyWaits)
const results: FileResult[] = []
await bundle(files, bundles).catch(error => {
  console.log(`Not bundled, so that each file is loaded by itself, which takes longer: ${error}`)
})
await Promise.all([
  work(() => idle.shift()),
  ...Array.from({ length: workers }, () => work(() => busy.shift() ?? idle.shift()))
])
report()

function findFiles(): string[] {
  const all = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort()
  return all
    .filter(file => file.endsWith('.test.ts') && !file.startsWith('tools/'))
    .map(file => `${root}/${file}`)
    .filter(mayMatch)
}

/**
 * A tag stands in its file as it is read, and a section lacks tags where one does not. Other words may be of names that
 * are composed, or of a suite's.
 */
function mayMatch(file: string): boolean {
  return !isTag(word) || matches(word, file) || matches(word, readFileSync(file, 'utf8'))
}

function mostlyWaits(file: string): boolean {
  return readFileSync(file, 'utf8').startsWith(MOSTLY_WAITS)
}

async function work(next: () => string | undefined): Promise<void> {
  for (let file = next(); file; file = next()) {
    const result = await runFile(file)
    results.push(result)
    printFile(result)
  }
}

async function runFile(file: string): Promise<FileResult> {
  const started = performance.now()
  const env = { ...process.env, TEST_FILE: file, TEST_WORD: word, TEST_BUNDLES: bundles }
  const child = spawn(process.execPath, ['--unhandled-rejections=strict', ...program(file, bundles)], {
    detached: true,
    env,
    stdio: ['ignore', 'pipe', 'pipe']
  })
  const group = child.pid ?? 0
  groups.add(group)
  let stdout = ''
  let stderr = ''
  let late = false
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', text => (stderr += text))
  // A browser that a test left behind would hold the pipes open for ever.
  child.on('exit', () => killGroup(group))
  const timer = setTimeout(() => {
    late = true
    killGroup(group)
  }, timeout)
  const code = await new Promise<number | null>(resolve => child.on('close', resolve))
  clearTimeout(timer)
  groups.delete(group)
  const { tests, complete } = parseTap(stdout)
  const problem = late ? `did not end within ${timeout / 1000} s` : findProblem(code, tests, complete)
  const ms = performance.now() - started
  return { file, ms, tests, problem: problem && `${problem}\n${stderr}`.trim() }
}

function findProblem(code: number | null, tests: TestResult[], complete: boolean): string {
  const failed = tests.some(test => test.state === 'failed')
  if (code !== 0 && !(failed && complete)) return `exited with ${code ?? 'a signal'}`
  if (tests.length === 0 && word === '') return 'has no tests'
  return complete ? '' : 'ended before its plan'
}

function killGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // It has ended already.
  }
}

function printFile({ file, ms, tests, problem }: FileResult): void {
  if (tests.length === 0 && !problem) return
  const failed = tests.filter(test => test.state === 'failed')
  const mark = problem || failed.length > 0 ? 'FAIL' : 'ok  '
  console.log(`${mark} ${file} (${tests.length} tests, ${seconds(ms)})`)
  for (const test of failed) console.log(test.lines.join('\n'))
  for (const test of tests.filter(test => test.state === 'skipped'))
    console.log(`skip ${test.name}: ${test.lines}`)
  if (problem) console.log(`${file} ${problem}`)
}

function report(): void {
  const tests = results.flatMap(result => result.tests)
  const problems = [...checkTags(tests), ...(word && tests.length === 0 ? [`no test matches "${word}"`] : [])]
  const slowest = results.filter(({ tests }) => tests.length > 0).sort((a, b) => b.ms - a.ms)
  console.log('\nslowest files')
  for (const { file, ms } of slowest.slice(0, 10)) console.log(`${seconds(ms).padStart(8)}  ${file}`)
  for (const problem of problems) console.log(`FAIL ${problem}`)
  const count = (state: TestResult['state']) => tests.filter(test => test.state === state).length
  const failed = count('failed') + results.filter(({ problem }) => problem).length + problems.length
  console.log(`\n${count('passed')} passed, ${failed} failed, ${count('skipped')} skipped`)
  process.exitCode = failed > 0 || (process.env.CI === 'true' && count('skipped') > 0) ? 1 : 0
}

function checkTags(tests: TestResult[]): string[] {
  const file = `${root}/compliance/tags.json`
  if (!existsSync(file)) return []
  const names = tests.map(({ name }) => name)
  return tagProblems(names, JSON.parse(readFileSync(file, 'utf8')), word)
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
