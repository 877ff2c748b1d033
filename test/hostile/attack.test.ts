import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import type { Test } from 'tape'
import type { Report } from '../tools/attacked.ts'
import { Child } from '../tools/child.ts'
import { Control } from '../tools/control.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '8' } } })
const SECONDS = Number(values.seconds)
const TOKEN = 'a token that nobody may see in a log'
const FLAGS = ['--conditions=@socket-signal/source', '--import', 'tsx', '--unhandled-rejections=strict']
/** Counting what is left on the heap is an experiment of Node's. */
const QUIET = '--disable-warning=ExperimentalWarning'

/** The server that is attacked, in a process of its own. */
async function attacked(t: Test) {
  const child = fork('test/tools/attacked.ts', [TOKEN], { execArgv: [...FLAGS, QUIET], silent: true })
  let [log, ended] = ['', '']
  child.stdout?.on('data', chunk => (log += chunk))
  child.stderr?.on('data', chunk => (log += chunk))
  child.on('exit', (code, signal) => (ended = `${code ?? signal}`))
  t.teardown(() => void child.kill('SIGKILL'))
  const [{ url }] = (await once(child, 'message')) as [{ url: string }]
  const report = async () => {
    child.send('report')
    return ((await once(child, 'message')) as [Report])[0]
  }
  return { url, report, ended: () => ended, log: () => log }
}

test('hostile attack: everything at once from 20 connections harms nobody, and leaves nothing behind', {
  timeout: (SECONDS + 90) * 1000
}, async t => {
  const server = await attacked(t)
  const strike = async (seconds: number) => {
    const attack = JSON.stringify({ url: server.url, seconds, token: TOKEN })
    const attackers = new Child(t, 'test/tools/attackers.ts', [attack])
    t.equal(await attackers.ended, 0, attackers.stderr || `the attackers struck: ${attackers.stdout.trim()}`)
    return JSON.parse(attackers.stdout) as { [kind: string]: number }
  }
  const gone = async () => {
    await until(async () => isEmpty((await server.report()).stats), 'everybody has gone', 30)
    return server.report()
  }
  // What is compiled, cached and pooled at first is no leak.
  await strike(2)
  const before = await gone()
  const control = await Control.start(t, server.url, { token: TOKEN })
  const strikes = await control.watches(t, () => strike(SECONDS))
  await control.stop()
  for (const kind of ['malformed', 'flood', 'slow', 'storm', 'tokens']) t.ok((strikes[kind] ?? 0) > 0, kind)
  t.equal(server.ended(), '', 'the server lives')

  const after = await gone()
  const { routed, ...held } = after.stats
  t.ok(routed > 0, `${routed} frames were routed`)
  t.same(
    Object.values(held),
    Object.values(held).map(() => 0),
    `nothing is held: ${JSON.stringify(held)}`
  )
  t.equal(after.left, 0, 'nor is any connection, by anybody')
  t.ok(
    after.heap < 1.2 * before.heap,
    `heap after a collection: ${before.heap} bytes before, ${after.heap} after`
  )

  const log = server.log()
  t.ok(
    log.includes('disconnection') && log.includes('connection-error'),
    `${log.length} characters were printed`
  )
  for (const secret of [TOKEN, 'a=candidate', 'credential', 'eyJ', '127.0.0.1', 'Warning', 'rejection'])
    t.notOk(log.includes(secret), `nothing of ${secret} in the log`)
})

/** Neither a socket nor a place that is kept for one. */
function isEmpty({ sockets, away }: Report['stats']): boolean {
  return sockets + away === 0
}
