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

/** What a server says of itself. */
export interface Reports {
  /** At `/healthz`: that it runs, and what it holds. */
  health(): object
  /** At `/readyz`: 503 where it should be given no clients. */
  isReady(): boolean
  /** At `/metrics`, for Prometheus. */
  metrics: { readonly type: string; text(): Promise<string> }
}

/** Answers plain HTTP: with a report, else a file, else 404. Only GET and HEAD. */
export function createResponder(files: ReadonlyMap<string, File>, reports: Reports): RequestListener {
  return ({ method, url = '/' }: IncomingMessage, response: ServerResponse) => {
    response.setHeader('X-Content-Type-Options', 'nosniff')
    response.setHeader('Referrer-Policy', 'no-referrer')
    if (method !== 'GET' && method !== 'HEAD') {
      response.setHeader('Allow', 'GET, HEAD')
      return send(response, 405, TEXT, 'Method not allowed: only GET and HEAD.\n')
    }
    const path = url.replace(/[?#].*$/s, '')
    if (path === '/healthz') return sendReport(response, reports.health())
    if (path === '/readyz') return sendReady(response, reports.isReady())
    if (path === '/metrics') return void sendMetrics(response, reports.metrics)
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

function sendReady(response: ServerResponse, isReady: boolean): void {
  sendReport(response, { status: isReady ? 'ready' : 'unavailable' }, isReady ? 200 : 503)
}

function sendReport(response: ServerResponse, report: object, status = 200): void {
  response.setHeader('Cache-Control', 'no-store')
  send(response, status, 'application/json', `${JSON.stringify(report)}\n`)
}

async function sendMetrics(response: ServerResponse, { type, text }: Reports['metrics']): Promise<void> {
  response.setHeader('Cache-Control', 'no-store')
  const body = await text().catch(() => undefined)
  if (body === undefined) return send(response, 500, TEXT, 'No metrics.\n')
  send(response, 200, type, body)
}

function sendFile(response: ServerResponse, { type, body }: File): void {
  response.setHeader('Cache-Control', 'no-cache')
  response.setHeader('Content-Security-Policy', POLICY)
  send(response, 200, type, body)
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) }).end(body)
}
