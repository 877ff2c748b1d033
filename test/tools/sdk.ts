import { createServer, type ServerOptions, type SignalServer } from 'socket-signal-server'
import type { Test } from 'tape'

export const project = { id: 'project', apiToken: 'PT-secret' }

export interface Minting {
  server: SignalServer
  /** A token of one of the server's endpoints. */
  mint(path: string, body: object): Promise<string>
}

/** A ready-made server that asks for tokens, and mints them over HTTP; closed when the test ends. */
export async function minting(t: Test, options: ServerOptions = {}): Promise<Minting> {
  const server = createServer({ port: 0, page: false, tokens: { project }, ...options })
  t.teardown(() => server.close())
  await server.open()
  return { server, mint: (path, body) => mintAt(server, path, body) }
}

/** Asks an endpoint as the project may. */
export async function mintAt(server: SignalServer, path: string, body: object): Promise<string> {
  const authorization = `Basic ${Buffer.from(`${project.id}:${project.apiToken}`).toString('base64')}`
  const headers = { authorization, 'content-type': 'application/json' }
  const response = await fetch(new URL(path, server.url), {
    method: 'POST',
    headers,
    body: JSON.stringify(body)
  })
  return ((await response.json()) as { token: string }).token
}
