import { degree } from 'socket-signal-swarm'
import { simulate } from 'socket-signal-testing'
import { Swarms } from '../tools/swarms.ts'
import { test } from '../tools/test.ts'

test('swarm: what the server carries for each peer of degree(4) does not grow with the swarm', {
  timeout: 170_000
}, async t => {
  const frames = async (peers: number) => {
    let count = 0
    await simulate({ seed: 31, peers }, async world => {
      const swarms = new Swarms(world, ['room'], { topology: degree(4) })
      await world.until(() => swarms.whole(), 'it is whole')
      await world.sleep(20_000)
      const before = world.trace.frames
      await world.sleep(120_000)
      count = (world.trace.frames - before) / peers
      await swarms.end()
    })
    return count
  }
  // Where a sample names less than the whole topic.
  const [few, many] = [await frames(24), await frames(96)]
  t.ok(many <= few * 1.5, `frames for each in two minutes: ${few.toFixed(1)} of 24, ${many.toFixed(1)} of 96`)
})
