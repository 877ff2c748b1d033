/** Who may mint at a socket-signal-server. Never in a browser. */
export interface TokenRouteOptions {
  /** What mints, for instance `https://signal.example.org/api/fabric/subscribers/tokens`. */
  endpoint: string | URL
  /** The name in HTTP's basic authentication (RFC 7617): the id of the server's project. */
  projectId: string
  /** The password of that project. Never in a page. */
  apiToken: string
  /**
   * What is asked for the user of this request; nothing when there is none. For instance
   * `{ reference: user.id }`, or a grant for the endpoint `/tokens`.
   */
  authenticate(request: Request): object | undefined | null | Promise<object | undefined | null>
  /** How long minting may take. Default: 10,000. Unit: ms. */
  timeout?: number
}

/** Longer answers are none of a token's. Unit: characters. */
const MAX_ANSWER = 64 * 1024

/**
 * The route of your own server where your pages get their tokens, for whatever takes web-standard requests:
 *
 *     export const POST = createTokenRoute({ endpoint, projectId, apiToken, authenticate })
 *
 * 200 `{ token, expiry_at? }`, 401 without a user, 405 for other methods, 502 when nothing was minted. Never cached.
 */
export function createTokenRoute(options: TokenRouteOptions): (request: Request) => Promise<Response> {
  return async request => {
    if (request.method !== 'POST') return json(405, { error: 'method not allowed' }, { Allow: 'POST' })
    const asked = await options.authenticate(request)
    if (!asked) return json(401, { error: 'unauthorized' })
    const minted = await mint(options, asked).catch(() => undefined)
    return minted ? json(200, minted) : json(502, { error: 'token mint failed' })
  }
}

/** Of the answer, only what a page may have. */
async function mint(
  { endpoint, projectId, apiToken, timeout = 10_000 }: TokenRouteOptions,
  asked: object
): Promise<{ token: string; expiry_at?: number } | undefined> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: {
      Authorization: `Basic ${base64(`${projectId}:${apiToken}`)}`,
      'Content-Type': 'application/json'
    },
    body: JSON.stringify(asked),
    redirect: 'error', // Credentials go nowhere else.
    cache: 'no-store',
    signal: AbortSignal.timeout(timeout)
  })
  const text = response.ok ? await response.text() : ''
  if (text.length > MAX_ANSWER) return undefined
  const { token, expiry_at } = Object(JSON.parse(text))
  if (typeof token !== 'string' || !token) return undefined
  return typeof expiry_at === 'number' ? { token, expiry_at } : { token }
}

function json(status: number, body: object, headers: { [name: string]: string } = {}): Response {
  const always = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' }
  return new Response(JSON.stringify(body), { status, headers: { ...always, ...headers } })
}

function base64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)))
}
