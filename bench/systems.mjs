/** Who is compared, in the order of the table. The first is ours, the second what all are measured against. */
export const SYSTEMS = [
  { name: 'socket-signal', title: 'socket-signal 11', script: true },
  { name: 'ws', title: 'bare relay on ws 8.23', script: true },
  { name: 'uws', title: 'bare relay on uWebSockets (native)', script: false },
  { name: 'peer', title: 'peer 1.0.2 (PeerServer)', script: true },
  { name: 'socket.io', title: 'relay on socket.io 4.8', script: true },
  { name: 'bittorrent-tracker', title: 'bittorrent-tracker 11.2.3', script: true },
  { name: 'y-webrtc', title: 'y-webrtc 10.3.0, its server', script: true },
  { name: 'socket-signal-10', title: 'socket-signal 10.3.2', script: true }
]

export const OURS = 'socket-signal'
export const BARE = 'ws'
