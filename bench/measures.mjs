/** What can be measured, in the order in which it is, with its deadline in seconds. `raised`: our limits on rates are. */
export const MEASURES = [
  { name: 'relay', seconds: 600, raised: true, says: 'CPU of the server for each routed message of 1 kB' },
  { name: 'memory', seconds: 900, says: 'what an idle connection holds that has joined one topic' },
  { name: 'connect', seconds: 240, says: 'from connect() to an open channel, over loopback' },
  { name: 'mesh', seconds: 600, says: '20 peers all connected, and 50 with five each, over loopback' },
  { name: 'join', seconds: 600, raised: true, says: 'joins of one large topic, with many others held' },
  { name: 'presence', seconds: 300, raised: true, says: 'what it costs to tell watchers who comes and goes' },
  { name: 'growth', seconds: 900, raised: true, says: 'a routed message with 1,000 to 15,000 connections' },
  { name: 'attack', seconds: 120, says: 'lookups while others flood, break frames and read nothing' },
  { name: 'storm', seconds: 180, says: 'all clients lose their sockets at once and come back' },
  {
    name: 'nodes',
    seconds: 300,
    raised: true,
    says: 'two nodes over Redis, and a topic of 100,000 members there'
  },
  { name: 'size', seconds: 60, says: 'bundles for browsers' }
]
