// node bench/table.mjs: prints what README says of bench/results/latest.json; with --write, writes it into README.
import { readFileSync, writeFileSync } from 'node:fs'
import { pathToFileURL } from 'node:url'
import { checkBounds } from './bounds.mjs'
import { MEASURES } from './measures.mjs'
import { SYSTEMS } from './systems.mjs'
import { shown } from './tools/numbers.mjs'

const LATEST = new URL('results/latest.json', import.meta.url)
const README = new URL('../README.md', import.meta.url)
const [BEGIN, END] = ['<!-- bench: made by `node bench/table.mjs --write` -->', '<!-- /bench -->']
const WAYS = { direct: 'two simple-peers, wired directly', 'socket-signal': 'socket-signal 11' }

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  if (process.argv.includes('--write')) writeTable()
  else console.log(tableOf(JSON.parse(readFileSync(LATEST, 'utf8'))))
}

/** Puts the tables of latest.json in place of those in README. */
export function writeTable() {
  const readme = readFileSync(README, 'utf8')
  const table = tableOf(JSON.parse(readFileSync(LATEST, 'utf8')))
  const [from, to] = [readme.indexOf(BEGIN), readme.indexOf(END)]
  if (from < 0 || to < from) throw new Error('README has no place for the tables of the bench')
  writeFileSync(README, readme.slice(0, from) + table + readme.slice(to + END.length))
}

function tableOf(latest) {
  const { machine, date, size } = latest
  const sizes = Object.entries(size).map(([name, { gzipKB }]) => `${name} ${shown(gzipKB)}`)
  return [
    BEGIN,
    `Measured on ${date}: ${machine}.`,
    '',
    ...servers(latest),
    '',
    ...connecting(latest),
    '',
    ...bounds(latest),
    '',
    ...(latest.notes?.length > 0 ? [`Noted: ${latest.notes.join('; ')}.`, ''] : []),
    `Bundles for browsers, kB by gzip, simple-peer in ours: ${sizes.join(', ')}.`,
    END
  ].join('\n')
}

function servers({ relay }) {
  const measured = SYSTEMS.filter(({ name }) => relay[name]?.cpuUs).sort(
    (a, b) => relay[a.name].cpuUs - relay[b.name].cpuUs
  )
  return table(
    ['server', 'CPU a message', 'bare relay = 1', 'held a connection', 'bare relay = 1', 'RSS'],
    measured.map(({ name, title, script }) => {
      const { cpuUs, ratio, kBPerConnection, memRatio, rssKBPerConnection } = relay[name]
      const held = kBPerConnection
        ? [`${shown(kBPerConnection)} kB`, shown(memRatio)]
        : [script ? '' : '(native)', '']
      const rss = rssKBPerConnection ? `${shown(rssKBPerConnection)} kB` : ''
      return [title, `${shown(cpuUs)} µs`, shown(ratio), ...held, rss]
    })
  )
}

function connecting({ connect }) {
  return table(
    ['from `connect()` to an open channel', 'median', 'p95', 'directly = 1'],
    Object.entries(connect).map(([name, { medianMs, p95Ms, ratio }]) => {
      const title = WAYS[name] ?? SYSTEMS.find(system => system.name === name).title
      return [title, `${shown(medianMs)} ms`, `${shown(p95Ms)} ms`, shown(ratio)]
    })
  )
}

function bounds(latest) {
  const names = MEASURES.map(({ name }) => name)
  return table(
    ['measure', 'of', 'is', 'has to be'],
    checkBounds(latest, names).map(({ measure, says, is, words, holds }) => [
      measure,
      says,
      `${is}${holds ? '' : ' (not yet)'}`,
      words
    ])
  )
}

function table(head, rows) {
  const line = cells => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)]
}
