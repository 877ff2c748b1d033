import { type Dialect, PING } from './dialect.ts'

/** socket-signal 10.3.2. It has no heartbeat of its own; an app may have given it one. */
export const TEN: Dialect = {
  name: 'socket-signal-10',
  calls: {
    'socket-signal-join': 'join',
    'socket-signal-leave': 'leave',
    'socket-signal-lookup': 'lookup',
    'socket-signal-offer': 'offer',
    'socket-signal-remote-connect': 'remoteConnect',
    'socket-signal-onsignal': 'signal',
    [PING]: 'ping'
  },
  remoteConnect: 'remoteConnect'
}
