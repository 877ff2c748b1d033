// Mostly waits: the runner starts it beside the others.
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { topicFromName } from 'socket-signal'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { addNamespace, Namespace, sh } from '../tools/netns.ts'
import { test } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'
import { makeClient, startServer } from '../tools/websocket.ts'

const COUNT = 300
const FILE = 'test/tools/lossy-peer.ts'

/** Two namespaces, joined by a link of 150 ms each way that loses 15 of 100 packets. */
async function farApart(t: Test) {
  const names = [`far${process.pid}a`, `far${process.pid}b`] as const
  for (const name of names) await addNamespace(t, name)
  const link = spawn('python3', ['test/tools/unetem.py', ...names, '150', '20', '15', '120'])
  t.teardown(() => void link.kill('SIGKILL'))
  await says(link, 'ready')
  // Without a way out of it, WebRTC gathers nothing.
  for (const [at, name] of names.entries()) await sh(t, `ip -n ${name} route add default dev tun${'AB'[at]}`)
  const change = (words: string) => void link.stdin?.write(`${words}\n`)
  return { prefixes: names.map(name => ['ip', 'netns', 'exec', name]), change }
}

async function says({ stdout }: ChildProcess, word: string): Promise<void> {
  let said = ''
  stdout?.on('data', chunk => (said += chunk))
  await until(() => said.includes(word), word, 10)
}

test('recovery: row 31: over 150 ms and 15 percent loss, a partition of 6 s loses and reorders nothing', {
  needs: ['ip', 'python3'],
  timeout: 120_000
}, async t => {
  const { prefixes, change } = await farApart(t)
  const hears = new Child(t, FILE, ['hear', '10.202.0.1', String(COUNT)], {}, prefixes[0])
  await hears.says(/listening/)
  const speaks = new Child(t, FILE, ['say', '10.202.0.1', String(COUNT)], {}, prefixes[1])
  await until(() => /twenty are said/.test(speaks.stdout), 'they talk', 50)
  change('150 20 100')
  await sleep(6000)
  change('150 20 15')
  await until(() => /^heard/m.test(hears.stdout), 'all of it came', 50)
  t.match(hears.stdout, new RegExp(`^heard ${COUNT} true$`, 'm'))
  t.notOk(/closed/.test(hears.stdout + speaks.stdout), 'over the same connection')
})

test('recovery: row 31: a peer whose cable is pulled goes on over its other one, and loses nothing', {
  needs: ['ip'],
  timeout: 90_000
}, async t => {
  const namespace = await Namespace.create(t)
  const second = await namespace.addCable()
  const addresses = [namespace.address, second.address]
  const hears = new Child(t, FILE, ['hear', ...pair(addresses)])
  await hears.says(/listening/)
  const speaks = new Child(t, FILE, ['say', ...pair(addresses)], {}, namespace.prefix)
  const [, from] = await speaks.says(/connected from (\S+)/)
  await speaks.says(/twenty are said/)
  await sh(
    t,
    `ip -n ${namespace.name} link set ${from === second.inside ? second.device : namespace.device} down`
  )
  speaks.process.stdin?.write('the network is another one\n')
  await until(() => /path-changed/.test(speaks.stdout), 'path-changed', 40)
  await until(() => /^heard/m.test(hears.stdout), 'all of it came', 40)
  t.match(hears.stdout, new RegExp(`^heard ${COUNT} true$`, 'm'))
  t.notOk(/closed/.test(hears.stdout + speaks.stdout), 'over the same connection')
})

for (const [how, resumeWindow] of [
  ['mended in time, it goes on', 60_000],
  ['mended too late, it begins anew', 2000]
] as const) {
  test(`recovery: row 14: a cable that is cut is found within two ping periods by both sides; ${how}`, {
    needs: ['ip'],
    timeout: 60_000
  }, async t => {
    const namespace = await Namespace.create(t)
    const server = await startServer(t, { host: namespace.address, pingInterval: 2000, resumeWindow })
    const alice = makeClient(t, server.url)
    const topic = await topicFromName('cable')
    const events = record(alice, 'peer-joined', 'peer-away', 'peer-back', 'peer-left')
    const told = () => events.map(({ event }) => event)
    await alice.join(topic, { watch: true })
    const bob = new Child(t, 'test/tools/cabled.ts', [server.url, 'cable'], {}, namespace.prefix)
    await bob.says(/joined/)
    await until(() => told().length === 1)
    await namespace.cut(true)
    const { size: sockets } = server.connections
    await Promise.all([
      // A server looks once a second, when it heard something and how long ago that was.
      until(() => told().includes('peer-away'), 'the server finds it', 6),
      until(() => /disconnected true 4002/.test(bob.stdout), 'the client finds it', 5)
    ])
    t.same([sockets, server.connections.size], [2, 1], 'the socket stood open until then')
    await alice.publish(topic, 'are you there?')
    const inTime = resumeWindow > 10_000
    if (!inTime) await until(() => told().includes('peer-left'), 'it has left', 4)
    await namespace.cut(false)
    await bob.says(/^connected true/m)
    await until(() => told().at(-1) === (inTime ? 'peer-back' : 'peer-joined'), 'they see each other', 10)
    t.match(bob.stdout, new RegExp(`^connected true ${inTime}`, 'm'))
    if (inTime) await bob.says(/heard are you there/)
    t.equal(/heard/.test(bob.stdout), inTime)
    const seen = inTime ? ['peer-away', 'peer-back'] : ['peer-away', 'peer-left', 'peer-joined']
    t.same(told().slice(1), seen)
  })
}

function pair([first = '', second = '']: string[]): string[] {
  return [first, String(COUNT), second]
}
