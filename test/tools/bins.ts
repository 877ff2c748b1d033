import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tape'
import { selfSigned } from './cert.ts'
import { Child } from './child.ts'

export const WEBSOCKET = 'packages/websocket/src/bin.ts'
export const SERVER = 'packages/server/src/bin.ts'

/** What a server says of itself once it runs. */
export const ADDRESS = /ws:\/\/127\.0\.0\.1:\d+/

/** A command that ends with a code, and says why in one line. */
export async function refuses(
  t: Test,
  name: string,
  file: string,
  args: string[],
  words: RegExp,
  code: number
): Promise<void> {
  const child = new Child(t, file, args)
  t.equal(await child.ended, code, args.join(' '))
  t.match(child.stderr, words)
  t.match(child.stderr, new RegExp(`^${name}: [^\n]+\n$`), 'in one line')
}

/** A certificate and its key. */
export function files(t: Test): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'cli-test-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const { cert, key } = selfSigned()
  writeFileSync(join(folder, 'cert.pem'), cert)
  writeFileSync(join(folder, 'key.pem'), key)
  return { cert: join(folder, 'cert.pem'), key: join(folder, 'key.pem') }
}
