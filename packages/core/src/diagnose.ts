import { type Advice, codeOf, count, isRelayOnly, words } from './advice.ts'
import type { SocketSignalClient } from './client.ts'
import { toSignalError } from './errors.ts'
import type { Host } from './host.ts'
import { Path } from './peers.ts'
import type { Rtc, RtcSignal } from './rtc.ts'
import { Trace } from './trace.ts'
import { wait } from './wait.ts'

/** What one thing that connections need is like. */
export interface Check extends Advice {
  /** `token`: whether the server lets this client in; `udp` and `turn`: what STUN and TURN servers say. */
  name: 'server' | 'token' | 'udp' | 'turn'
  /** Absent: it can't be told, or is not needed. */
  ok?: boolean
  /** Unit: ms. */
  took: number
}

/** What `client.diagnose()` found. It names servers, never credentials. */
export interface Diagnosis {
  /** Whether nothing is known to be wrong. */
  ok: boolean
  /** Server, token, udp and turn, in this order. */
  checks: Check[]
}

/** How long servers may take to answer. Unit: ms. */
const PATIENCE = 8000
const POLL = 20
const ABOUT_TOKENS = /^(TOKEN_|AUTH_REQUIRED)/

/** Looks at server, token, UDP and TURN. */
export async function diagnose(client: SocketSignalClient, host: Host): Promise<Diagnosis> {
  const { clock } = host
  let began = clock.now()
  const check = (name: Check['name'], ok: boolean | undefined, advice: Advice): Check => {
    const took = Math.round(clock.now() - began)
    return { name, ...(ok !== undefined && { ok }), ...advice, took }
  }

  const refusal = await reach(client, host)
  const isToken = ABOUT_TOKENS.test(refusal)
  const reached = refusal === '' || isToken
  const checks = [
    check('server', reached, reached ? fine('The signal server answers.') : words(refusal)),
    reached
      ? check('token', !isToken, isToken ? words(refusal) : fine('The server lets this client in.'))
      : check('token', undefined, { ...fine('Not asked: the server could not be reached.'), code: 'UNKNOWN' })
  ]

  began = clock.now()
  const { udp, turn } = await look(host, refusal === '')
  checks.push(check('udp', udp.code === 'OK', udp))
  checks.push(check('turn', turn.code === 'NO_TURN' ? undefined : turn.code === 'OK', turn))
  return { ok: checks.every(({ ok }) => ok !== false), checks }
}

function fine(sentence: string): Advice {
  return { code: 'OK', sentence, tryThis: '' }
}

/** Gives the code of what keeps this client from its server, or nothing; the first try is enough to tell. */
async function reach(client: SocketSignalClient, { clock, link, requestTimeout }: Host): Promise<string> {
  let stop = () => {}
  const failed = new Promise<never>((_, reject) => {
    // What gives tokens is asked once more.
    stop = client.on(
      'connect-error',
      (error, again) => (again && error.code === 'TOKEN_INVALID') || reject(error)
    )
  })
  const asked = async () => {
    await client.open()
    const rpc = await link.usable()
    await rpc.request({ kind: 'ping', received: rpc.received }, { timeout: requestTimeout })
  }
  try {
    await wait(Promise.race([asked(), failed]), { clock, timeout: 2 * requestTimeout })
    return ''
  } catch (error) {
    return codeOf(toSignalError(error, 'TIMEOUT'))
  } finally {
    stop()
  }
}

/** Gathers candidates as a connection would, and throws them away. */
async function look(host: Host, welcomed: boolean): Promise<{ udp: Advice; turn: Advice }> {
  const broken = (error: unknown) => {
    const advice = words(toSignalError(error, 'RTC_FAILED').code)
    return { udp: advice, turn: advice }
  }
  const rtcs: Rtc[] = []
  const make = (initiator: boolean) => {
    const rtc = host.createRtc(initiator, undefined, [])
    rtc.on('error', () => {}) // Without a listener it ends the process.
    rtcs.push(rtc)
    return rtc
  }
  try {
    if (welcomed) await host.ice.refresh()
    const [a, b] = [make(true), make(false)]
    const path = new Path(a, { trace: new Trace(host.clock), onnone() {}, onstate() {}, onpair() {} })
    a.on('signal', (signal: RtcSignal) => b.destroyed || b.signal(signal))
    b.on('signal', (signal: RtcSignal) => a.destroyed || a.signal(signal))
    const turn = path.urls.filter(url => url.startsWith('turn'))
    const has = (type: 'srflx' | 'relay') => (count(path.local)[type] ?? 0) > 0
    const done = () =>
      a.destroyed || (turn.length > 0 ? has('relay') : a.connected && isAnswered()) || refused()
    const isAnswered = () => path.urls.length === 0 || has('srflx') || path.gathered
    const refused = () => path.gathered && (a.connected || path.errors.length > 0 || isRelayOnly(path))
    await until(host, done)
    return {
      udp: udpOf(path, a.connected || has('relay'), has('srflx') || has('relay')),
      turn: turn.length > 0 ? turnOf(path, has('relay')) : words('NO_TURN')
    }
  } catch (error) {
    return broken(error)
  } finally {
    for (const rtc of rtcs) rtc.destroy()
  }
}

function udpOf(path: Path, works: boolean, answered: boolean): Advice {
  const { urls, errors, gathered } = path
  if (urls.length === 0 && works)
    return fine('UDP works on this device; without a STUN server nothing is known of the network.')
  const silent = urls.length > 0 && !answered && (!gathered || errors.some(({ code }) => code === 701))
  if (silent && !errors.some(({ code }) => code === 401)) return words('UDP_BLOCKED')
  if (works || answered || errors.length > 0) return fine('UDP gets out, and answers come back.')
  return words(isRelayOnly(path) ? 'ICE_NO_CANDIDATES' : 'ICE_FAILED')
}

function turnOf({ errors }: Path, works: boolean): Advice {
  if (works) return fine('The TURN server gave an address to relay over.')
  return words(errors.some(({ code }) => code === 401) ? 'TURN_AUTH' : 'TURN_UNREACHABLE')
}

async function until({ clock }: Host, fact: () => boolean): Promise<void> {
  const end = clock.now() + PATIENCE
  while (!fact() && clock.now() < end) await new Promise<void>(resolve => clock.setTimeout(resolve, POLL))
}
