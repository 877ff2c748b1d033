import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import type { Test } from 'tape'
import { run } from './command.ts'

interface Manifest {
  name: string
  exports: { [path: string]: unknown }
}

/** Our packages, with the names by which each of their entries is imported. */
export function entries(): string[] {
  return folders().flatMap(folder => {
    const { name, exports } = manifest(folder)
    const paths = Object.keys(exports).filter(path => path !== './package.json')
    return paths.map(path => name + path.slice(1))
  })
}

/** An empty folder where all of our packages were installed by npm from their tarballs, and `others` beside them. */
export async function installPacked(t: Test, others: string[] = []): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'packed-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  // Copies that stand alone: from where they are, npm would walk through all that is installed here, for each.
  const copies = folders().map(path => join(folder, 'sources', basename(path)))
  for (const [at, path] of folders().entries())
    cpSync(path, copies[at] ?? '', { recursive: true, filter: name => basename(name) !== 'node_modules' })
  await npm(t, folder, ['pack', '--silent', '--pack-destination', folder, ...copies])
  const tarballs = readdirSync(folder).filter(name => name.endsWith('.tgz'))
  const files = tarballs.map(name => `./${name}`)
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const flags = ['--prefer-offline', '--no-audit', '--no-fund', '--no-package-lock']
  await npm(t, folder, ['install', ...flags, ...files, ...others])
  return folder
}

/** The README's code of this label, for instance "js client". */
export function readmeCode(label: string): string {
  const [, code] = readFileSync('README.md', 'utf8').split(`\n\`\`\`${label}\n`)
  if (!code) throw new Error(`README.md has no code block "${label}"`)
  return code.slice(0, code.indexOf('\n```') + 1)
}

async function npm(t: Test, cwd: string, args: string[]): Promise<void> {
  const { code, stdout, stderr } = await run(t, ['npm', ...args], { cwd })
  if (code !== 0) throw new Error(`npm ${args[0]} failed: ${stderr}${stdout}`)
}

function folders(): string[] {
  return readdirSync('packages').map(name => `packages/${name}`)
}

function manifest(folder: string): Manifest {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
}
