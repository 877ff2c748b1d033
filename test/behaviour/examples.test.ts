import { once } from 'node:events'
import { createServer } from 'node:net'
import { Command, run } from '../tools/command.ts'
import { test } from '../tools/test.ts'

const options = { timeout: 60_000 }
const { execPath: node } = process
const STEPS = ['socket', 'joined', 'offer', 'answer', 'open', 'message', 'message']

test('examples: two peers print each step with its time and leave nothing behind', options, async t => {
  const { code, stdout, stderr, left } = await run(t, [node, 'examples/01-two-peers'])
  t.equal(code, 0, stderr)
  t.notOk(left, 'no process is left')
  t.deepEqual(stepsOf(stdout), STEPS)
  t.match(stdout, /message\s+alice got "hello Alice" back/)
  const times = [...stdout.matchAll(/^ *([\d.]+) ms /gm)].map(([, ms]) => Number(ms))
  t.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
    'in order'
  )
})

test('examples: six peers keep one shared log, also when the server has gone', options, async t => {
  const { code, stdout, stderr, left } = await run(t, [node, 'examples/11-shared-log'])
  t.equal(code, 0, stderr)
  t.notOk(left, 'no process is left')
  t.match(stdout, /first entry: 6 entries at each/)
  t.match(stdout, /no server: 66 entries at each/)
})

test('examples: npm start --once shows the exchange and ends', options, async t => {
  const { code, stdout, stderr, left } = await run(t, [node, 'examples/01-two-peers/start.js', '--once'])
  t.equal(code, 0, stderr)
  t.notOk(left, 'no process is left')
  t.deepEqual(stepsOf(stdout), STEPS)
  t.match(stdout, /server at ws:\/\/127\.0\.0\.1:\d+\//)
})

test('examples: npm start goes on serving the page until it is stopped', options, async t => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const start = new Command(t, [node, 'examples/01-two-peers/start.js'])
    const [, url = ''] = await start.says(/open (http:\S+) in two tabs[\s\S]*Stop with Ctrl\+C/)
    const page = await fetch(url)
    t.ok((await page.text()).includes('<title>socket-signal</title>'), 'the page is there')
    start.kill(signal)
    const { code, left } = await start.ended
    t.deepEqual({ code, left }, { code: 0, left: false }, signal)
  }
})

test('examples: npm start takes another port where 4000 is taken, and says so', options, async t => {
  const holder = createServer().listen(4000, '127.0.0.1')
  t.teardown(() => void holder.close())
  // Somebody else may hold it already, which serves as well.
  await once(holder, 'listening').catch(() => {})
  const { code, stdout } = await run(t, [node, 'examples/01-two-peers/start.js', '--once'])
  t.equal(code, 0)
  t.match(stdout, /^port 4000 is taken, so a free one is used/)
  t.deepEqual(stepsOf(stdout), STEPS)
})

test('examples: your own server over TCP connects two peers and frees its topics', options, async t => {
  const { code, stdout, stderr, left } = await run(t, [node, 'examples/02-your-own-server'])
  t.equal(code, 0, stderr)
  t.notOk(left, 'no process is left')
  t.match(stdout, /bob {6}got "hello Bob"\nalice {4}got "hello Alice"\n/)
  t.match(stdout, /topics left: 0\n$/)
})

test(
  'examples: testing your app fails on purpose, and with its seed at the same step again',
  options,
  async t => {
    const first = await run(t, [node, 'examples/05-testing-your-app'])
    t.equal(first.code, 1, first.stderr)
    const [, seed = ''] = first.stdout.match(/^Repeat it with seed (\d+)\.$/m) ?? []
    const second = await run(t, [node, 'examples/05-testing-your-app', seed])
    t.equal(second.code, 1, second.stderr)
    const failure = /^seed \d+: peer\d sees [\s\S]*?Repeat it with seed \d+\.$/m
    t.equal(second.stdout.match(failure)?.[0], first.stdout.match(failure)?.[0], 'the same steps')
    t.ok(second.stdout.match(failure), 'it names what is wrong')
  }
)

test('examples: the video room says where it is, and serves it there', options, async t => {
  const start = new Command(t, [node, 'examples/08-video-room'])
  const [, url = ''] = await start.says(/open (http:\S+) in two tabs/)
  const page = await fetch(url)
  t.ok((await page.text()).includes('Ready to join?'))
  t.equal((await fetch(new URL('main.js', page.url))).status, 200)
  start.interrupt()
  const { code, left } = await start.ended
  t.deepEqual({ code, left }, { code: 0, left: false })
})

function stepsOf(output: string): string[] {
  return [...output.matchAll(/^ *[\d.]+ ms {2}(\w+)/gm)].map(([, step]) => step ?? '')
}
