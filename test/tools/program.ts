import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** What Node is to run for a file: its bundle if there is one in that folder, else the file behind a loader. */
export function program(file: string, folder = process.env.TEST_BUNDLES): string[] {
  const bundled = folder && join(folder, `${file}.mjs`)
  return bundled && existsSync(bundled)
    ? ['--enable-source-maps', bundled]
    : ['--conditions=@socket-signal/source', '--import', 'tsx', file]
}
