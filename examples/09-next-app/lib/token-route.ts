import { createTokenRoute } from 'socket-signal-token'
import { COOKIE, readSession } from './session'

const { SIGNALWIRE_SPACE = '', SIGNALWIRE_PROJECT_ID = '', SIGNALWIRE_TOKEN = '' } = process.env
const space = SIGNALWIRE_SPACE.includes('://') ? SIGNALWIRE_SPACE : `https://${SIGNALWIRE_SPACE}`

/** How long a token holds: two hours, unless a test is in a hurry. Unit: seconds. */
const LIFE = Number(process.env.TOKEN_SECONDS ?? 7_200)

/** Who is signed in gets a token of theirs, anybody else 401; 502 when the signal server mints none. */
export const tokenRoute = createTokenRoute({
  endpoint: `${space.replace(/\/$/, '')}/api/fabric/subscribers/tokens`,
  projectId: SIGNALWIRE_PROJECT_ID,
  apiToken: SIGNALWIRE_TOKEN,
  authenticate: request => {
    const cookies = request.headers.get('cookie') ?? ''
    const [, cookie] = new RegExp(`(?:^|; )${COOKIE}=([^;]+)`).exec(cookies) ?? []
    const user = readSession(cookie)
    return user ? { reference: user, expire_at: Math.floor(Date.now() / 1000) + LIFE } : undefined
  }
})
