import { SYSTEMS } from './systems.mjs'

/** What a measure found, as lines for people: a table where there is a row for each system, else names and values. */
export function resultLines(found) {
  return Object.entries(found).flatMap(([section, values]) => {
    const rows = Object.entries(values)
    return rows.some(([, value]) => typeof value === 'object')
      ? table(section, rows)
      : [`${section}: ${rows.map(([name, value]) => `${name} ${value}`).join(', ')}`]
  })
}

export function boundLines(checks) {
  return checks.map(({ measure, says, found, most, least, holds }) => {
    const bound = most === undefined ? `at least ${least}` : `at most ${most}`
    const value = found === undefined ? 'not measured' : Number(found.toPrecision(3))
    return `${holds ? 'ok  ' : 'FAIL'} ${measure}: ${says}: ${value} (${bound})`
  })
}

function table(section, rows) {
  const columns = [...new Set(rows.flatMap(([, value]) => Object.keys(value)))]
  const title = name => SYSTEMS.find(system => system.name === name)?.title ?? name
  const cells = [
    [section, ...columns],
    ...rows.map(([name, value]) => [title(name), ...columns.map(column => String(value[column] ?? ''))])
  ]
  const widths = cells[0].map((_, at) => Math.max(...cells.map(row => row[at].length)))
  return cells.map(row =>
    row.map((cell, at) => (at ? cell.padStart(widths[at]) : cell.padEnd(widths[at]))).join('  ')
  )
}
