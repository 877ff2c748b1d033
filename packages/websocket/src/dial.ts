import { SignalError, type Socket } from 'socket-signal'
import { createWebSocket } from '#websocket'
import { WebsocketSocket } from './socket.ts'
import { showUrl } from './url.ts'

/** Opens a WebSocket. Rejects with CONNECT_FAILED, which names the URL without its query, or the signal's reason. */
export async function dial(url: URL, signal: AbortSignal): Promise<Socket> {
  signal.throwIfAborted()
  const websocket = createWebSocket(url.href)
  return new Promise<Socket>((resolve, reject) => {
    let why = ''
    let cause: unknown
    const abort = () => {
      websocket.onclose = null
      websocket.close()
      reject(signal.reason)
    }
    const settle = (act: () => void) => {
      signal.removeEventListener('abort', abort)
      act()
    }
    signal.addEventListener('abort', abort)
    websocket.onopen = () => settle(() => resolve(new WebsocketSocket(websocket)))
    // Stays when the rest is over: a socket of `ws` that is given up fails once more, and must not crash the process.
    websocket.onerror = ({ message, error }) => {
      why = message || ((error as { code?: string } | undefined)?.code ?? '')
      cause = error
    }
    websocket.onclose = ({ code }) => settle(() => reject(failed(url, why || `closed with ${code}`, cause)))
  })
}

function failed(url: URL, why: string, cause: unknown): SignalError {
  return new SignalError('CONNECT_FAILED', `can't connect to ${showUrl(url)}: ${why}`, { cause })
}
