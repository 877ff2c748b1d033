/**
 * What only pages have: a client follows how its page is shown, frozen and left.
 *
 * @module socket-signal/browser
 */

import type { SocketSignalClient } from './client.ts'

/** What tells how a page fares: a window. @inline */
interface PageWindow extends EventTarget {
  readonly document: EventTarget & { readonly visibilityState?: string }
  readonly navigator: { readonly onLine?: boolean; readonly connection?: EventTarget }
}

/** @inline */
type Followed = Pick<SocketSignalClient, 'suspend' | 'resume' | 'networkChanged' | 'connected' | 'on' | 'off'>

/**
 * Lets a client follow its page: suspended while that is frozen or in the back-forward cache (an open socket keeps pages out
 * of it), gone when it is left, and back at once when it is shown, or the network is there again or another one. Gives
 * what ends it.
 *
 *     const stop = followPage(client)
 */
export function followPage(client: Followed, window: PageWindow = globalThis as never): () => void {
  const { document, navigator } = window
  const stops: (() => void)[] = []
  const on = (target: EventTarget | undefined, event: string, listener: (event: never) => void) => {
    target?.addEventListener(event, listener as EventListener)
    stops.push(() => target?.removeEventListener(event, listener as EventListener))
  }
  const suspend = () => client.suspend()
  const resume = () => client.resume()
  const moved = () => {
    client.networkChanged()
    client.resume()
  }
  // Without a network no try can succeed; a server on this machine is reached all the same, and its socket stays.
  const rest = () => navigator.onLine === false && client.suspend()
  on(window, 'pagehide', ({ persisted }: PageTransitionEvent) => client.suspend({ leave: !persisted }))
  on(window, 'pageshow', ({ persisted }: PageTransitionEvent) => persisted && client.resume())
  on(document, 'freeze', suspend)
  on(document, 'resume', resume)
  on(document, 'visibilitychange', () => document.visibilityState !== 'hidden' && client.resume())
  on(window, 'offline', () => (client.connected ? client.resume() : rest()))
  on(window, 'online', moved)
  on(navigator.connection, 'change', moved)
  client.on('disconnected', rest)
  return () => {
    client.off('disconnected', rest)
    for (const stop of stops) stop()
  }
}
