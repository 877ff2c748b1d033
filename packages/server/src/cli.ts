import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import type { ServerOptions } from './server.ts'

export const HELP = `Usage: socket-signal-server [options]

A signal server for socket-signal clients, with a page to try it at / and its health at /healthz.

  -p, --port N            where to listen; 0 takes a free port. Default: $PORT, else 4000
      --host ADDRESS      on which address. Default: 127.0.0.1, this machine alone; 0.0.0.0 is everybody
      --public-url URL    by which clients dial this server, for instance wss://signal.example.org; may be repeated
      --path /PATH        the one path where signals are taken. Default: any
      --origin ORIGIN     pages that may connect, for instance https://app.example.org; may be repeated. Default: any
      --cert FILE         certificate chain, PEM; with --key, serves https and wss
      --key FILE          its private key, PEM
      --max-connections N sockets at once, of all clients; the next is told to come later. Default: any number
      --max-per-address N sockets of one address at once (many people may share one). Default: any number
      --trust-proxy       believe X-Forwarded-For and X-Forwarded-Host: only behind a proxy that sets them
      --identity KIND     required: ids are proven by keys (default); open: anybody may take any id
      --tokens KIND       required: nobody enters without a token; optional: who has none may do anything; off.
                          Default: required where SOCKET_SIGNAL_SECRET or _PROJECT_ID is set (see below), else off
      --chat              takes in chat clients of the DysonNetwork guide, at /api/chat/realtime/{chatId}; they need tokens
      --chat-base /PATH   in place of /api
      --dev               lets those of --chat in without a token, as ?user=ID&name=NAME: only to try things
      --legacy KIND       clients of socket-signal 9 and 10, which have neither keys nor tokens: open, closed, or
                          auto (default): open unless tokens are required
      --turn URL          a TURN server that clients are handed, for instance turn:turn.example.org:3478; may be repeated
      --turn-secret-file FILE
                          what that server has as static-auth-secret. Default: $TURN_SECRET
      --turn-ttl SECONDS  how long TURN credentials are taken; new ones come before. Default: 3600
      --redis URL         servers that share a Redis are one: redis://host:6379; repeated for the nodes of a Cluster.
                          Default: $REDIS_URL, else this server alone
      --history N         keeps the last N messages of each channel whose clients ask for it, as the SDK's chats do, for who
                          comes later: at most 256 KiB of each; in Redis, where there is one. Default: none
      --history-age SECONDS
                          how long they are kept. Default: 3600
      --log KIND          text (default), or json: a line of JSON for each thing that happens
  -h, --help              this text
      --version           the version

Environment:
  SOCKET_SIGNAL_SECRET    signs tokens, at least 32 bytes. Default: another one at each start
  SOCKET_SIGNAL_PROJECT_ID, SOCKET_SIGNAL_API_TOKEN
                          credentials with which your own server mints tokens: POST /tokens, among others
`

export interface Settings {
  show?: 'help' | 'version'
  log: 'text' | 'json'
  options: ServerOptions & { port: number; host: string; publicUrls: string[] }
}

const OPTIONS = {
  port: { type: 'string', short: 'p' },
  host: { type: 'string', default: '127.0.0.1' },
  'public-url': { type: 'string', multiple: true },
  path: { type: 'string' },
  origin: { type: 'string', multiple: true },
  cert: { type: 'string' },
  key: { type: 'string' },
  'max-connections': { type: 'string' },
  'max-per-address': { type: 'string' },
  'trust-proxy': { type: 'boolean', default: false },
  identity: { type: 'string', default: 'required' },
  tokens: { type: 'string' },
  chat: { type: 'boolean', default: false },
  'chat-base': { type: 'string' },
  dev: { type: 'boolean', default: false },
  legacy: { type: 'string', default: 'auto' },
  turn: { type: 'string', multiple: true },
  'turn-secret-file': { type: 'string' },
  'turn-ttl': { type: 'string' },
  redis: { type: 'string', multiple: true },
  history: { type: 'string' },
  'history-age': { type: 'string' },
  log: { type: 'string', default: 'text' },
  help: { type: 'boolean', short: 'h', default: false },
  version: { type: 'boolean', default: false }
} as const

type Env = { readonly [name: string]: string | undefined }

/** What the command line asks for. Throws an Error with words for the user. */
export function parseCommand(args: string[], env: Env): Settings {
  // Whoever asks for help may have got anything else wrong.
  const { help, version } = parseArgs({ args, options: OPTIONS, strict: false }).values
  const nothing = { port: 0, host: '', publicUrls: [] }
  if (help || version) return { show: help ? 'help' : 'version', log: 'text', options: nothing }
  const { values } = parseArgs({ args, options: OPTIONS })
  const { host, path, origin, cert, key, identity, legacy, log } = values
  // Node would take an empty one for everybody's.
  if (host === '') throw new TypeError('--host must be an address, got nothing')
  const redis = values.redis ?? (env.REDIS_URL ? [env.REDIS_URL] : [])
  if (log !== 'text' && log !== 'json') throw new TypeError(`--log must be text or json, got '${log}'`)
  if (identity !== 'required' && identity !== 'open') {
    throw new TypeError(`--identity must be required or open, got '${identity}'`)
  }
  if (legacy !== 'auto' && legacy !== 'open' && legacy !== 'closed')
    throw new TypeError(`--legacy must be open, closed or auto, got '${legacy}'`)
  const port =
    values.port === undefined ? parsePort(env.PORT || '4000', 'PORT') : parsePort(values.port, '--port')
  return {
    log,
    options: {
      port,
      host,
      identity,
      legacy,
      publicUrls: (values['public-url'] ?? []).map(assertPublicUrl),
      trustProxy: values['trust-proxy'],
      ...(redis.length > 0 && { redis }),
      ...(path !== undefined && { path }),
      ...(origin && { origins: origin }),
      ...readTokens(values.tokens, env),
      ...readChat(values),
      ...readTls(cert, key),
      ...readMost(values),
      ...readTurn(values, env.TURN_SECRET),
      ...readHistory(values)
    }
  }
}

function parsePort(text: string, name: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new TypeError(`${name} must be a number from 0 to 65535, got '${text}'`)
}

function readTokens(
  mode: string | undefined,
  { SOCKET_SIGNAL_SECRET: secret, SOCKET_SIGNAL_PROJECT_ID: id, SOCKET_SIGNAL_API_TOKEN: apiToken }: Env
): Pick<ServerOptions, 'tokens'> {
  if (mode !== undefined && mode !== 'required' && mode !== 'optional' && mode !== 'off')
    throw new TypeError(`--tokens must be required, optional or off, got '${mode}'`)
  if (!id !== !apiToken)
    throw new TypeError('SOCKET_SIGNAL_PROJECT_ID and SOCKET_SIGNAL_API_TOKEN belong together')
  // Basic credentials are not slowed down: a token that can be guessed mints tokens for everybody.
  if (apiToken && Buffer.byteLength(apiToken) < 16)
    throw new TypeError(
      'SOCKET_SIGNAL_API_TOKEN needs at least 16 bytes, for instance of openssl rand -hex 32'
    )
  if (id?.includes(':')) throw new TypeError('SOCKET_SIGNAL_PROJECT_ID can hold no colon (RFC 7617)')
  if (mode === 'off') return {}
  // Also one that is there and empty: what was to be filled in and was not must let nobody in.
  if (secret !== undefined && Buffer.byteLength(secret) < 32)
    throw new TypeError(
      `SOCKET_SIGNAL_SECRET needs at least 32 bytes, and has ${Buffer.byteLength(secret)}; unset it, or --tokens off, for none`
    )
  if (!mode && !secret && !id) return {}
  if (!secret && !id)
    throw new TypeError(
      `--tokens ${mode} needs SOCKET_SIGNAL_SECRET, or SOCKET_SIGNAL_PROJECT_ID and SOCKET_SIGNAL_API_TOKEN`
    )
  return {
    tokens: {
      mode: mode ?? 'required',
      ...(secret && { keys: { secret } }),
      ...(id && apiToken && { project: { id, apiToken } })
    }
  }
}

interface ChatWords {
  chat: boolean
  'chat-base'?: string
  dev: boolean
}

function readChat({ chat, 'chat-base': base, dev }: ChatWords): Pick<ServerOptions, 'chat'> {
  if (!chat && (base !== undefined || dev))
    throw new TypeError('--chat-base and --dev need --chat beside them')
  return chat ? { chat: { dev, ...(base !== undefined && { base }) } } : {}
}

function readTls(cert: string | undefined, key: string | undefined): Pick<ServerOptions, 'tls'> {
  if (cert === undefined && key === undefined) return {}
  if (cert === undefined) throw new TypeError('--key needs --cert beside it')
  if (key === undefined) throw new TypeError('--cert needs --key beside it')
  const tls = { cert: read(cert, '--cert'), key: read(key, '--key') }
  const certificate = attempt(() => new X509Certificate(tls.cert))
  if (!certificate) throw new TypeError(`--cert ${cert} holds no certificate in PEM`)
  const own = attempt(() => createPrivateKey(tls.key))
  if (!own) throw new TypeError(`--key ${key} holds no private key in PEM, or one behind a passphrase`)
  if (!certificate.checkPrivateKey(own)) throw new TypeError(`--key ${key} is not the key of --cert ${cert}`)
  return { tls }
}

/** OpenSSL's own words are for those who wrote it. */
function attempt<T>(parse: () => T): T | undefined {
  try {
    return parse()
  } catch {
    return undefined
  }
}

function assertPublicUrl(url: string): string {
  if (/^(ws|http)s?:/i.test(url) && URL.canParse(url)) return url
  throw new TypeError(`--public-url must be one such as wss://signal.example.org, got '${url}'`)
}

interface TurnWords {
  turn?: string[]
  'turn-secret-file'?: string
  'turn-ttl'?: string
}

function readTurn(
  { turn: urls, 'turn-secret-file': file, 'turn-ttl': ttl }: TurnWords,
  secretOfEnv = ''
): Pick<ServerOptions, 'turn'> {
  if (!urls && (file ?? ttl) !== undefined)
    throw new TypeError('--turn-secret-file and --turn-ttl need --turn beside them')
  if (!urls) return {}
  const secret = file === undefined ? secretOfEnv : read(file, '--turn-secret-file').toString().trim()
  if (!secret) throw new TypeError('--turn needs a secret: --turn-secret-file FILE, or TURN_SECRET')
  return { turn: { urls, secret, ...(ttl !== undefined && { ttl: wholeOf(ttl, '--turn-ttl', MONTH) }) } }
}

interface HistoryWords {
  history?: string
  'history-age'?: string
}

function readHistory({ history, 'history-age': age }: HistoryWords): Pick<ServerOptions, 'history'> {
  if (history === undefined && age !== undefined)
    throw new TypeError('--history-age needs --history beside it')
  if (history === undefined) return {}
  const length = wholeOf(history, '--history', 1000)
  return {
    history: { length, ...(age !== undefined && { age: 1000 * wholeOf(age, '--history-age', MONTH) }) }
  }
}

interface MostWords {
  'max-connections'?: string
  'max-per-address'?: string
}

function readMost({
  'max-connections': all,
  'max-per-address': each
}: MostWords): Pick<ServerOptions, 'maxConnections' | 'maxPerAddress'> {
  return {
    ...(all !== undefined && { maxConnections: wholeOf(all, '--max-connections', 9_999_999) }),
    ...(each !== undefined && { maxPerAddress: wholeOf(each, '--max-per-address', 9_999_999) })
  }
}

/** Unit: seconds. */
const MONTH = 2_592_000

function wholeOf(text: string, name: string, most: number): number {
  const number = /^\d{1,7}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= most) return number
  throw new TypeError(`${name} must be a whole number of 1 to ${most}, got '${text}'`)
}

function read(file: string, name: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new Error(`can't read ${name} ${file}: ${REASONS[code ?? ''] ?? message}`, { cause: error })
  }
}

const REASONS: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file',
  EACCES: 'not allowed',
  EISDIR: 'it is a folder'
}

const NO_ADDRESS = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL']

/** Why a server could not start, in words. */
export function explain(error: unknown, { host, port }: { host: string; port: number }): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return `port ${port} is taken on ${host}: stop what runs there, or choose another with --port`
  if (code === 'EACCES') return `not allowed to listen on port ${port}: choose one above 1023 with --port`
  if (code && NO_ADDRESS.includes(code)) return `this machine has no address ${host}`
  return message
}
