// node measure.mjs NAME OPTIONS: one measure in a process of its own, on a core of its own. Sends what it found.
import { SYSTEMS } from './systems.mjs'

const [name, options] = process.argv.slice(2)
const { quick, only } = JSON.parse(options)
// Who asked has gone; the servers see the same of us.
process.on('disconnect', () => process.exit(1))
const { run } = await import(`./measures/${name}.mjs`)

const found = await run({
  quick,
  systems: SYSTEMS.filter(({ name }) => !only || only.includes(name)),
  note: text => void process.send({ note: text })
})
process.send({ found }, () => process.exit())
