import type { CredentialProvider } from 'socket-signal-sdk'

/** Gets tokens of a route of this app. A client asks it for the next one before the last one ends. */
export class RouteCredentials implements CredentialProvider {
  readonly #route: string

  constructor(route: string) {
    this.#route = route
  }

  async authenticate() {
    const response = await fetch(this.#route, { method: 'POST' })
    if (!response.ok) throw new Error(`token fetch failed: ${response.status}`)
    const { token } = (await response.json()) as { token: string }
    return { token, expiry_at: endOf(token) }
  }

  refresh() {
    return this.authenticate()
  }
}

const host = process.env.NEXT_PUBLIC_SW_HOST

/** Where the signal server is, if the page has to be told: a token says so by its audience. */
export const server = host && (host.includes('://') ? host : `wss://${host}`)

/** A JSON Web Token says in seconds when it ends. */
function endOf(token: string): number {
  const [, claims = ''] = token.split('.')
  return JSON.parse(atob(claims.replace(/-/g, '+').replace(/_/g, '/'))).exp * 1000
}
