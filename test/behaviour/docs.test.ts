import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { CODES, LIMITS } from 'socket-signal'
import { test } from '../tools/test.ts'

const DOCS = [
  'README.md',
  'ARCHITECTURE.md',
  ...readdirSync('packages').map(name => `packages/${name}/README.md`)
]
const FOLDER = 'node_modules/.cache/docs'

test('docs: the code in README and ARCHITECTURE compiles', t => {
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const names = DOCS.filter(existsSync).flatMap(file =>
    blocks(readFileSync(file, 'utf8')).map((code, at) => {
      const name = `${file.replaceAll('/', '-')}-${at}.ts`
      writeFileSync(`${FOLDER}/${name}`, code)
      return name
    })
  )
  writeFileSync(`${FOLDER}/package.json`, '{ "type": "module" }')
  const compilerOptions = { declaration: false, composite: false, skipLibCheck: true }
  writeFileSync(
    `${FOLDER}/tsconfig.json`,
    JSON.stringify({
      extends: '../../../tsconfig.json',
      compilerOptions,
      include: ['*.ts'],
      exclude: []
    })
  )
  const { status, stdout } = spawnSync(process.execPath, ['node_modules/ts7/bin/tsc', '-p', FOLDER], {
    encoding: 'utf8'
  })
  t.ok(names.length >= 4, `${names.length} blocks`)
  t.equal(status, 0, stdout || 'no complaint')
  t.end()
})

test('docs: README lists every code, its close number, and every limit with its default', t => {
  const readme = readFileSync('README.md', 'utf8')
  for (const [code, { close }] of Object.entries(CODES) as [string, { close?: number }][]) {
    t.ok(close ? readme.includes(`${close} | \`${code}\``) : readme.includes(`\`${code}\``), code)
  }
  for (const [name, value] of Object.entries(LIMITS)) {
    t.ok(readme.includes(`\`${name}\``), name)
    const written = Number.isFinite(value) ? value.toLocaleString('en-US') : 'none'
    t.ok(readme.includes(written), `${name} ${written}`)
  }
  t.end()
})

test('docs: the table in ARCHITECTURE names every file of core, and no other', t => {
  const [, table = ''] = readFileSync('ARCHITECTURE.md', 'utf8').split('## core/src')
  const rows = [...(table.split('\n## ')[0] as string).matchAll(/^\| ([a-z][a-z0-9, -]+) \|/gm)]
  const named = rows.flatMap(([, names = '']) => names.split(', ')).filter(name => name !== 'files')
  const files = readdirSync('packages/core/src').map(name => name.replace(/\.ts$/, ''))
  t.deepEqual(named.sort(), files.filter(name => name !== 'index').sort())
  t.end()
})

test('docs: the changelog has a line for the version of every package, and all share it', t => {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
  t.ok(readFileSync('CHANGELOG.md', 'utf8').includes(`## ${version}`))
  for (const name of readdirSync('packages')) {
    t.equal(JSON.parse(readFileSync(`packages/${name}/package.json`, 'utf8')).version, version, name)
    t.ok(existsSync(`packages/${name}/README.md`), `${name} has a README`)
  }
  t.end()
})

function blocks(markdown: string): string[] {
  return [...markdown.matchAll(/^```(?:js|ts)[^\n]*\n([\s\S]*?)^```$/gm)].map(
    ([, code]) => `${code}\nexport {}\n`
  )
}
