import { createTokenRoute } from 'socket-signal-token'
import { env } from '$env/dynamic/private'
import { COOKIE, readSession } from '../../lib/server/session.js'

const CAN = ['join', 'lookup', 'offer', 'signal', 'publish']

/** Who is signed in gets a token of the room, anybody else 401; 502 when the signal server mints none. */
export function POST({ request, cookies }) {
  const user = readSession(cookies.get(COOKIE))
  const route = createTokenRoute({
    endpoint: new URL('/tokens', env.SIGNAL_SERVER),
    projectId: env.SIGNAL_PROJECT_ID,
    apiToken: env.SIGNAL_API_TOKEN,
    authenticate: () =>
      user && { sub: user, name: user, kind: 'video', topics: [{ name: 'lobby' }], can: CAN }
  })
  return route(request)
}
