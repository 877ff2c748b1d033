import type { VerifyPolicy } from 'socket-signal'
import { simulate } from 'socket-signal-testing'
import { test } from '../tools/test.ts'
import { Impostor } from './impostor.ts'

const timeout = 120_000
const SEEDS = Array.from({ length: 25 }, (_, at) => at + 1)
const ATTACKS = ['dropped', 'told as of somebody else', 'played back', 'stripped', 'swapped']

test('chaos: nobody ever opens a connection to an impostor on the server, nor hears one speak', {
  timeout
}, async t => {
  const done = new Map<string, number>()
  let open = 0
  for (const seed of SEEDS) {
    const { impostor, opened } = await betrayed(seed, 'required')
    t.equal(impostor.reached, 0, `seed ${seed}: ${opened} connections, all of them true`)
    for (const [what, count] of impostor.done) done.set(what, (done.get(what) ?? 0) + count)
    open += opened
  }
  t.ok(open > 0, `${open} connections came about all the same`)
  for (const attack of ATTACKS) t.ok((done.get(attack) ?? 0) > 50, `${attack}: ${done.get(attack)}`)
})

test('chaos: an impostor that nobody looks for signatures with is connected to: the attack is a real one', {
  timeout
}, async t => {
  const reached = []
  for (const seed of SEEDS.slice(0, 5)) reached.push((await betrayed(seed, 'off')).impostor.reached)
  t.ok(
    reached.every(count => count > 0),
    `${reached}`
  )
})

/** Six peers that dial and speak for 20 s, at a server that betrays them. */
async function betrayed(seed: number, verify: VerifyPolicy) {
  let impostor: Impostor | undefined
  let opened = 0
  await simulate(
    {
      ...{ seed, peers: 6, faults: { killServer: 0, stopServer: 0 } },
      client: { verify, simplePeer: { trickle: false } },
      wire: (bytes, way) => impostor?.wire(bytes, way) ?? [bytes]
    },
    async world => {
      const hostile = new Impostor(world)
      impostor = hostile
      const topic = world.topic('room')
      world.start(async ({ client, name, id }) => {
        client.on('message', message => {
          const from = world.nameOf(message.id)
          if (verify === 'required' && message.data !== `I am ${from}`)
            world.failures.push(new Error(`${name} heard ${from} say: ${message.data}`))
        })
        client.on('peer-connected', () => opened++)
        await client.join(topic, { watch: true }).catch(() => {})
        for (let at = 0; at < 10; at++) {
          await world.sleep(2000 * world.random())
          for (const other of world.peers) {
            if (other.id !== id && client.status === 'open')
              client
                .connect(topic, other.id, { dedupe: world.random() < 0.5 })
                .ready()
                .catch(() => {})
          }
          await client.publish(topic, `I am ${name}`).catch(() => {})
        }
      })
      await world.storm()
      const waiting = () => world.peers.reduce((sum, { client }) => sum + client.peersConnecting.length, 0)
      await world.until(() => waiting() === 0, 'every dial has come to an end')
      hostile.close()
    }
  )
  return { impostor: impostor as unknown as Impostor, opened }
}
