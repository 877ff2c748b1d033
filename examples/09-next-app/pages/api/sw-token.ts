import type { NextApiRequest, NextApiResponse } from 'next'
import { tokenRoute } from '../../lib/token-route'

/** The same route for a Pages Router. */
export default async function handler({ method, headers }: NextApiRequest, response: NextApiResponse) {
  const request = new Request('http://app/', { method, headers: { cookie: headers.cookie ?? '' } })
  const answer = await tokenRoute(request)
  response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
}
