// node measure.mjs NAME OPTIONS: one measure in a process of its own, on a core of its own. Sends what it found.
import { SYSTEMS } from './systems.mjs'

const [name, options] = process.argv.slice(2)
const { quick, only } = JSON.parse(options)
const { run } = await import(`./measures/${name}.mjs`)

const found = await run({
  quick,
  systems: SYSTEMS.filter(({ name }) => !only || only.includes(name)),
  note: text => process.send({ note: text })
})
process.send({ found }, () => process.exit())
process.on('disconnect', () => process.exit(1))
