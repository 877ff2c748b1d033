import { SYSTEMS } from './systems.mjs'
import { shown } from './tools/numbers.mjs'

/** What a measure found, as lines for people: a table where there is a row for each system, else names and values. */
export function resultLines(found) {
  return Object.entries(found).flatMap(([section, values]) => {
    const rows = Object.entries(values).filter(([, value]) => typeof value === 'object')
    const single = Object.entries(values).filter(([, value]) => typeof value !== 'object')
    const line = `${section}: ${single.map(([name, value]) => `${name} ${shown(value)}`).join(', ')}`
    return [...(single.length > 0 ? [line] : []), ...(rows.length > 0 ? table(section, rows) : [])]
  })
}

export function boundLines(checks) {
  return checks.map(
    ({ measure, says, is, words, holds }) =>
      `${holds ? 'ok  ' : 'FAIL'} ${measure}: ${says}: ${is} (${words})`
  )
}

function table(section, rows) {
  const columns = [...new Set(rows.flatMap(([, value]) => Object.keys(value)))]
  const title = name => SYSTEMS.find(system => system.name === name)?.title ?? name
  const cells = [
    [section, ...columns],
    ...rows.map(([name, value]) => [
      title(name),
      ...columns.map(column => String(shown(value[column]) ?? ''))
    ])
  ]
  const widths = cells[0].map((_, at) => Math.max(...cells.map(row => row[at].length)))
  return cells.map(row =>
    row.map((cell, at) => (at ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join('  ')
  )
}
