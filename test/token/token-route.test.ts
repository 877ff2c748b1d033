import { once } from 'node:events'
import { createServer as createHttp } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createTokenRoute, type TokenRouteOptions } from 'socket-signal-token'
import { basic, readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'

const project = { id: 'project', apiToken: 'PT-sécret' }

test('002.17 002.18 002.22 token route: a user of the app gets a token of the server, nobody else does', async t => {
  const server = await readyMade(t, { page: false, tokens: { project } })
  const route = makeRoute(`${server.url}api/fabric/subscribers/tokens`)
  const answer = await route(ask('ada'))
  t.equal(answer.status, 200)
  t.equal(answer.headers.get('cache-control'), 'no-store')
  const body = await answer.json()
  t.deepEqual(Object.keys(body), ['token'])
  t.equal(JSON.parse(atob(body.token.split('.')[1])).sub, 'ada')
  const nobody = await route(ask(''))
  t.deepEqual([nobody.status, await nobody.json()], [401, { error: 'unauthorized' }])
  t.equal(nobody.headers.get('cache-control'), 'no-store')
  for (const method of ['GET', 'PUT', 'DELETE', 'HEAD']) {
    const { status, headers } = await route(ask('ada', method))
    t.deepEqual(
      [status, headers.get('allow'), headers.get('cache-control')],
      [405, 'POST', 'no-store'],
      method
    )
  }
})

test('002.19 002.20 token route: asks for the user first, then mints as the project, and hands on the token alone', async t => {
  const asked: unknown[] = []
  const http = createHttp(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { method, url, headers } = request
    asked.push([method, url, headers.authorization, headers['content-type'], JSON.parse(body)])
    response.end(JSON.stringify({ token: 'a.b.c', refresh_token: 'secret', subscriber_id: 'ada' }))
  }).listen(0, '127.0.0.1')
  t.teardown(() => http.close())
  await once(http, 'listening')
  const path = '/api/fabric/subscribers/tokens'
  const route = makeRoute(`http://127.0.0.1:${(http.address() as AddressInfo).port}${path}`)
  t.equal((await route(ask(''))).status, 401)
  t.equal((await route(ask('ada', 'GET'))).status, 405)
  t.deepEqual(asked, [], 'nothing is minted for nobody')
  t.deepEqual(await (await route(ask('ada'))).json(), { token: 'a.b.c' })
  t.deepEqual(asked, [['POST', path, basic(project), 'application/json', { reference: 'ada' }]])
})

test('002.21 token route: 502 when nothing is minted, whatever the reason', async t => {
  const answers: { [path: string]: string } = {
    '/none': '{}',
    '/number': '{"token":7}',
    '/text': 'a token',
    '/huge': JSON.stringify({ token: 'x'.repeat(100_000) })
  }
  const http = createHttp(({ url = '' }, response) => {
    if (url === '/hangs') return
    if (url === '/elsewhere') response.writeHead(307, { Location: '/mints' }).end()
    else if (url === '/mints') response.end('{"token":"a.b.c"}')
    else response.writeHead(url in answers ? 200 : 500).end(answers[url])
  }).listen(0, '127.0.0.1')
  t.teardown(() => {
    http.close()
    http.closeAllConnections()
  })
  await once(http, 'listening')
  const at = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const endpoints = [...Object.keys(answers), '/fails', '/hangs', '/elsewhere'].map(path => at + path)
  for (const endpoint of [...endpoints, 'http://127.0.0.1:1/', 'no url']) {
    const answer = await makeRoute(endpoint)(ask('ada'))
    t.deepEqual([answer.status, await answer.json()], [502, { error: 'token mint failed' }], endpoint)
  }
})

function makeRoute(endpoint: string): ReturnType<typeof createTokenRoute> {
  const options: TokenRouteOptions = {
    endpoint,
    projectId: project.id,
    apiToken: project.apiToken,
    authenticate: async request => {
      const reference = request.headers.get('x-user')
      return reference ? { reference } : null
    },
    timeout: 500
  }
  return createTokenRoute(options)
}

function ask(user: string, method = 'POST'): Request {
  return new Request('http://app.example/token', { method, headers: { 'x-user': user } })
}
