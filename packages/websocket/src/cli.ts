import { parseArgs } from 'node:util'

export const HELP = `Usage: socket-signal-websocket [--port 4000] [--host 127.0.0.1]

A signal server over WebSocket. It answers plain HTTP with "Signal running OK".

  -p, --port  where to listen; 0 takes a free port. Default: $PORT, else 4000
      --host  on which address. Default: 127.0.0.1, this machine alone
  -h, --help  this text
`

export interface Settings {
  help: boolean
  /** Default: 4000. */
  port: number
  host: string
}

/** What the command line asks for. Throws an Error with words for the user. */
export function parseCommand(args: string[], env: { [name: string]: string | undefined }): Settings {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', short: 'p' },
      host: { type: 'string', default: '127.0.0.1' },
      help: { type: 'boolean', short: 'h', default: false }
    }
  })
  const { help, host } = values
  if (help) return { help, host, port: 0 }
  // Node would take an empty one for everybody's.
  if (host === '') throw new TypeError('--host must be an address, got nothing')
  if (values.port !== undefined) return { help, host, port: parsePort(values.port, '--port') }
  return { help, host, port: env.PORT ? parsePort(env.PORT, 'PORT') : 4000 }
}

function parsePort(text: string, name: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  if (port <= 65_535) return port
  throw new TypeError(`${name} must be a number from 0 to 65535, got '${text}'`)
}

const NO_ADDRESS = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EAI_AGAIN', 'EINVAL']

/** Why a server could not start, in words. */
export function explain(error: unknown, host: string, port: number): string {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE')
    return `port ${port} is taken on ${host}: stop what runs there, or choose another with --port`
  if (code === 'EACCES') return `not allowed to listen on port ${port}: choose one above 1023 with --port`
  if (code && NO_ADDRESS.includes(code)) return `this machine has no address ${host}`
  return message
}
