import { type ChildProcess, spawn } from 'node:child_process'
import { program } from './program.ts'
import type { Life } from './redis.ts'
import { printed } from './wait.ts'

/** A TypeScript file that runs in a process of its own, behind `prefix` if that is given, and ends with the test. */
export class Child {
  stdout = ''
  stderr = ''
  readonly process: ChildProcess
  /** The exit code; a signal's name when one ended it. */
  readonly ended: Promise<number | string | null>

  constructor(
    life: Life,
    file: string,
    args: string[] = [],
    env: { [name: string]: string } = {},
    prefix: string[] = []
  ) {
    const node = [process.execPath, ...program(file), ...args]
    const { PORT: _, SOCKET_SIGNAL_SECRET: __, ...inherited } = process.env
    const [command = '', ...words] = [...prefix, ...node]
    this.process = spawn(command, words, { env: { ...inherited, ...env } })
    this.process.stdout?.on('data', chunk => (this.stdout += chunk))
    this.process.stderr?.on('data', chunk => (this.stderr += chunk))
    this.ended = new Promise(resolve => this.process.on('close', (code, signal) => resolve(code ?? signal)))
    life.teardown(async () => {
      this.kill('SIGKILL')
      await this.ended
    })
  }

  /** Waits until it has printed this, and gives the match. */
  says(pattern: RegExp, seconds = 30): Promise<RegExpMatchArray> {
    return printed(this, pattern, seconds)
  }

  kill(signal: NodeJS.Signals): void {
    this.process.kill(signal)
  }
}
