import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { CODES } from 'socket-signal'
import { test } from '../tools/test.ts'
import { findTests, PAGE, readThreats, renderPage } from '../tools/threats.ts'

/** An assertion of its own: what a helper does with `t` may be no more than to clean up. */
const ASSERTS = /\bt\.(ok|notOk|equal|notEqual|same|deepEqual|match|throws|doesNotThrow|pass)\(/

test('trust: each test that a threat names exists once, and asserts', t => {
  const tests = findTests()
  for (const { number, tests: names } of readThreats()) {
    for (const name of names) {
      const found = tests.get(name) ?? []
      t.equal(found.length, 1, `${number}: ${name}`)
      t.ok(
        found.every(({ body }) => ASSERTS.test(body)),
        `${number}: asserts`
      )
    }
  }
  t.end()
})

test('trust: every threat has its row, with a test, and codes that exist', t => {
  const threats = readThreats()
  t.same(
    threats.map(({ number }) => number),
    Array.from({ length: 49 }, (_, at) => at + 1)
  )
  for (const { number, tests, codes } of threats) {
    t.ok(tests.length > 0, `${number}: ${tests.length} tests`)
    t.equal(new Set(tests).size, tests.length, `${number}: each once`)
    for (const code of codes) t.ok(code in CODES, `${number}: ${code}`)
  }
  t.end()
})

test('trust: the page shows the table as it is kept, and README leads there', t => {
  const page = readFileSync(PAGE, 'utf8')
  t.ok(page === renderPage(page), 'else run: node --import tsx test/tools/threats.ts')
  const links = [...page.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link]) => link as string)
  for (const link of new Set(links)) t.ok(existsSync(join(dirname(PAGE), link)), link)
  t.ok(readFileSync('README.md', 'utf8').includes(`(${PAGE})`), 'README')
  t.end()
})

test('trust: a test that is named and gone is found', t => {
  const tests = findTests()
  t.ok(tests.size > 300, `${tests.size} tests are known`)
  t.notOk(tests.has('hostile frames: a test that nobody wrote'))
  t.notOk(
    ASSERTS.test("'a test', t => {\n  startServer(t, {})\n  t.end()\n})"),
    'as is one that asserts nothing'
  )
  t.end()
})
