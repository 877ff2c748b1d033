import { degree } from 'socket-signal-swarm'
import { churned, MeshWorld } from '../tools/mesh-world.ts'
import { test } from '../tools/test.ts'

const PEERS = 200
const long = { timeout: 170_000 }

test(
  'swarm: degree(5) ends connected, degrees at most 6, diameter at most 2 log2 n: 200 peers, 200 seeds',
  long,
  async t => {
    const asked: number[] = []
    for (let seed = 1; seed <= 200; seed++) {
      const world = await churned(seed, () => degree(5), PEERS)
      const wrong = [
        world.components().length !== 1 && 'it is split',
        Math.max(...world.degrees()) > 6 && 'a degree above 6',
        world.diameter() > 2 * Math.log2(PEERS) && 'too wide',
        world.errors.length > 0 && `errors: ${world.errors}`
      ].filter(Boolean)
      if (wrong.length > 0) t.fail(`seed ${seed}: ${wrong}`)
      asked.push(Math.max(...world.alive.map(node => node.asked)))
    }
    t.ok(
      Math.max(...asked) < 30,
      `nobody asked the server for a sample more than ${Math.max(...asked)} times`
    )
  }
)

test('swarm: what degree(5) asks of the server does not grow with the swarm', long, async t => {
  const asked = async (peers: number) => {
    const { alive } = await churned(1, () => degree(5), peers)
    return alive.reduce((sum, node) => sum + node.asked, 0) / alive.length
  }
  const [few, many] = [await asked(50), await asked(800)]
  t.ok(many <= few * 1.5 + 1, `samples for each: ${few.toFixed(1)} of 50, ${many.toFixed(1)} of 800`)
})

test('swarm: two meshes that did not know of each other become one', long, async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = new MeshWorld(seed, () => degree(5))
    for (let at = 0; at < 80; at++) world.join(at % 2)
    await world.run(60)
    if (world.components().length !== 2) t.fail(`seed ${seed}: ${world.components()} while they are apart`)
    for (const node of world.nodes) node.part = 0
    await world.run(180)
    if (world.components().length !== 1) t.fail(`seed ${seed}: ${world.components()} when they are not`)
    if (Math.max(...world.degrees()) > 6) t.fail(`seed ${seed}: a degree above 6`)
    world.close()
  }
  t.pass('over 20 seeds')
})
