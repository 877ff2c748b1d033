import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'

/** An answer in place of what was asked for. */
export class HttpError extends Error {
  readonly status: number
  readonly headers: { readonly [name: string]: string }

  constructor(status: number, message: string, headers: { readonly [name: string]: string } = {}) {
    super(message)
    this.status = status
    this.headers = headers
  }
}

/** Who may call: an app's server, never a browser. */
export interface Project {
  /** The user name of HTTP's basic authentication (RFC 7617). */
  id: string
  /** Its password: whoever has it can mint any token. */
  apiToken: string
}

export type Body = { readonly [field: string]: unknown }

/** Gives what is answered as JSON. A `TypeError` is the caller's mistake, and answered with its words. */
export type Endpoint = (body: Body, id: string) => object | Promise<object>

/** By path; `:id` stands for one part of it. */
export type Routes = { readonly [path: string]: Endpoint }

/** Unit: bytes. */
const MAX_BODY = 64 * 1024
const JSON_TYPE = /^application\/json\s*(;|$)/i

/**
 * Answers POST with JSON at the paths of `routes`, to who knows the project's credentials (Basic, RFC 7617). Anything
 * else goes to `next`. A slow body is the HTTP server's to end: `requestTimeout`.
 */
export function createEndpoints(routes: Routes, project: Project, next: RequestListener): RequestListener {
  const table = Object.entries(routes).map(([path, endpoint]) => ({ pattern: toPattern(path), endpoint }))
  const isProject = credentialsCheck(project)
  return (request, response) => {
    const path = (request.url ?? '/').replace(/[?#].*$/s, '')
    for (const { pattern, endpoint } of table) {
      const match = pattern.exec(path)
      if (match) return void answer(request, response, isProject, body => endpoint(body, match[1] ?? ''))
    }
    next(request, response)
  }
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  isProject: (authorization: string) => boolean,
  run: (body: Body) => object | Promise<object>
): Promise<void> {
  try {
    if (request.method !== 'POST') throw new HttpError(405, 'method not allowed', { Allow: 'POST' })
    if (!isProject(request.headers.authorization ?? '')) throw new HttpError(401, 'unauthorized', CHALLENGE)
    send(response, 200, await run(await readBody(request)))
  } catch (error) {
    if (request.errored) return // Nobody is there any more.
    const { status, message, headers } = toHttpError(error)
    // What is left of the body is not read.
    send(response, status, { error: message }, { ...headers, Connection: 'close' })
  }
}

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="socket-signal", charset="UTF-8"' }

/** Hashes have the same length, so that comparing them tells nothing: neither where they differ nor how long one is. */
function credentialsCheck({ id, apiToken }: Project): (authorization: string) => boolean {
  const wanted = digest(Buffer.from(`${id}:${apiToken}`))
  return authorization => {
    const [, encoded] = /^Basic +([\w+/-]+=*) *$/i.exec(authorization) ?? []
    return timingSafeEqual(digest(Buffer.from(encoded ?? '', 'base64')), wanted) && encoded !== undefined
  }
}

function digest(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

async function readBody(request: IncomingMessage): Promise<Body> {
  if (!JSON_TYPE.test(request.headers['content-type'] ?? ''))
    throw new HttpError(415, 'content-type must be application/json')
  const body = parse(String(await readBytes(request)))
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Body
  throw new HttpError(400, 'the body must be a JSON object')
}

/** By events: to break off an iteration would end the socket before it was answered. */
function readBytes(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  return new Promise((resolve, reject) => {
    request.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= MAX_BODY) return void chunks.push(chunk)
      request.pause()
      reject(new HttpError(413, `a body has at most ${MAX_BODY} bytes`))
    })
    request.on('end', () => resolve(Buffer.concat(chunks)))
    request.on('error', reject)
  })
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new HttpError(400, 'the body is no JSON')
  }
}

function toHttpError(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof TypeError) return new HttpError(422, error.message)
  console.error('socket-signal-server: an HTTP endpoint failed', error)
  return new HttpError(500, 'internal error')
}

function send(
  response: ServerResponse,
  status: number,
  value: object,
  headers: { readonly [name: string]: string } = {}
): void {
  const body = `${JSON.stringify(value)}\n`
  const always = {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(body),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff'
  }
  response.writeHead(status, { ...always, ...headers }).end(body)
}

function toPattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/:id/, '([\\w.~-]{1,128})')}$`)
}
