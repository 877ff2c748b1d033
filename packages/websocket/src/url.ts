/** The WebSocket URL that is meant; http and https are taken for ws and wss. Anything else is a `TypeError`. */
export function parseUrl(value: unknown): URL {
  try {
    // Safari 16 has no `URL.canParse`.
    const url = new URL(typeof value === 'string' || value instanceof URL ? value : '')
    url.protocol = url.protocol.replace('http', 'ws')
    url.hash = ''
    if (/^wss?:$/.test(url.protocol)) return url
  } catch {}
  const shown = typeof value === 'string' ? `'${value.replace(/[?#].*$/s, '')}'` : typeof value
  throw new TypeError(`a URL must start with ws: or wss:, got ${shown}`)
}

/** A URL as it may be shown: its query may hold a token, its user a password. */
export function showUrl(url: URL): string {
  return `${url.origin}${url.pathname}`
}

/** Whether a host name, as `URL.hostname` gives it, or an address is this machine's own. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
