import { readFileSync } from 'node:fs'
import { MAX, MS } from '../../packages/core/src/bounds.ts'
import { CODES } from '../../packages/core/src/errors.ts'
import { LIMITS } from '../../packages/core/src/limits.ts'
import { CEILING, SUBPROTOCOL, USUAL } from '../../packages/core/src/protocol.ts'
import { test } from '../tools/test.ts'

const text = readFileSync(new URL('../../packages/core/PROTOCOL.md', import.meta.url), 'utf8')

const n = (value: number) => value.toLocaleString('en-US')
const kib = (bytes: number) => `${bytes / 1024} KiB`
const mib = (bytes: number) => `${bytes / 1024 ** 2} MiB`
const seconds = (ms: number) => `${ms / 1000} s`
const rate = (each: number, burst: number) => `${n(each)} a second, ${n(burst)} at once`

test('protocol: PROTOCOL.md has the ceilings of the layout', t => {
  holds(t, [
    `| versions in challenge | ${CEILING.versions} |`,
    `| audience | ${CEILING.audience} bytes |`,
    `| token, in hello and in token | ${n(CEILING.token)} bytes |`,
    `| info | ${n(CEILING.info)} bytes |`,
    `| code of error | ${CEILING.code} bytes |`,
    `| message of error | ${n(CEILING.message)} bytes |`,
    `| reason of goodbye | ${CEILING.reason} bytes |`,
    `| members, ids or kept messages in one list | ${n(CEILING.ids)} |`,
    `(${n(USUAL.payload)} bytes until the welcome); a client MUST take ${n(CEILING.payload)} bytes`,
    `within ${n(CEILING.ice)} bytes`,
    `MAY send up to ${n(USUAL.least)} bytes whatever`,
    `the subprotocol \`${SUBPROTOCOL}\``
  ])
  t.end()
})

test('protocol: PROTOCOL.md has the default limits of a server', t => {
  const l = LIMITS
  holds(t, [
    `| frame | ${n(l.maxPayload)} bytes (at most ${n(CEILING.payload)}) |`,
    `| ${rate(l.frameRate, l.frameBurst)} | the server stops reading; after ${seconds(l.rateGrace)} of it`,
    `| ${kib(4 * l.helloQueue)} | 4004 |`,
    `| ${rate(l.joinRate, l.joinBurst)} | RATE_LIMITED with`,
    `| messages | ${rate(l.messageRate, l.messageBurst)}, ${n(l.maxMessage)} bytes |`,
    `times their receivers | ${rate(l.copyRate, l.copyBurst)} |`,
    `| topics | ${l.maxTopics} |`,
    `| single peers that are watched | ${l.maxWatches} |`,
    `| send queue of one socket | ${kib(l.sendQueueSoft)} | presence`,
    `| send queue of one socket | ${mib(l.sendQueueHard)} | 4001;`,
    `| ${kib(l.awayQueue)}, for presence half of it |`,
    `| ${n(l.maxAway)}, ${mib(l.maxAwayBytes)} |`,
    `${l.maxOffers} requests of this caller wait, or ${l.maxOffers} offers`,
    `or ${l.maxOffersAtTarget} requests at this callee, or ${l.maxOffersFromOne} of this caller there`,
    `the latest answers of a connection (${l.maxOffersAtTarget}, for`,
    `0: as the server likes (${l.lookup}); more than ${n(l.maxLookup)} counts as ${n(l.maxLookup)}`,
    `\`helloTimeout\` (${seconds(l.helloTimeout)})`,
    `up to ${kib(l.helloQueue)} (\`helloQueue\`)`,
    `every \`pingInterval\` (${seconds(l.pingInterval)})`,
    `${seconds(l.tokenNotice)} before (\`tokenNotice\`)`,
    `${seconds(l.tokenGrace)} after the end (\`tokenGrace\`)`,
    `Changes of ${l.presenceInterval} ms`
  ])
  t.end()
})

test('protocol: PROTOCOL.md has what a client bears', t => {
  holds(t, [
    `nested deeper than ${MAX.depth} or has more than ${n(MAX.keys)} keys`,
    `MAY refuse more than ${MAX.pages} pages`,
    `SHOULD stay below ${kib(MAX.pipelined)} before the welcome`,
    `${n(MAX.ended)} ended sessions`,
    `${n(MAX.windows)} senders of messages`,
    `the sessions of the last ${n(MAX.ended)} that ended`,
    `before the receiver has a description wait (up to ${MAX.early})`,
    `it keeps ${MAX.unheard}, and drops`,
    `checks them keeps ${n(MAX.unread)} bytes`,
    `sdp of ${MAX.sdp / 1024} Ki characters, a candidate of ${n(MAX.candidate)}`,
    `\`sdpMid\` (${MAX.mid} characters at most)`,
    `a client waits at most ${seconds(MS.longestRetry)} for it`,
    `after a socket that lived ${seconds(MS.stable)}`
  ])
  t.end()
})

test('protocol: PROTOCOL.md has the close number of every code', t => {
  const codes = Object.entries(CODES) as [string, { close?: number }][]
  const closes = codes.filter(([, { close }]) => close !== undefined)
  holds(
    t,
    closes.map(([code, { close }]) => `| ${close} | ${code} |`)
  )
  const listed = [...text.matchAll(/\| (4\d\d\d) \| ([A-Z_]+) /g)]
  t.equal(listed.length, closes.length, 'and no other')
  t.end()
})

function holds(t: { ok(value: unknown, name: string): void }, sentences: string[]): void {
  for (const sentence of sentences) t.ok(text.includes(sentence), sentence)
}
