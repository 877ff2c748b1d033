import type { IceServersSeen } from './explain.ts'
import type { CandidateType, Pair, Path } from './path.ts'

/** A code for programs, and words for people. */
export interface Advice {
  /** An error's code, or OK, NO_TURN, CONNECTED, CONNECTING, CLOSED, UDP_BLOCKED, TURN_UNREACHABLE. Stable; the words are not. */
  code: string
  /** One plain sentence for people, in English. May change in any version. */
  sentence: string
  /** What to try; empty where there is nothing to do. */
  tryThis: string
}

export interface Facts {
  /** Whether the channel was open once. */
  opened: boolean
  pair?: Pair | undefined
  stun: IceServersSeen
  turn: IceServersSeen
  relayOnly: boolean
  /** Whether all candidates have been found. */
  gathered: boolean
}

/** How many of each. */
export type Candidates = { [type in CandidateType]?: number }

/** How many candidates of each kind there are among those of one side. */
export function count(candidates: Iterable<string>): Candidates {
  const kinds: Candidates = {}
  for (const candidate of candidates) {
    const type = candidate.slice(candidate.lastIndexOf(' ') + 1) as CandidateType
    kinds[type] = (kinds[type] ?? 0) + 1
  }
  return kinds
}

interface State {
  connected: boolean
  destroyed: boolean
  error: Error | null
}

const NEW_TOKEN =
  'Sign in again, or give the client a function as `token`, so that it gets a new one by itself.'
const CONTACT = 'Tell whoever runs this app; on this device there is nothing to do.'
const WAIT = 'Wait a moment and try again.'
const BROKE = ['The connection to the signal server broke.', WAIT] as [string, string]
const NETWORK = 'Try another network, for instance a phone’s, or give the app a TURN server over TCP or TLS.'

/** What each code means, and what to try. */
const WORDS: { [code: string]: [sentence: string, tryThis: string] } = {
  CONNECTING: ['The connection is still being made.', ''],
  NO_TURN: [
    'There is no TURN server: where no direct way leads to the other side, the connection fails.',
    'Whoever runs the app: set one up, see TURN in the README.'
  ],
  CLOSED: ['The connection was closed.', 'Connect again if it was not meant to end.'],
  PEER_NOT_FOUND: [
    'The other side is not there: nobody of that id is in this topic.',
    'Ask them to open the app and join, then try again.'
  ],
  PEER_LEFT: [
    'The other side left, or gave up, before the connection was made.',
    'Try again when they are back.'
  ],
  PEER_AWAY: ['The other side lost its connection to the server just now.', WAIT],
  REJECTED: ['The other side refused the connection.', 'Ask them to let you in.'],
  FORBIDDEN: ['The server does not allow this connection.', 'Ask for the permission that is missing.'],
  SIGNAL_TIMEOUT: [
    'The other side did not answer in time; it may hang, sleep, or wait for somebody to decide.',
    'Ask them to bring the app to the front, then try again.'
  ],
  CONNECT_TIMEOUT: [
    'Both sides agreed to connect, but no way between them was found in time.',
    `${NETWORK} The trouble may be on the other side.`
  ],
  ICE_FAILED: [
    'No way leads from one side to the other.',
    `${NETWORK} The trouble may be on the other side.`
  ],
  ICE_NO_CANDIDATES: [
    'This device has no address to offer: there is no network, or none that the privacy setting lets out.',
    'Check the network; with `privacy: "relay"`, give the app a TURN server.'
  ],
  UDP_BLOCKED: [
    'This network seems to block UDP: nothing came back from the servers that were asked, nor from the other side.',
    NETWORK
  ],
  TURN_AUTH: [
    'The TURN server refused the credentials: they have ended, or were made with a wrong secret.',
    'Whoever runs the app: check that the TURN server and the signal server share one secret, and their clocks.'
  ],
  TURN_UNREACHABLE: [
    'The TURN server did not answer, and this connection may use nothing else.',
    'Check that the TURN server runs and that its port is open; a firewall may block UDP on the way.'
  ],
  TOKEN_EXPIRED: ['The token has expired, so the server does not let this client in.', NEW_TOKEN],
  TOKEN_INVALID: ['The server does not accept the token.', NEW_TOKEN],
  TOKEN_REPLAYED: ['The token is good once, and was used already.', NEW_TOKEN],
  TOKEN_NOT_YET_VALID: ['The token is not good yet.', 'Set the clock of this device right, then try again.'],
  TOKEN_UNAVAILABLE: ['The app got no token to show to the server.', WAIT],
  AUTH_REQUIRED: ['The server lets nobody in without a token.', NEW_TOKEN],
  ORIGIN_DENIED: ['The server does not serve pages of this site.', CONTACT],
  KICKED: ['You were removed by the server.', 'Ask whoever moderates.'],
  REPLACED: [
    'This identity connected from another place, a second tab for instance.',
    'Go on there, or close it.'
  ],
  TIMEOUT: ['The signal server could not be reached.', 'Check the network and the server’s address.'],
  CONNECT_FAILED: ['The signal server could not be reached.', 'Check the network and the server’s address.'],
  HELLO_TIMEOUT: BROKE,
  HEARTBEAT_TIMEOUT: BROKE,
  SLOW_CONSUMER: BROKE,
  SUSPENDED: BROKE,
  INTERNAL: BROKE,
  BACKPLANE_UNAVAILABLE: ['The signal servers do not reach one another just now.', WAIT],
  ID_IN_USE: [
    'This identity is connected from another place.',
    'Close it there, or wait a moment and try again.'
  ],
  PROTOCOL_VERSION: ['The signal server speaks another version.', 'Reload the page.'],
  BAD_FRAME: ['The signal server does not understand this client.', 'Reload the page.'],
  BAD_PROOF: [
    'The signal server does not know itself by the address that was dialed, or not this client’s key.',
    'Whoever runs the server: check its public URLs.'
  ],
  TOO_LARGE: ['What was sent is larger than the signal server takes.', CONTACT],
  NOT_JOINED: ['Only who is in the topic may connect there.', 'Join it first.'],
  SERVER_SHUTDOWN: ['The signal server is being restarted.', WAIT],
  OVERLOADED: ['The signal server has too much to do.', WAIT],
  RATE_LIMITED: ['Too much was asked in a short time.', WAIT],
  LIMIT_SESSIONS: ['Too many connections are being made at once.', WAIT],
  BAD_SIGNATURE: [
    'What came is not signed by the other side: somebody in between may have changed it.',
    'Don’t go on over this server before you know why.'
  ],
  UNPROVEN_ID: [
    'The other side has no proof of who it is.',
    'Give them a key pair, or set `verify` to `optional`.'
  ],
  SIGNAL_LIMIT: ['The other side sent far more than a connection needs.', 'Check what they run.'],
  RTC_FAILED: ['WebRTC itself failed.', 'Reload the page; if that does not help, tell whoever runs the app.'],
  WEBRTC_UNAVAILABLE: [
    'There is no WebRTC here.',
    'In Node, hand in `@roamhq/wrtc`; else take another browser.'
  ]
}

/** Codes that only say that time was over: what is behind them says more. */
const VAGUE = new Set(['TIMEOUT', 'SIGNAL_TIMEOUT'])
const NO_WAY = new Set(['ICE_FAILED', 'CONNECT_TIMEOUT', 'ICE_NO_CANDIDATES'])
const MAX_QUOTE = 200

/** Puts into words how a connection stands. */
export function advise({ connected, destroyed, error }: State, facts: Facts): Advice {
  if (connected) return { code: 'CONNECTED', sentence: describe(facts.pair), tryThis: '' }
  if (!error) return words(destroyed ? 'CLOSED' : 'CONNECTING')
  const code = causeOf(error, facts)
  if (code === 'ICE_FAILED' && facts.opened)
    return { ...words(code), sentence: 'The connection was lost: the way between both sides is gone.' }
  if (code === 'REJECTED') return quote(words(code), error.message)
  return WORDS[code] ? words(code) : quote({ ...words('CLOSED'), code }, error.message)
}

/** The code's words. */
export function words(code: string): Advice {
  const [sentence, tryThis] = WORDS[code] ?? ['It failed.', WAIT]
  return { code, sentence, tryThis }
}

/** The code that says most about an error. */
export function codeOf(error: Error): string {
  const { code = 'CLOSED', cause } = error as Error & { code?: unknown }
  const inner = cause instanceof Error ? (cause as { code?: unknown }).code : undefined
  return String(VAGUE.has(String(code)) && typeof inner === 'string' ? inner : code)
}

function causeOf(error: Error, { stun, turn, relayOnly, gathered, opened }: Facts): string {
  const code = codeOf(error)
  if (!NO_WAY.has(code) || opened) return code
  const isSilent = ({ urls, errors, answered }: IceServersSeen) =>
    urls.length > 0 && !answered && (!gathered || errors.some(({ code }) => code === 701))
  if (relayOnly) return turn.urls.length > 0 && !turn.answered ? 'TURN_UNREACHABLE' : code
  return !stun.answered && !turn.answered && (isSilent(stun) || isSilent(turn)) ? 'UDP_BLOCKED' : code
}

function describe(pair: Pair | undefined): string {
  if (!pair) return 'Connected.'
  const relayed = pair.local === 'relay' || pair.remote === 'relay'
  const way = relayed ? 'through a TURN relay' : 'directly'
  return `Connected ${way}, over ${pair.protocol.toUpperCase()}.`
}

/** With the words of whoever said no: data, and cut, since they may be anything. */
function quote(advice: Advice, words: string): Advice {
  return { ...advice, sentence: `${advice.sentence.replace(/\.$/, '')}: “${words.slice(0, MAX_QUOTE)}”` }
}

/** Whether it may use TURN servers alone. */
export function isRelayOnly(path: Path | undefined): boolean {
  return path?.config.iceTransportPolicy === 'relay'
}
