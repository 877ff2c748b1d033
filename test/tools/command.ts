import { spawn } from 'node:child_process'
import type { Test } from 'tape'
import { printed, until } from './wait.ts'

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
  /** Whether a process of its group still lived twenty seconds later. */
  left: boolean
}

/** A user's command in a process group of its own, with a user's environment; nothing of it outlives the test. */
export class Command {
  stdout = ''
  stderr = ''
  readonly ended: Promise<Outcome>
  readonly #group: number
  readonly #child: ReturnType<typeof spawn>

  constructor(t: Test, [file = '', ...args]: string[], { cwd = '.', env = {} } = {}) {
    const { NODE_OPTIONS: _, PORT: __, ...inherited } = process.env
    this.#child = spawn(file, args, { cwd, env: { ...inherited, ...env }, detached: true })
    this.#group = this.#child.pid ?? 0
    this.#child.stdout?.on('data', chunk => (this.stdout += chunk))
    this.#child.stderr?.on('data', chunk => (this.stderr += chunk))
    const closed = new Promise(resolve => this.#child.on('close', resolve))
    this.ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      // Not only on `close`: a process that is left behind holds the pipes open.
      this.#child.on('exit', async code => {
        const left = await until(() => !this.#signal(0), 'none is left', 20).then(
          () => false,
          () => true
        )
        if (!left) await closed
        resolve({ code, stdout: this.stdout, stderr: this.stderr, left })
      })
    })
    t.teardown(() => void this.#signal('SIGKILL'))
  }

  /** Waits until it has printed this, and gives the match. */
  says(pattern: RegExp, seconds = 40): Promise<RegExpMatchArray> {
    return printed(this, pattern, seconds)
  }

  /** Types into it. */
  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** As Ctrl+C does: every process of the group gets it. */
  interrupt(): void {
    this.#signal('SIGINT')
  }

  #signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-this.#group, signal)
    } catch {
      return false
    }
  }
}

/** Runs a command to its end. */
export function run(t: Test, command: string[], options?: { cwd?: string; env?: NodeJS.ProcessEnv }) {
  return new Command(t, command, options).ended
}
