import { Cluster, Redis, type RedisOptions } from 'ioredis'
import { RedisBackplane, RedisUsedTokens } from 'socket-signal-redis'

/** What servers share, by way of Redis. */
export interface Shared {
  backplane: RedisBackplane
  used: RedisUsedTokens
  /** Connects; resolves when it is known how things are. */
  open(): Promise<void>
  /** Ends what was made here. */
  close(): Promise<void>
}

/** One URL is a Redis, several are nodes of a Cluster. A wrong one is a `TypeError`. */
export function shareByRedis(urls: readonly string[]): Shared {
  for (const url of urls) assertUrl(url)
  const [first = ''] = urls
  const client =
    urls.length > 1
      ? new Cluster([...urls], { ...LAZY, redisOptions: loginOf(first) })
      : new Redis(first, LAZY)
  // What it has to say, the backplane finds out by its own deadlines.
  client.on('error', (error: { command?: { name?: string } }) => {
    // It would go on in database 0.
    if (error.command?.name === 'select') client.disconnect()
  })
  const backplane = new RedisBackplane({ client })
  return {
    backplane,
    used: new RedisUsedTokens({ client }),
    open: async () => {
      client.connect().catch(() => {})
      await backplane.open()
    },
    close: async () => {
      await backplane.close()
      client.disconnect()
    }
  }
}

const LAZY = { lazyConnect: true }

/** Nodes of a cluster that no URL names are logged in to as the first is. */
function loginOf(url: string): RedisOptions {
  const { protocol, username, password } = new URL(url)
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
    ...(protocol === 'rediss:' && { tls: {} })
  }
}

function assertUrl(url: string): void {
  if (/^rediss?:\/\/[^/]/.test(url) && URL.canParse(url) && /^\/?\d*$/.test(new URL(url).pathname)) return
  // Not the URL itself: it may hold a password.
  throw new TypeError(
    'a Redis URL is redis://host:6379, or rediss:// for TLS, and /1 behind it for database 1'
  )
}
