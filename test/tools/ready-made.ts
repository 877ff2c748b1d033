import { createServer, type ServerOptions, type SignalServer } from 'socket-signal-server'
import type { Life } from './redis.ts'

/** Who may mint, where a server has tokens. */
export const project = { id: 'project', apiToken: 'PT-secret' }

/** The ready-made server, with its page unless that is left out; closed when the test ends. */
export async function readyMade(life: Life, options: ServerOptions = {}): Promise<SignalServer> {
  const server = createServer({ port: 0, ...options })
  life.teardown(() => server.close())
  await server.open()
  return server
}

export interface Minting {
  server: SignalServer
  /** A token of one of the server's endpoints. */
  mint(path: string, body: object): Promise<string>
}

/** One that asks for tokens, and mints them over HTTP. */
export async function minting(life: Life, options: ServerOptions = {}): Promise<Minting> {
  const server = await readyMade(life, { page: false, tokens: { project }, ...options })
  return { server, mint: (path, body) => mintAt(server, path, body) }
}

/** Asks an endpoint as the project may. */
export async function mintAt(server: SignalServer, path: string, body: object): Promise<string> {
  const headers = { authorization: basic(), 'content-type': 'application/json' }
  const response = await fetch(new URL(path, server.url), {
    method: 'POST',
    headers,
    body: JSON.stringify(body)
  })
  return ((await response.json()) as { token: string }).token
}

/** The header of who has an id and a secret. */
export function basic({ id, apiToken } = project): string {
  return `Basic ${Buffer.from(`${id}:${apiToken}`).toString('base64')}`
}
