import { isIPv6 } from 'node:net'
import { type Logger, pino } from 'pino'
import { codeOfClose, type SocketSignalServerMap } from 'socket-signal'
import type { RedisBackplane } from 'socket-signal-redis'

/** Writes what happens as lines of JSON to the standard output: no URLs with queries, no tokens, no addresses, no ids. */
export function startLog(signal: SocketSignalServerMap, backplane?: RedisBackplane): Logger {
  const log = pino({ base: { pid: process.pid } })
  signal.on('connection', () => log.debug('connected'))
  signal.on('disconnection', (_rpc, { code }) => {
    const name = codeOfClose(code)
    if (name) log.info({ code: name }, 'closed')
  })
  signal.on('connection-error', error => log.warn({ code: codeOf(error) }, 'refused'))
  signal.on('kicked', () => log.info('kicked by another node'))
  backplane?.on('degraded', error => log.error({ reason: wordsOf(error) }, 'backplane degraded'))
  backplane?.on('recovered', () => log.info({ nodes: backplane.nodes }, 'backplane recovered'))
  return log
}

/** Whatever answers in place of Redis may say as much as it likes. */
const MAX_WORDS = 500

function codeOf(error: unknown): string {
  const { code } = (error ?? {}) as { code?: unknown }
  return typeof code === 'string' ? code : 'INTERNAL'
}

/** Without an address, and in one line: what clients throw may have more in it. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  const why =
    error.cause instanceof Error && !error.message.includes(error.cause.message) ? error.cause.message : ''
  const words = why ? `${error.message}: ${why}` : error.message
  return words
    .replace(/\p{Cc}+/gu, ' ')
    .replace(/\S+/g, word => (isAddress(word) ? '…' : word))
    .slice(0, MAX_WORDS)
}

/** Whether there is an IP address in it: with a port behind it, in brackets, or in a URL. */
function isAddress(word: string): boolean {
  if (/\d+\.\d+\.\d+\.\d+/.test(word)) return true
  const parts = word.match(/(?<![\w:])[\da-f]*:[\da-f:]*:[\da-f:.]*(?!\w)/gi) ?? []
  return parts.some(part => isIPv6(part) || isIPv6(part.replace(/:\d*$/, '')))
}
