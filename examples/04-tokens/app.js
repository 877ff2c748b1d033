import { randomUUID } from 'node:crypto'
import { createTokenRoute } from 'socket-signal-token'

/** The app's own server: who signs in gets a session, who has one gets tokens of `life` seconds. */
export function app({ endpoint, project, life }) {
  const users = new Map()
  const userOf = cookie => users.get(/(?:^|; )session=([^;]+)/.exec(cookie ?? '')?.[1])

  const token = createTokenRoute({
    endpoint,
    projectId: project.id,
    apiToken: project.apiToken,
    authenticate: request => {
      const sub = userOf(request.headers.get('cookie'))
      const can = ['join', 'lookup', 'offer', 'signal']
      return sub && { sub, topics: [{ name: 'lobby' }], can, expires_in: life }
    }
  })

  return async (request, response, next) => {
    const { method, url } = request
    if (method === 'POST' && url === '/sign-in') {
      const session = randomUUID()
      users.set(session, 'ada')
      response.setHeader('Set-Cookie', `session=${session}; HttpOnly; SameSite=Strict; Path=/`)
      return response.writeHead(204).end()
    }
    if (method === 'POST' && url === '/sign-out') {
      response.setHeader('Set-Cookie', 'session=; Max-Age=0; Path=/')
      return response.writeHead(204).end()
    }
    if (url !== '/token') return next()
    const { cookie = '' } = request.headers
    const answer = await token(new Request(new URL(url, 'http://app'), { method, headers: { cookie } }))
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
  }
}
