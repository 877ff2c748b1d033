import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { checkBounds } from './bounds.mjs'
import { machine } from './machine.mjs'
import { MEASURES } from './measures.mjs'
import { boundLines, resultLines } from './report.mjs'
import { SYSTEMS } from './systems.mjs'
import { writeTable } from './table.mjs'
import { kept } from './tools/numbers.mjs'
import { LOAD_CORE, pinning, spawnPinned } from './tools/pinned.mjs'

const MEASURE = new URL('measure.mjs', import.meta.url).pathname
const LATEST = new URL('results/latest.json', import.meta.url).pathname

const HELP = `npm run bench -- [measure…] [options]

Measures socket-signal beside other signaling servers. Without a name, everything; where that is done whole, without
--quick and --only, bench/results/latest.json is written, and README's tables are made from it.

${MEASURES.map(({ name, says }) => `  ${name.padEnd(10)} ${says}`).join('\n')}

  --quick       fewer clients, shorter rounds
  --check       ends with 1 when a bound is not held
  --only NAMES  these systems alone, by comma: ${SYSTEMS.map(({ name }) => name).join(', ')}
  --json        prints the figures as JSON, and what is said meanwhile as errors
  --profile     writes CPU profiles of the servers to bench/results/profiles`

const { values: options, positionals } = parse()
const only = options.only?.split(',')
if (options.help) {
  console.log(HELP)
} else {
  await main()
}

async function main() {
  const asked = MEASURES.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const say = options.json ? console.error : console.log
  if (options.profile) process.env.BENCH_PROFILE = '1'
  const date = new Date().toISOString().slice(0, 10)
  const results = { machine: machine(), date, notes: [] }
  say(
    `${results.machine}; ${pinning}${options.quick ? '; quick' : ''}\nOurs with default limits; where it says so, those on rates are raised for the load\n`
  )
  const failed = []
  const checks = []
  const began = Date.now()
  for (const [at, { name, seconds, says, raised }] of asked.entries()) {
    const started = Date.now()
    say(`${name} (${at + 1} of ${asked.length}): ${says}${raised ? ' (rates raised)' : ''}`)
    try {
      const found = await measure(name, seconds, note => results.notes.push(note) && say(note))
      merge(results, found)
      for (const line of resultLines(found)) say(line)
    } catch (error) {
      failed.push(`${name} failed: ${error.message}`)
      console.error(failed.at(-1))
    }
    // With some systems left out, what is about all of them can't be told.
    const found = checkBounds(results, [name]).filter(({ ofAll }) => !options.only || !ofAll)
    for (const line of boundLines(found)) say(line)
    checks.push(...found)
    say(`(${since(started)})\n`)
  }
  const missed = checks.filter(({ holds }) => !holds)
  if (asked.length > 1) for (const line of boundLines(missed)) say(line)
  say(`${checks.length - missed.length} of ${checks.length} bounds are held (${since(began)})`)
  if (options.json) console.log(JSON.stringify(results, undefined, 2))
  const whole = positionals.length === 0 && !options.quick && !options.only && failed.length === 0
  if (whole) save(results)
  else if (positionals.length === 0 && !options.quick) console.error('latest.json is left as it was')
  if (failed.length > 0 || (options.check && missed.length > 0)) process.exitCode = 1
}

function since(time) {
  return `${((Date.now() - time) / 1000).toFixed(0)} s`
}

/** One measure, with a deadline; its servers end when it does. */
function measure(name, seconds, note) {
  const child = spawnPinned(
    LOAD_CORE,
    [
      '--expose-gc',
      '--unhandled-rejections=strict',
      MEASURE,
      name,
      JSON.stringify({ quick: !!options.quick, only })
    ],
    'inherit'
  )
  return new Promise((resolve, reject) => {
    let found
    let late
    const timer = setTimeout(() => {
      // It ends what it has started before itself, if it still can.
      child.disconnect()
      setTimeout(() => child.kill('SIGKILL'), 2000)
      late = new Error(`it took more than ${seconds} s`)
    }, seconds * 1000)
    child.on('message', message => {
      if (message.note) note(message.note)
      if (message.found) found = message.found
    })
    child.on('exit', code => {
      clearTimeout(timer)
      if (found) resolve(found)
      else reject(late ?? new Error(`it ended with ${code}`))
    })
  })
}

/** Figures of a system may come from two measures. */
function merge(into, found) {
  for (const [section, values] of Object.entries(found)) {
    if (typeof values !== 'object') {
      into[section] = values
      continue
    }
    into[section] ??= {}
    for (const [name, value] of Object.entries(values)) {
      const both = typeof value === 'object' && into[section][name]
      into[section][name] = both ? { ...into[section][name], ...value } : value
    }
  }
}

function save(results) {
  writeFileSync(LATEST, `${JSON.stringify(results, (_, value) => kept(value), 2)}\n`)
  writeTable()
}

function parse() {
  const flag = { type: 'boolean' }
  const options = {
    quick: flag,
    check: flag,
    json: flag,
    profile: flag,
    help: flag,
    only: { type: 'string' }
  }
  const parsed = orEnd(() => parseArgs({ options, allowPositionals: true }))
  const words = {
    measure: [MEASURES, parsed.positionals],
    system: [SYSTEMS, parsed.values.only?.split(',') ?? []]
  }
  for (const [what, [known, given]] of Object.entries(words)) {
    const unknown = given.filter(word => !known.some(({ name }) => name === word))
    if (unknown.length > 0) end(`no such ${what}: ${unknown.join(', ')}`)
  }
  return parsed
}

function orEnd(work) {
  try {
    return work()
  } catch (error) {
    return end(error.message)
  }
}

function end(why) {
  console.error(`${why}; see --help`)
  process.exit(1)
}
