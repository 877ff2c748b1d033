import { spawn } from 'node:child_process'
import type { Test } from 'tape'

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
  /** Whether a process of its group still lives. */
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
    this.ended = new Promise((resolve, reject) => {
      this.#child.on('error', reject)
      this.#child.on('exit', code => {
        // Asked before the pipes close, which a process left behind would hold open.
        const left = this.#signal(0)
        const done = () => resolve({ code, stdout: this.stdout, stderr: this.stderr, left })
        if (left) done()
        else this.#child.on('close', done)
      })
    })
    t.teardown(() => void this.#signal('SIGKILL'))
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
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
