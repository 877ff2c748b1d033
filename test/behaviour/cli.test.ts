import { readFileSync } from 'node:fs'
import { createServer as createTcp } from 'node:net'
import type { Test } from 'tape'
import { explain as explainServer } from '../../packages/server/src/cli.ts'
import { explain as explainWebsocket } from '../../packages/websocket/src/cli.ts'
import { ADDRESS, refuses, SERVER, WEBSOCKET } from '../tools/bins.ts'
import { Child } from '../tools/child.ts'
import { freePort } from '../tools/port.ts'
import { test } from '../tools/test.ts'
import { next, until } from '../tools/wait.ts'
import { get, makeClient, rawWebsocket } from '../tools/websocket.ts'

const BINS = { 'socket-signal-websocket': WEBSOCKET, 'socket-signal-server': SERVER }

for (const [name, file] of Object.entries(BINS)) {
  test(`${name}: --help names every option and ends well`, async t => {
    for (const option of ['--help', '-h']) {
      const child = new Child(t, file, [option])
      t.equal(await child.ended, 0)
      t.match(child.stdout, new RegExp(`^Usage: ${name}`))
      const source = readFileSync(file.replace('bin', 'cli'), 'utf8')
      const options = source
        .match(/\s'?[\w-]+'?: \{ type: '(string|boolean)'/g)
        ?.map(line => line.match(/[\w-]+/)?.[0])
      t.deepEqual(
        options?.filter(word => !child.stdout.includes(`--${word}`)),
        []
      )
    }
  })

  test(`${name}: what it does not understand, it says, and exits with 2`, async t => {
    const wrong: [string[], RegExp][] = [
      [['--colour'], /Unknown option '--colour'/],
      [['4000'], /Unexpected argument '4000'/],
      [['--port'], /argument missing/],
      [['--port', '70000'], /--port must be a number from 0 to 65535, got '70000'/],
      [['-p', 'x'], /--port must be a number from 0 to 65535, got 'x'/],
      [['--host', ''], /--host must be an address, got nothing/],
      [['--port', '-1'], /Option '--port' argument is ambiguous; see/]
    ]
    await Promise.all(wrong.map(([args, words]) => refuses(t, name, file, args, words, 2)))
    const child = new Child(t, file, [], { PORT: 'x' })
    t.equal(await child.ended, 2)
    t.match(child.stderr, /PORT must be a number/)
  })

  test(`${name}: a port that is taken, or an address that is not ours, is said, and exits with 1`, async t => {
    const port = await takenPort(t)
    await refuses(
      t,
      name,
      file,
      ['--port', String(port)],
      new RegExp(`port ${port} is taken on 127.0.0.1`),
      1
    )
    await refuses(
      t,
      name,
      file,
      ['-p', '0', '--host', '192.0.2.1'],
      /this machine has no address 192\.0\.2\.1/,
      1
    )
    await refuses(t, name, file, ['-p', '0', '--host', 'fe80::1'], /this machine has no address fe80::1/, 1)
    await refuses(
      t,
      name,
      file,
      ['-p', '0', '--host', 'no such.host'],
      /this machine has no address no such/,
      1
    )
  })

  test(`${name}: listens where PORT says, unless --port says otherwise, and prints its address`, async t => {
    const [one, other] = [await freePort(), await freePort()]
    const child = new Child(t, file, [], { PORT: String(one) })
    t.equal((await child.says(ADDRESS))[0], `ws://127.0.0.1:${one}`)
    const second = new Child(t, file, ['--port', String(other)], { PORT: String(one) })
    t.equal((await second.says(ADDRESS))[0], `ws://127.0.0.1:${other}`)
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${name}: ${signal} ends it with 0, and its clients are told`, async t => {
      const child = new Child(t, file, ['-p', '0'])
      const [url] = await child.says(ADDRESS)
      const client = makeClient(t, url)
      await client.open()
      const down = next(client, 'disconnected')
      child.kill(signal)
      t.equal((await down)[1].code, 4000)
      t.equal(await child.ended, 0)
      t.equal(child.stderr, '')
    })
  }

  test(`${name}: a second SIGTERM does no harm, Ctrl+C then ends it at once`, async t => {
    const child = new Child(t, file, ['-p', '0'])
    const [url] = await child.says(ADDRESS)
    const deaf = rawWebsocket(t, url)
    await new Promise(resolve => deaf.on('open', resolve))
    deaf.pause() // Holds the first signal up: this client never says goodbye.
    child.kill('SIGTERM')
    await until(async () => !(await get(url).catch(() => false)), 'it stops listening')
    child.kill('SIGTERM')
    await new Promise(resolve => setTimeout(resolve, 100))
    t.equal(child.process.exitCode, null)
    child.kill('SIGINT')
    t.equal(await child.ended, 1)
  })
}

test('both commands explain a port that is not allowed', t => {
  const error = Object.assign(new Error('listen EACCES'), { code: 'EACCES' })
  t.match(explainWebsocket(error, '127.0.0.1', 80), /not allowed to listen on port 80: choose one above 1023/)
  t.match(explainServer(error, { host: '127.0.0.1', port: 80 }), /not allowed to listen on port 80/)
  t.end()
})

test('socket-signal-websocket: says that it runs, and takes ids without a key', async t => {
  const child = new Child(t, WEBSOCKET, ['-p', '0'])
  const [url] = await child.says(ADDRESS)
  t.equal((await get(url)).body, 'Signal running OK\n')
  const client = makeClient(t, url, { id: Buffer.alloc(32, 7) })
  await client.open()
  t.ok(client.connected)
})

async function takenPort(t: Test): Promise<number> {
  const server = createTcp()
  t.teardown(() => server.close())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}
