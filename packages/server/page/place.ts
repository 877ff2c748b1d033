/** The signal server of this page: where the page came from, at the path that the server wrote into it. */
export function signalUrl(): string {
  const meta = document.querySelector<HTMLMetaElement>('meta[name="signal-path"]')
  const url = new URL(meta?.content ?? '.', location.href)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  return url.href
}

const TOKEN = 'socket-signal-token'

/** What this tab shows to the server: never in an address. */
export function token(): string {
  return sessionStorage.getItem(TOKEN) ?? ''
}

export function setToken(given: string): void {
  sessionStorage.setItem(TOKEN, given.trim())
}

export function isLoopback(): boolean {
  return location.hostname === 'localhost' || /^(127\.[\d.]+|\[::1\])$/.test(location.hostname)
}

/** The topic is kept behind the #, so that a link can be shared and the server's log never holds it. */
export function topicOfPlace(): string {
  try {
    return decodeURIComponent(location.hash.slice(1)).trim()
  } catch {
    return location.hash.slice(1)
  }
}

export function setTopicOfPlace(topic: string): void {
  const url = new URL(location.href)
  url.hash = topic ? encodeURIComponent(topic) : ''
  if (url.href !== location.href) history.pushState(null, '', topic ? url.href : url.pathname + url.search)
}
