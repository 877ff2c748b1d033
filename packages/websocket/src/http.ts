import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { GatewayLike } from './foreign.ts'
import { pathOf } from './request.ts'

/** An HTTP server that says what the gateway does, else only that it runs; a slow client gets no time to hold a socket. */
export function createHttp(gateway: GatewayLike | undefined): Server {
  const limits = { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 1_000 }
  return createServer(limits, (request, response) => {
    // Not for the whole server: a socket that becomes a WebSocket would keep the timer's remains.
    response.setTimeout(SILENCE)
    if (!respondFor(gateway, request, response)) respond(request, response)
  })
}

/** Resolves once it listens; rejects with what Node says, for instance EADDRINUSE. */
export function listen(http: Server, port: number, host: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    http.once('error', reject)
    http.listen({ port, host }, () => {
      http.off('error', reject)
      resolve(http)
    })
  })
}

/** Who asks and does not read what is answered holds no socket. Later than a slow body has been told 408. Unit: ms. */
const SILENCE = 18_000

/** Takes no more connections, ends those that idle; resolves when all have ended. */
export function closeHttp(http: Server): Promise<void> {
  return new Promise(resolve => {
    http.close(() => resolve())
    http.closeAllConnections()
  })
}

/** Has the gateway answer a plain HTTP request. Gives false when it doesn't. */
export function respondFor(
  gateway: GatewayLike | undefined,
  request: IncomingMessage,
  response: ServerResponse
): boolean {
  const answer = gateway?.respond({ path: pathOf(request), request })
  if (!answer) return false
  const length = { 'Content-Length': Buffer.byteLength(answer.body) }
  const type = { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff' }
  response.writeHead(answer.status, { ...type, ...length, ...answer.headers }).end(answer.body)
  return true
}

function respond({ method }: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  if (method === 'GET' || method === 'HEAD') return void response.end('Signal running OK\n')
  response.writeHead(405, { Allow: 'GET, HEAD' }).end('Method Not Allowed\n')
}
