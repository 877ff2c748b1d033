import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { program } from '../tools/program.ts'
import { test } from '../tools/test.ts'

interface Run {
  code: number | null
  output: string
  closing: string | undefined
}

test('runner: counts tests, not assertions, comments or subtests', async t => {
  const { code, closing } = await run('passing')
  t.equal(closing, '2 passed, 0 failed, 0 skipped')
  t.equal(code, 0)
})

test('runner: a word chooses tests by name or by file', async t => {
  t.equal((await run('passing', { word: 'one of' })).closing, '1 passed, 0 failed, 0 skipped')
  t.equal((await run('passing', { word: 'passing/pass' })).closing, '2 passed, 0 failed, 0 skipped')
  t.equal(
    (await run('passing', { word: 'mjs' })).closing,
    '0 passed, 1 failed, 0 skipped',
    'not of its bundle'
  )
})

test('runner: a word that matches nothing fails and says so', async t => {
  const { code, output, closing } = await run('passing', { word: 'nowhere' })
  t.match(output, /no test matches "nowhere"/)
  t.equal(closing, '0 passed, 1 failed, 0 skipped')
  t.equal(code, 1)
})

test('runner: a tag or its section chooses whole numbers, and starts no file that lacks them', async t => {
  t.equal((await run('numbers', { word: '001' })).closing, '2 passed, 0 failed, 0 skipped')
  t.equal((await run('numbers', { word: '001.1' })).closing, '1 passed, 0 failed, 0 skipped')
  t.equal((await run('numbers', { word: '001.2' })).closing, '1 passed, 0 failed, 0 skipped')
  const { output } = await run('numbers', { word: 'tag' })
  t.match(output, /others\.test\.ts exited with 1/, 'another word starts all')
})

test('runner: files that mostly wait run beside the others, and in their place in the end', async t => {
  const meeting = mkdtempSync(join(tmpdir(), 'meeting-'))
  t.teardown(() => rmSync(meeting, { recursive: true }))
  const { output, closing } = await run('waiting', { env: { TEST_WORKERS: '1', MEETING: meeting } })
  t.equal(closing, '5 passed, 0 failed, 0 skipped', output)
})

test('runner: failures, rejections and throws are shown and end only their own test', async t => {
  const { code, output, closing } = await run('failing')
  t.equal(closing, '1 passed, 3 failed, 0 skipped')
  for (const words of ['one is two', 'rejected for a reason', 'thrown for a reason'])
    t.ok(output.includes(words), words)
  t.match(output, /failing\.test\.ts:\d+/, 'with a stack')
  t.equal(code, 1)
})

test('runner: a test that asserts nothing fails', async t => {
  const { code, output, closing } = await run('assertionless')
  t.match(output, /made no assertion/)
  t.equal(closing, '0 passed, 1 failed, 0 skipped')
  t.equal(code, 1)
})

test('runner: a skip is counted, and fails the run with CI=true', async t => {
  const here = await run('skipping')
  t.match(here.output, /is skipped: not today/, 'with its reason')
  t.equal(here.closing, '0 passed, 0 failed, 1 skipped')
  t.equal(here.code, 0)
  t.equal((await run('skipping', { ci: 'true' })).code, 1)
})

test('runner: a test whose program is missing is skipped and says which', async t => {
  const { output, closing } = await run('needing', { path: '/nowhere' })
  t.match(output, /needs Chromium: needs chromium/)
  t.equal(closing, '0 passed, 0 failed, 1 skipped')
})

test('runner: a file that crashes after its tests fails', async t => {
  const { code, output, closing } = await run('crashing')
  t.match(output, /crashed for a reason/)
  t.equal(closing, '1 passed, 1 failed, 0 skipped')
  t.equal(code, 1)
})

test('runner: a file that ends without its plan fails', async t => {
  const { code, output, closing } = await run('planless')
  t.match(output, /planless\.test\.ts ended before its plan/)
  t.equal(closing, '1 passed, 1 failed, 0 skipped')
  t.equal(code, 1)
})

test('runner: a file that can not be read fails and says why, and nothing is left of any bundle', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'runner-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'broken.test.ts'), 'const = 1')
  const { output, closing } = await run('', { env: { TEST_DIR: folder, TMPDIR: folder } })
  t.match(output, /^Not bundled, .*broken\.test\.ts:1:6/ms)
  t.match(output, /FAIL \S+broken\.test\.ts/)
  t.equal(closing, '0 passed, 1 failed, 0 skipped')
  t.deepEqual(
    readdirSync(folder).filter(name => name.startsWith('tests-')),
    []
  )
})

test('runner: a file without tests fails', async t => {
  t.equal((await run('silent')).closing, '0 passed, 1 failed, 0 skipped')
})

test('runner: a file that does not end is killed and fails', async t => {
  const { code, output, closing } = await run('hanging', { timeout: '5000' })
  t.match(output, /did not end within 5 s/)
  t.equal(closing, '1 passed, 1 failed, 0 skipped')
  t.equal(code, 1)
})

test('runner: a test that does not end fails at its own time-out', async t => {
  const { output, closing } = await run('stuck')
  t.match(output, /never settles.*timed out after 50/s)
  t.equal(closing, '0 passed, 1 failed, 0 skipped')
})

test('runner: doubled, unknown and missing tags fail', async t => {
  const { output, closing } = await run('tags')
  t.match(output, /tag 001\.1 is given to two tests/)
  t.match(output, /unknown tag 001\.9/)
  t.match(output, /no test for 001\.3/)
  t.notOk(output.includes('002.1'), 'a section that is not said to be complete may have gaps')
  t.equal(closing, '3 passed, 3 failed, 0 skipped')
})

test('runner: a missing tag fails the run of its section, and no other part', async t => {
  t.match((await run('tags', { word: '001' })).output, /no test for 001\.3/)
  t.notOk((await run('tags', { word: '001.2' })).output.includes('no test for'))
})

function run(
  fixture: string,
  { word = '', ci = '', timeout = '60000', path = process.env.PATH, env: more = {} } = {}
): Promise<Run> {
  const env = {
    ...process.env,
    PATH: path,
    TEST_DIR: `test/tools/fixtures/${fixture}`,
    TEST_TIMEOUT: timeout,
    CI: ci,
    ...more
  }
  const child = spawn(process.execPath, [...program('test/run.ts'), ...(word ? [word] : [])], { env })
  let output = ''
  child.stdout.on('data', text => (output += text))
  child.stderr.on('data', text => (output += text))
  return new Promise(resolve => {
    child.on('close', code => resolve({ code, output, closing: output.trim().split('\n').at(-1) }))
  })
}
