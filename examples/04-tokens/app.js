import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import { createTokenRoute } from 'socket-signal-token'

/** The app's own server: who signs in gets a session, and who has one gets tokens of `life` seconds. */
export function createApp({ files, endpoint, project, life }) {
  const users = new Map()
  const sessionOf = cookie => /(?:^|; )session=([^;]+)/.exec(cookie ?? '')?.[1]

  const token = createTokenRoute({
    endpoint,
    projectId: project.id,
    apiToken: project.apiToken,
    authenticate: request => {
      const sub = users.get(sessionOf(request.headers.get('cookie')))
      const can = ['join', 'lookup', 'offer', 'signal']
      return sub && { sub, topics: [{ name: 'lobby' }], can, expires_in: life }
    }
  })

  const routes = {
    'POST /sign-in': (_, response) => {
      const session = randomUUID()
      users.set(session, 'ada')
      response.setHeader('Set-Cookie', `session=${session}; HttpOnly; SameSite=Strict; Path=/`)
      response.writeHead(204).end()
    },
    'POST /sign-out': ({ headers }, response) => {
      users.delete(sessionOf(headers.cookie))
      response.writeHead(204).end()
    },
    'POST /token': async ({ method, url, headers: { cookie = '' } }, response) => {
      const answer = await token(new Request(new URL(url, 'http://app'), { method, headers: { cookie } }))
      response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
    }
  }

  return createServer((request, response) => {
    const route = routes[`${request.method} ${request.url}`]
    const file = files.get(request.url)
    if (route) route(request, response)
    else if (file) response.writeHead(200, { 'Content-Type': file.type }).end(file.text)
    else response.writeHead(404).end()
  })
}
