/** What a swarm keeps and lets in at most, whatever peers send. */
export const MAX = {
  /** Peers of a topic that are known and not connected. */
  known: 1024,
  /** Dials at once, of a topic. */
  dials: 8,
  /** Neighbours that a peer names at once. */
  near: 16,
  /** Peers named by a neighbour that came to nothing, until it is not believed any more. */
  lies: 32,
  /** Peers that may not come in. */
  bans: 1024,
  /** Topics that are joined. */
  topics: 64,
  /** Neighbours that the server is asked to tell of, in all topics: it may take 128, and more come and go (`Sharing`). */
  watches: 96,
  /** A message over the reserved channel, and the data of a broadcast. Unit: bytes. */
  message: 80 * 1024,
  broadcast: 16 * 1024,
  /** What a stream holds that nobody reads. Unit: bytes. */
  unread: 16 * 1024 * 1024,
  /** Steps of a broadcast from its sender. */
  hops: 16,
  /** Ids in the path of a carried signal, both ends counted. */
  path: 4,
  /** Senders whose broadcasts are remembered, and numbers of each. */
  origins: 4096,
  numbers: 1024,
  /** What waits in one channel: for a sender that awaits, and from where on nothing is added. Unit: bytes. */
  soft: 256 * 1024,
  hard: 1024 * 1024
} as const

/** A second, and at once. */
export const RATE = {
  /** All that one neighbour sends over the reserved channel. What is above is left out. */
  channel: { rate: 400, burst: 2000 },
  /** Broadcasts of one sender, wherever they come from. */
  origin: { rate: 50, burst: 500 },
  /** Signals that one neighbour has us carry. */
  carry: { rate: 40, burst: 200 },
  /** Topics that one neighbour begins to share, those that it has left and shares anew counted. */
  share: { rate: 1, burst: 64 }
} as const

/** Unit: ms. */
export const MS = {
  /** A mesh is looked at at most this often. */
  turn: 20,
  /** How often neighbours hear from each other, and how long one may be silent before it is asked for a sign of life. */
  beat: 5_000,
  silence: 12_000,
  /** How long one that was silent, or that the server calls gone, has for a sign of life. */
  probe: 3_000,
  /** How long a part of the mesh is believed to have a root that is not heard of any more. */
  root: 30_000,
  /** How often somebody who is not a neighbour is asked whether it is of the same mesh. */
  check: 30_000,
  /** How long somebody who was let in may take to come, and a neighbour to say whether it shares a topic more. */
  coming: 20_000,
  /** Of two that hear of each other one dials first; how long the other waits, and how much longer while connections come about. */
  courtesy: 2_000,
  patience: 8_000,
  /** How often others are asked for, at first and at most. */
  sample: 1_000,
  longestSample: 60_000,
  /** How long a broadcast waits for a channel that is full. */
  drain: 5_000,
  /** How much later than now a start may have been, by a clock that has been set back since. */
  century: 100 * 365.25 * 86_400_000,
  /** How long an offer may wait for its answer where only peers can carry it. */
  answer: 6_000,
  /** Another try, by how many there were. */
  tiers: [1_000, 4_000, 15_000, 60_000, 300_000],
  /** Another try at somebody who had no place, twice as late each time, and at most. */
  crowded: 2_000,
  longestCrowded: 60_000,
  /** A name that came to nothing is forgotten its bearer. */
  forgotten: 60_000,
  /** From when on a link proved itself: who had one is dialed first. */
  proven: 10_000,
  /** Of a ban, unless it says otherwise. */
  ban: 600_000
} as const
