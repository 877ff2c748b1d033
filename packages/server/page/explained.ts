import type { Check, Explanation, Stage } from 'socket-signal'
import { el } from './dom.ts'

const STAGES: { [name in Stage['name']]: string } = {
  token: 'Token',
  socket: 'Socket',
  join: 'Join',
  offer: 'Offer',
  route: 'On its way',
  accepted: 'Let in',
  answer: 'Answer',
  gathering: 'Gathering',
  checking: 'Checking',
  dtls: 'DTLS',
  open: 'Open'
}
const CHECKS: { [name in Check['name']]: string } = {
  server: 'Server',
  token: 'Token',
  udp: 'UDP',
  turn: 'TURN'
}
const KINDS = { host: 'own', srflx: 'seen from outside', prflx: 'seen from outside', relay: 'relayed' }

/** Why a connection is as it is: what was said of it, and what to try. */
export function reason({ sentence, tryThis }: { sentence: string; tryThis: string }): HTMLElement {
  return el('p', 'why', sentence, ...(tryThis ? [' ', el('span', 'try', tryThis)] : []))
}

/** What was seen of a connection, folded. */
export function details({ code, stages, candidates, pair, stun, turn }: Explanation): HTMLElement {
  const from = Math.max(0, ...stages.filter(({ at }) => at >= 0).map(({ at, took = 0 }) => at + took))
  const facts: [string, string][] = [
    ['Code', code],
    ['Path', pair ? `${KINDS[pair.local]} to ${KINDS[pair.remote]}, ${pair.protocol.toUpperCase()}` : 'none'],
    ['Addresses', `${list(candidates.local)} here, ${list(candidates.remote)} there`],
    ['STUN', state(stun)],
    ['TURN', state(turn)]
  ]
  const table = el('dl', 'facts')
  for (const [name, value] of facts) table.append(el('dt', '', name), el('dd', '', value))
  const timeline = el('ol', 'stages', ...stages.map(stage => stageRow(stage, from)))
  return el('details', 'details', el('summary', '', 'Details'), timeline, table)
}

/** What a look before a call found. */
export function checkRow({ name, ok, sentence, tryThis }: Check): HTMLElement {
  const mark = ok === undefined ? 'unknown' : ok ? 'good' : 'bad'
  const row = el('li', `check ${mark}`, el('span', 'check-name', CHECKS[name]), reason({ sentence, tryThis }))
  row.dataset.check = name
  row.dataset.state = mark
  return row
}

/** One bar on a common line of time; what was before the connection has none. */
function stageRow({ name, at, took }: Stage, whole: number): HTMLElement {
  const row = el('li', took === undefined ? 'stage stuck' : 'stage')
  const bar = el('span', 'span')
  const width = whole || 1
  bar.style.setProperty('--from', String(Math.min(1, Math.max(0, at) / width)))
  bar.style.setProperty('--size', String(at < 0 ? 0 : took === undefined ? 1 : took / width))
  row.append(el('span', 'stage-name', STAGES[name]), bar, el('span', 'stage-time', describe(at, took)))
  return row
}

function describe(at: number, took: number | undefined): string {
  if (took === undefined) return 'not done'
  return at < 0 ? `${formatTime(took)}, before` : formatTime(took)
}

export function formatTime(ms: number): string {
  return ms < 1 ? '< 1 ms' : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}

function list(kinds: Explanation['candidates']['local']): string {
  const parts = Object.entries(kinds).map(([kind, count]) => `${count} ${KINDS[kind as keyof typeof KINDS]}`)
  return parts.join(', ') || 'none'
}

function state({ urls, answered, errors }: Explanation['stun']): string {
  if (urls.length === 0) return 'none'
  const said = errors.map(({ code, url }) => `${url}: ${code}`)
  return [...new Set(answered ? ['answered'] : said.length > 0 ? said : ['no news'])].join(', ')
}
