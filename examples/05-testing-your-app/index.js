// An app with a bug that only a bad network shows, and the test that finds it. It fails on purpose.
// Run it: node examples/05-testing-your-app            tries seeds until one finds the bug
// Then:   node examples/05-testing-your-app SEED       fails at the same step again

import { simulate } from 'socket-signal-testing'
import { Scoreboard } from './scoreboard.js'

const [only] = process.argv.slice(2).map(Number)

async function scenario(world) {
  const topic = world.topic('game')
  const boards = new Map()
  // On each peer, and again when it has crashed and starts with a new client.
  world.start(async peer => {
    const { client } = peer
    const board = new Scoreboard(client, topic)
    boards.set(peer.name, board)
    while (world.clock.now() < 20_000) {
      await world.sleep(5000 * world.random())
      if (client !== peer.client) return
      await board.add(1)
      world.step(peer, `has ${board.own} points`)
    }
  })
  await world.storm()
  await world.until(() => world.peers.every(({ client }) => client.connected), 'all are back')
  await world.sleep(5000)
  for (const viewer of world.peers) {
    for (const peer of world.peers) {
      if (peer === viewer) continue
      const [sees, has] = [boards.get(viewer.name).scores.get(toHex(peer.id)), boards.get(peer.name).own]
      if (sees !== has) throw new Error(`${viewer.name} sees ${sees} for ${peer.name}, who has ${has}`)
    }
  }
}

const toHex = id => Buffer.from(id).toString('hex')

console.log('An app with a bug that a bad network shows. To fail is what this example is for.\n')
for (const seed of only ? [only] : [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]) {
  // It prints the last steps and the seed itself.
  await simulate({ seed, peers: 4, seconds: 20, print: console.log }, scenario).then(
    () => console.log(`seed ${seed}: no bug seen`),
    () => {
      console.log(
        `\nThe bug in scoreboard.js is found. Again, to the same step: node examples/05-testing-your-app ${seed}`
      )
      process.exit(1)
    }
  )
}
