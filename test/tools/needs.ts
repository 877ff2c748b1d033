import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

const COMMANDS = {
  chromium: ['chromium', 'chromium-browser', 'google-chrome'],
  firefox: ['firefox-esr', 'firefox'],
  ip: ['ip'],
  curl: ['curl'],
  faketime: ['faketime'],
  coturn: ['turnserver'],
  python3: ['python3'],
  'redis-server': ['redis-server']
}

export type Need = keyof typeof COMMANDS

/** The path of a program, or undefined where it is missing or of no use: `ip` is of none without root. */
export function find(need: Need): string | undefined {
  if (need === 'ip' && process.getuid?.() !== 0) return undefined
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']
  return folders.flatMap(folder => COMMANDS[need].map(name => join(folder, name))).find(isExecutable)
}

export function missing(needs: Need[]): Need[] {
  return needs.filter(need => !find(need))
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}
