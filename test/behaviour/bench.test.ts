import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { test } from '../tools/test.ts'

const SYSTEMS = [
  ...['socket-signal', 'ws', 'uws', 'peer', 'socket.io', 'bittorrent-tracker', 'y-webrtc', 'socket-signal-10']
]
const MEASURES = ['relay', 'memory', 'connect', 'join', 'presence', 'growth', 'attack', 'storm', 'size']

const latest = JSON.parse(readFileSync('bench/results/latest.json', 'utf8'))

test("bench: README's tables are what the latest results give", t => {
  const { status, stdout, stderr } = bench('table.mjs')
  t.equal(status, 0, stderr || 'it could be made')
  t.ok(
    stdout.includes(latest.machine) && stdout.includes(latest.date),
    'the tables name the machine and the date'
  )
  t.ok(readFileSync('README.md', 'utf8').includes(stdout.trim()), 'or run: node bench/table.mjs --write')
  t.end()
})

test('bench: the latest results have a figure for each measure and each system', t => {
  for (const name of SYSTEMS) t.ok(latest.relay[name]?.cpuUs > 0 && latest.relay[name].ratio > 0, name)
  t.ok(latest.relay['socket-signal'].kBPerConnection > 0 && latest.relay['socket-signal'].memRatio > 0)
  for (const name of ['socket-signal', 'direct', 'socket-signal-10']) {
    const { medianMs, p95Ms, ratio } = latest.connect[name]
    t.ok(medianMs > 0 && p95Ms >= medianMs && ratio > 0, name)
  }
  for (const name of MEASURES) t.equal(typeof latest[name], 'object', name)
  t.end()
})

test('bench: --help names every measure, and an unknown word ends with 1', t => {
  const { stdout } = bench('run.mjs', '--help')
  for (const name of MEASURES) t.match(stdout, new RegExp(`^ +${name} `, 'm'))
  for (const words of [['nothing'], ['relay', '--only', 'nobody'], ['--nothing']]) {
    const { status, stderr } = bench('run.mjs', ...words)
    t.equal(status, 1, words.join(' '))
    t.match(stderr, /; see --help\n$/)
  }
  t.end()
})

test('bench: a bound that is not held by a hair, or was not measured, and a server that is missing are told as such', async t => {
  const script = `
    const { checkBounds } = await import(process.cwd() + '/bench/bounds.mjs')
    const relay = ratio => ({ relay: { 'socket-signal': { ratio, cpuUs: ratio }, ws: { ratio: 1, cpuUs: 1 } } })
    const first = results => checkBounds(results, ['relay'])[0].holds
    const told = { measured: first(relay(1.15)), beyond: first(relay(1.1501)), unknown: first({}), nan: first(relay(NaN)) }
    const alone = checkBounds(relay(1), ['relay']).find(({ ofAll }) => ofAll)
    const least = relay(1)
    least.relay.peer = { cpuUs: 1 }
    const below = checkBounds(least, ['relay']).find(({ words }) => words === 'below 1')
    console.log(JSON.stringify({ ...told, alone: alone.holds, same: below.holds }))`
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8'
  })
  t.deepEqual(JSON.parse(stdout), {
    ...{ measured: true, beyond: false, unknown: false, nan: false },
    ...{ alone: false, same: false }
  })
  t.end()
})

test('bench: a server has a core of its own, also where the load that starts it is kept to another', async t => {
  const script = `
    const { readFileSync } = await import('node:fs')
    const { SERVER_CORE, spawnPinned } = await import(process.cwd() + '/bench/tools/pinned.mjs')
    const server = spawnPinned(SERVER_CORE, ['--eval', 'process.on("disconnect", process.exit).send(0)'])
    await new Promise(resolve => server.once('message', resolve))
    console.log(readFileSync('/proc/' + server.pid + '/status', 'utf8'))
    server.disconnect()`
  const on = (core: string, ...words: string[]) =>
    spawnSync('taskset', ['-c', core, ...words], { encoding: 'utf8', timeout: 20_000 })
  const { stdout, stderr } = on('0', process.execPath, '--input-type=module', '--eval', script)
  const [, cores] = /^Cpus_allowed_list:\s*(.*)$/m.exec(stdout) ?? []
  t.equal(cores, on('1', 'true').status === 0 ? '1' : '0', stderr)
})

function bench(file: string, ...words: string[]) {
  return spawnSync(process.execPath, [`bench/${file}`, ...words], { encoding: 'utf8' })
}
