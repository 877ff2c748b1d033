import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'

/** An HTTP server that only says that it runs, and gives a slow client no time to hold a socket. */
export function createHttp(): Server {
  const limits = { headersTimeout: 10_000, requestTimeout: 15_000, connectionsCheckingInterval: 5_000 }
  return createServer(limits, respond)
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

/** Takes no more connections, ends those that idle; resolves when all have ended. */
export function closeHttp(http: Server): Promise<void> {
  return new Promise(resolve => {
    http.close(() => resolve())
    http.closeAllConnections()
  })
}

function respond({ method }: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Content-Type', 'text/plain; charset=utf-8')
  if (method === 'GET' || method === 'HEAD') return void response.end('Signal running OK\n')
  response.writeHead(405, { Allow: 'GET, HEAD' }).end('Method Not Allowed\n')
}
