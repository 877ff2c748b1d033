import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** A row of docs/threats.json. */
export interface Threat {
  number: number
  threat: string
  promise: string
  /** What it is told by: close codes and error codes. */
  codes: string[]
  /** Names of the tests that hold it. */
  tests: string[]
}

export interface FoundTest {
  file: string
  /** From its name to its end. */
  body: string
}

export const PAGE = 'docs/trust.md'
const MARK = '<!-- threats.json -->'

export function readThreats(): Threat[] {
  return JSON.parse(readFileSync('docs/threats.json', 'utf8'))
}

/** Every test by its name, as its file spells it. */
export function findTests(): Map<string, FoundTest[]> {
  const found = new Map<string, FoundTest[]>()
  const files = readdirSync('test', { recursive: true, encoding: 'utf8' })
  for (const name of files.filter(name => name.endsWith('.test.ts') && !name.startsWith('tools'))) {
    const file = `test/${name}`
    const [, ...blocks] = readFileSync(file, 'utf8').split(/^ *test\(/m)
    for (const block of blocks) {
      const [, , title] = /^\s*(['"`])((?:\\.|(?!\1).)*)\1/s.exec(block) ?? []
      const [body = ''] = block.split(/^\}?\)$/m, 1)
      if (title) found.set(title, [...(found.get(title) ?? []), { file, body }])
    }
  }
  return found
}

/** The page with its table made anew. */
export function renderPage(page: string): string {
  const [before, , after] = page.split(MARK)
  if (after === undefined) return page.replace(MARK, `${MARK}\n\n${table()}\n\n${MARK}`)
  return [before, `\n\n${table()}\n\n`, after].join(MARK)
}

function table(): string {
  const tests = findTests()
  const link = (name: string) => `[${name}](../${tests.get(name)?.[0]?.file})`
  const rows = readThreats().map(({ number, threat, promise, codes, tests: names }) => {
    const told = [promise, ...codes.map(code => `\`${code}\``)].join(' ')
    const held = names.map(link).join('<br>')
    return `| ${number} | ${threat} | ${told} | ${held} |`
  })
  return ['| | threat | what happens | held by |', '|---|---|---|---|', ...rows].join('\n')
}

// `node --import tsx test/tools/threats.ts` writes the table into the page.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, renderPage(readFileSync(PAGE, 'utf8')))
}
