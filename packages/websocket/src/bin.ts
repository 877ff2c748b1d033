#!/usr/bin/env node
import { explain, HELP, parseCommand, type Settings } from './cli.ts'
import { SocketSignalWebsocketServer } from './server.ts'
import { isLoopback } from './url.ts'

const NAME = 'socket-signal-websocket'

function main(): void {
  let settings: Settings
  try {
    settings = parseCommand(process.argv.slice(2), process.env)
  } catch (error) {
    // Node's own words go on, about positional arguments and dashes.
    const [words] = (error as Error).message.split(/\.(?: To specify|\n)/)
    return fail(`${words}; see ${NAME} --help`, 2)
  }
  if (settings.help) process.stdout.write(HELP)
  else void serve(settings)
}

async function serve({ port, host }: Settings): Promise<void> {
  const server = new SocketSignalWebsocketServer({ port, host })
  let stopping = false
  // A supervisor may say SIGTERM again; a person who presses Ctrl+C twice wants it to end at once.
  const stop = (signal: NodeJS.Signals) => {
    if (stopping && signal === 'SIGINT') process.exit(1)
    if (stopping) return
    stopping = true
    server.close().then(
      () => process.exit(0),
      error => {
        fail(String(error), 1)
        process.exit()
      }
    )
  }
  for (const signal of SIGNALS) process.on(signal, stop)
  try {
    await server.open()
    console.log(`${NAME} listens on ${server.url}, stop it with Ctrl+C`)
    if (!isLoopback(host)) console.error(`${NAME}: ${WARNING}`)
  } catch (error) {
    fail(explain(error, host, port), 1)
  }
}

const WARNING =
  'beyond this machine, hellos are checked against the Host header alone; socket-signal-server takes --public-url'

const SIGNALS = ['SIGINT', 'SIGTERM'] as const

function fail(words: string, code: number): void {
  console.error(`${NAME}: ${words}`)
  process.exitCode = code
}

main()
