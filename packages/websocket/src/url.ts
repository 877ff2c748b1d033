/** The WebSocket URL that is meant; http and https are taken for ws and wss. Anything else is a `TypeError`. */
export function parseUrl(value: unknown): URL {
  const text = value instanceof URL ? value.href : value
  if (typeof text !== 'string' || !URL.canParse(text)) throw invalid(value)
  const url = new URL(text)
  if (!/^(ws|http)s?:$/.test(url.protocol)) throw invalid(value)
  url.protocol = url.protocol.replace('http', 'ws')
  url.hash = ''
  return url
}

/** A URL as it may be shown: its query may hold a token, its user a password. */
export function showUrl(url: URL): string {
  return `${url.origin}${url.pathname}`
}

function invalid(value: unknown): TypeError {
  const shown = typeof value === 'string' ? `'${value.replace(/[?#].*$/s, '')}'` : typeof value
  return new TypeError(`a URL must start with ws: or wss:, got ${shown}`)
}

/** Whether a host name, as `URL.hostname` gives it, or an address is this machine's own. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}
