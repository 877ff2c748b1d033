#!/usr/bin/env node
import { readFileSync } from 'node:fs'
import { explain, HELP, parseCommand, type Settings } from './cli.ts'
import { startLog, wordsOf } from './log.ts'
import { notesOf } from './notes.ts'
import { createServer, type SignalServer } from './server.ts'

const NAME = 'socket-signal-server'
const SIGNALS = ['SIGINT', 'SIGTERM'] as const

function main(): void {
  try {
    const { show, log, options } = parseCommand(process.argv.slice(2), process.env)
    if (show === 'help') return void process.stdout.write(HELP)
    if (show === 'version') return console.log(version())
    void serve(createServer(options), options, log === 'json')
  } catch (error) {
    // Node's own words go on, about positional arguments and dashes.
    const [words] = explain(error, { host: '', port: 0 }).split(/\.(?: To specify|\n)/)
    fail(`${words}; see ${NAME} --help`, 2)
  }
}

async function serve(server: SignalServer, options: Settings['options'], isJson: boolean): Promise<void> {
  const log = isJson ? startLog(server.signal, server.backplane) : undefined
  const { backplane } = server
  let why = ''
  backplane?.on('degraded', error => (why = wordsOf(error)))
  const isStopping = stopOnSignals(server)
  try {
    await server.open()
  } catch (error) {
    return fail(explain(error, options), 1)
  }
  if (isStopping()) return
  if (log) log.info({ version: version(), page: server.url, signals: server.signalUrl }, 'running')
  else introduce(server, options, () => why)
  for (const { level, words } of notesOf(options)) {
    if (log) log[level](words)
    else if (level === 'warn') console.error(`warning: ${words}`)
    else console.log(`note: ${words}`)
  }
}

/** For people. */
function introduce(
  server: SignalServer,
  { tokens, chat, publicUrls }: Settings['options'],
  why: () => string
): void {
  const { backplane } = server
  console.log(`${NAME} ${version()} is running; stop it with Ctrl+C`)
  console.log(`  page     ${server.url}`)
  console.log(`  signals  ${server.signalUrl}`)
  // Not even this page, at the address above.
  if (publicUrls.length > 0) console.log(`  clients  dial ${publicUrls.join(' or ')}, and nothing else`)
  console.log(`  health   ${server.url}healthz`)
  if (backplane) {
    const warn = () => console.error(`warning: this server is alone until Redis can be used again: ${why()}`)
    console.log(
      `  redis    ${backplane.status}, ${backplane.nodes === 1 ? '1 other server' : `${backplane.nodes} other servers`}`
    )
    if (backplane.status === 'degraded') warn()
    backplane.on('degraded', warn)
    backplane.on('recovered', () => console.log('Redis is back'))
  }
  if (tokens)
    console.log(`  tokens   ${tokens.mode}${tokens.project ? `, minted at ${server.url}tokens` : ''}`)
  if (typeof chat === 'object') {
    const path = `${chat.base ?? '/api'}/chat/realtime/`
    console.log(`  chat     ${new URL(path, server.url.replace(/^http/, 'ws'))}{chatId}`)
  }
}

/**
 * The first signal ends it in order. A supervisor may say SIGTERM again; a person who presses Ctrl+C twice wants it to end
 * at once. Gives whether there was one.
 */
function stopOnSignals(server: SignalServer): () => boolean {
  let stopping = false
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
  return () => stopping
}

function version(): string {
  return JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version
}

function fail(words: string, code: number): void {
  console.error(`${NAME}: ${words}`)
  process.exitCode = code
}

main()
