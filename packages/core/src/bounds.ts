// Enums, here and in other files: in a bundle their numbers stand alone, without names.

/** What a client keeps and lets in at most, whatever servers and remotes send. */
export enum MAX {
  /** Nesting and keys of JSON that is parsed: 19 KB of brackets parse, and kill whoever stringifies them. */
  depth = 32,
  keys = 1000,
  /** Pages of one answer. */
  pages = 256,
  /** What follows hello before the welcome: the server keeps little for who has not proven anything. Unit: bytes. */
  pipelined = 32 * 1024,
  /** Members that are remembered, to tell who came and went while away. */
  members = 100_000,
  /** Senders whose sequence numbers are remembered. */
  windows = 4096,
  /** Peers that are known to sign. */
  signers = 4096,
  /** What remotes ask for that may wait for its turn. */
  waiting = 64,
  /** Sessions of all kinds, from which on nobody new is let in. */
  sessions = 1024,
  /** Ended sessions whose offers are known again when they are played back. */
  ended = 1024,
  /** Signals of a remote that wait until its peer takes them; together they are no larger than `sdp`. */
  early = 32,
  /** Candidates of a remote that wait for their description. */
  ahead = 64,
  /** Public keys that are ready to check with: a peer signs several times while it connects. */
  publicKeys = 64,
  /** What ICE servers said no with, and candidates that are counted, of each side. */
  refusals = 32,
  counted = 256,
  /** How often another pair is looked for behind an ICE restart. */
  looks = 5,
  /** How often what got no answer is said once more where the path is there: the app may hold its answer back. */
  tries = 5,
  /** Messages that wait until those before them are checked. Unit: bytes. */
  unread = 10_000_000,
  /** Frames of a remote in one session that wait until those before them are dealt with. */
  unheard = 128,
  /** Signals of ours that a peer shows. */
  signals = 64,
  /** Unit: characters. */
  sdp = 256 * 1024,
  candidate = 4096,
  mid = 64
}

/** What a client waits for. Unit: ms. */
export enum MS {
  /** Until a topic is asked for again: at first, and at most. */
  retry = 1000,
  longestRetry = 60_000,
  /** A socket that lived this long was a good one: the next loss begins anew. */
  stable = 5_000,
  /** ICE takes a while to settle: from one look at it to the next. */
  look = 1000,
  /** Signals of ours wait so long for company. */
  company = 5,
  /** Credentials must be good for as long as it takes to connect. */
  connecting = 30_000,
  /** Platforms fire at once what is to wait longer. */
  longest = 0x7fffffff
}
