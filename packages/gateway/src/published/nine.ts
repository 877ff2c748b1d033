import { type Dialect, PING } from './dialect.ts'

/** socket-signal 9, as socket-signal-websocket 9.2.4 brings it. It can't be asked to dial. */
export const NINE: Dialect = {
  name: 'socket-signal-9',
  calls: { join: 'join', leave: 'leave', lookup: 'lookup', offer: 'offer', signal: 'signal', [PING]: 'ping' },
  remoteConnect: undefined
}
