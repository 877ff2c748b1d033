import type { Host } from './host.ts'
import type { Live } from './live.ts'
import { sleep } from './wait.ts'

/** How a client asks its server for a sign of life. */
export interface Heartbeat {
  /** How often the client asks on its own. Default: 10,000. Unit: ms. */
  interval?: number
  /** How long an answer may take. Default: 5,000. Unit: ms. */
  timeout?: number
}

/** Sees to it that a socket is alive as long as it lasts: two silent intervals end it, since a cable that was pulled says nothing. */
export function keepAlive(live: Live, host: Host, heartbeat: Heartbeat | undefined, silence: number): void {
  let silent = 0
  // Looked at more often, so that it isn't found as late as after three.
  every(live, silence / 4, () => {
    silent = live.heard ? 0 : silent + 1
    live.heard = false
    if (silent === 8) live.close('HEARTBEAT_TIMEOUT', 'two silent intervals')
  })
  if (heartbeat) every(live, heartbeat.interval ?? 10_000, () => probe(live, host, heartbeat))
}

/** Asks for a sign of life; without one the socket is dead. */
export function probe(live: Live, { clock, emit }: Host, { timeout = 5_000 }: Heartbeat = {}): void {
  const began = clock.now()
  live.request({ kind: 'ping', received: live.received }, { timeout }).then(
    () => emit('ping', clock.now() - began),
    error => {
      if (live.closed) return
      emit('ping-error', error)
      live.close('HEARTBEAT_TIMEOUT', error.message)
    }
  )
}

async function every({ clock, signal }: Live, ms: number, act: () => void): Promise<void> {
  for (;;) {
    await sleep(ms, { clock, signal })
    if (signal.aborted) return
    act()
  }
}
