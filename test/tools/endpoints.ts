import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { Readable } from 'node:stream'

/** POSTs JSON to a handler, without a socket: the simulator has none. */
export function ask(
  listener: RequestListener,
  url: string,
  authorization: string,
  body: object
  // biome-ignore lint/suspicious/noExplicitAny: each endpoint has its own.
): Promise<{ status: number; body: any }> {
  const headers = { authorization, 'content-type': 'application/json' }
  const request = Readable.from([Buffer.from(JSON.stringify(body))], { objectMode: false })
  return new Promise(resolve => {
    const writeHead = (status: number) => ({
      end: (text: string) => resolve({ status, body: JSON.parse(text) })
    })
    const response = { writeHead } as unknown as ServerResponse & { req: IncomingMessage }
    listener(Object.assign(request, { method: 'POST', url, headers }) as IncomingMessage, response)
  })
}
