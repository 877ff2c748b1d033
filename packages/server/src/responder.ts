import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { File } from './files.ts'

const TEXT = 'text/plain; charset=utf-8'
const POLICY = [
  "default-src 'self'",
  "connect-src 'self' ws: wss:",
  "base-uri 'none'",
  "object-src 'none'",
  "frame-ancestors 'none'"
].join('; ')

/** Answers plain HTTP: `/healthz` with what `health` gives, else a file, else 404. Only GET and HEAD. */
export function createResponder(files: ReadonlyMap<string, File>, health: () => object): RequestListener {
  return ({ method, url = '/' }: IncomingMessage, response: ServerResponse) => {
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Referrer-Policy', 'no-referrer')
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return send(response, 405, TEXT, 'Method not allowed: only GET and HEAD.\n')
    }
    const path = url.replace(/[?#].*$/s, '')
    if (path === '/healthz') return sendHealth(response, health())
    const file = files.get(path)
    if (file) return sendFile(response, file)
    // A folder's own files are asked for beside it.
    if (files.has(`${path}/`)) {
      response.setHeader('Location', `${path.replace(/^.*\//, './')}/`)
      return send(response, 308, TEXT, 'It is a folder.\n')
    }
    if (path === '/') return send(response, 200, TEXT, 'Signal running OK\n')
    send(response, 404, TEXT, 'Not found.\n')
  }
}

function sendHealth(response: ServerResponse, health: object): void {
  response.setHeader('Cache-Control', 'no-store')
  send(response, 200, 'application/json', `${JSON.stringify(health)}\n`)
}

function sendFile(response: ServerResponse, { type, body }: File): void {
  response.setHeader('Cache-Control', 'no-cache')
  response.setHeader('Content-Security-Policy', POLICY)
  send(response, 200, type, body)
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body)
}
