import type { SignalError } from 'socket-signal'
import { type SimulationError, simulate, type World } from 'socket-signal-testing'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'

test('simulate: the same seed gives the same steps, byte for byte, and another one others', async t => {
  const run = async (seed: number) => (await simulate({ seed, servers: 2 }, meet)).trace
  const first = await run(1)
  t.ok((await run(1)) === first)
  t.ok((await run(2)) !== first)
  t.ok(first.includes(' is killed\n'), 'a server was killed')
  t.ok(/ peer\d connected again\n/.test(first), 'and its clients came back')
})

test('simulate: a scenario that fails says with which seed, and repeats with it to the same step', async t => {
  const said: string[] = []
  const fail = (seed?: number) =>
    rejection(
      simulate({ ...(seed && { seed }), print: text => said.push(text) }, async world => {
        await meet(world)
        throw new Error(`number ${world.random()}`)
      })
    ) as Promise<unknown> as Promise<SimulationError>
  const first = await fail()
  t.ok(said[0]?.includes(`Repeat it with seed ${first.seed}.`))
  const second = await fail(first.seed)
  t.equal(second.message, first.message)
  t.ok(second.trace === first.trace)
})

/** All see all again once the storm is over. */
async function meet(world: World): Promise<void> {
  const topic = world.topic('room')
  const seen = new Map<string, Set<string>>()
  world.start(async ({ name, client }) => {
    const others = new Set<string>()
    seen.set(name, others)
    client.on('peer-joined', ({ id }) => void others.add(world.nameOf(id)))
    client.on('peer-left', ({ id }) => void others.delete(world.nameOf(id)))
    // Who starts while the servers are down may wait for longer than one call does.
    const late = (error: SignalError) => error.code === 'TIMEOUT' && 'late'
    while ((await client.join(topic, { watch: true }).catch(late)) === 'late');
  })
  await world.storm()
  await world.until(
    () => [...seen.values()].every(({ size }) => size === world.peers.length - 1),
    'all see all'
  )
}
