/**
 * `<signal-room>` and `<signal-call>`: importing this makes them known to the page. On a server it does nothing.
 *
 * @module socket-signal-sdk/elements
 */

import { StaticCredentialProvider } from 'socket-signal-token/credentials'
import { Line } from './line.ts'
import { createMediaElement, type MediaElement, type Run } from './media-element.ts'
import { RoomSession } from './room-session.ts'

export type { MediaElement, Words } from './media-element.ts'

declare global {
  interface HTMLElementTagNameMap {
    'signal-room': MediaElement
    'signal-call': MediaElement
  }
}

/**
 * Makes `<signal-room>` and `<signal-call>` known to this page, as importing this does already. Where they are known, and
 * where there is no page, it does nothing.
 */
export function defineElements(): void {
  const { customElements } = globalThis as { customElements?: CustomElementRegistry }
  if (!customElements) return
  if (!customElements.get('signal-room')) customElements.define('signal-room', createRoomElement())
  if (!customElements.get('signal-call')) customElements.define('signal-call', createCallElement())
}

/** `<signal-room token server room name audio="off" video="off" autostart>` */
function createRoomElement(): CustomElementConstructor {
  return class SignalRoom extends createMediaElement({ start: 'Join', end: 'Leave' }) {
    override _begin(): Run {
      const room = this.getAttribute('room') || undefined
      const session = new RoomSession({ ...this._options(), room })
      session.on('room.left', ({ reason }) => this._tell(session, 'ended', reason))
      this._tell(session, 'joining')
      const ready = session.join().then(() => this._tell(session, 'joined'))
      return { session, ready, end: () => session.leave() }
    }
  }
}

/** `<signal-call token destination server name audio="off" video="off" autostart>` */
function createCallElement(): CustomElementConstructor {
  return class SignalCall extends createMediaElement({ start: 'Call', end: 'Hang up' }) {
    override _begin(): Run {
      const destination = this.getAttribute('destination')
      if (!destination) throw new TypeError('give the attribute destination')
      const { token = '', server, name, ...options } = this._options()
      const { credentials = new StaticCredentialProvider({ token }), ...media } = options
      const client = new Line(credentials, { server, name })
      const call = client.dial({ ...media, destination })
      const { session } = call
      this._tell(session, call.state)
      call.on('call.state', ({ state, reason }) => {
        if (state === 'ended') void client.disconnect()
        this._tell(session, state, reason)
      })
      return { session, ready: call.ready(), end: () => client.disconnect() }
    }
  }
}

defineElements()
