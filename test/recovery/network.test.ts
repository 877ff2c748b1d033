import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Test } from 'tape'
import { Child } from '../tools/child.ts'
import { run } from '../tools/command.ts'
import { Namespace, sh } from '../tools/netns.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const COUNT = 300
const FILE = 'test/tools/lossy-peer.ts'

/** Two namespaces, joined by a link of 150 ms each way that loses 15 of 100 packets. */
async function farApart(t: Test) {
  const names = [`far${process.pid}a`, `far${process.pid}b`] as const
  for (const name of names) {
    await sh(t, `ip netns add ${name}`)
    t.teardown(() => run(t, ['ip', 'netns', 'del', name]).then(() => {}))
    await sh(t, `ip -n ${name} link set lo up`)
  }
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

function pair([first = '', second = '']: string[]): string[] {
  return [first, String(COUNT), second]
}
