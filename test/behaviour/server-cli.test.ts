import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer as createTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createServer } from 'socket-signal-server'
import { explain, parseCommand } from '../../packages/server/src/cli.ts'
import { ADDRESS, files, refuses, SERVER } from '../tools/bins.ts'
import { selfSigned } from '../tools/cert.ts'
import { Child } from '../tools/child.ts'
import { test } from '../tools/test.ts'
import { rejection, until } from '../tools/wait.ts'
import { closeOf, get, makeClient, rawWebsocket, upgrade } from '../tools/websocket.ts'

test('socket-signal-server: --version is that of the package', async t => {
  const child = new Child(t, SERVER, ['--version'])
  t.equal(await child.ended, 0)
  t.equal(child.stdout, `${JSON.parse(readFileSync('packages/server/package.json', 'utf8')).version}\n`)
})

test('socket-signal-server: wrong values are explained', async t => {
  const { cert, key } = files(t)
  const other = join(dirname(key), 'other.pem')
  writeFileSync(other, selfSigned().key)
  const wrong: [string[], RegExp][] = [
    [['--cert', cert], /--cert needs --key/],
    [['--key', key], /--key needs --cert/],
    [['--cert', '/nowhere.pem', '--key', key], /can't read --cert \/nowhere\.pem: there is no such file/],
    [['--cert', cert, '--key', tmpdir()], /can't read --key .*: it is a folder/],
    [['--cert', key, '--key', key], /--cert .*key\.pem holds no certificate in PEM/],
    [
      ['--cert', cert, '--key', cert],
      /--key .*cert\.pem holds no private key in PEM, or one behind a passphrase/
    ],
    [['--cert', cert, '--key', other], /--key .*other\.pem is not the key of --cert .*cert\.pem/],
    [['--identity', 'none'], /--identity must be required or open, got 'none'/],
    [['--legacy', 'yes'], /--legacy must be open, closed or auto, got 'yes'/],
    [['--tokens', 'yes'], /--tokens must be required, optional or off, got 'yes'/],
    [
      ['--tokens', 'required'],
      /--tokens required needs SOCKET_SIGNAL_SECRET, or SOCKET_SIGNAL_PROJECT_ID and/
    ],
    [['--host', ''], /--host must be an address, got nothing/],
    [['--path', 'signal'], /path must start with \//],
    [['--path', '/signal?x'], /path must start with \/, and hold no \?/],
    [['--max-connections', '0'], /--max-connections must be a whole number of 1 to/],
    [['--max-per-address', 'few'], /--max-per-address must be a whole number of 1 to 9999999, got 'few'/],
    [['--origin', 'app.example.org'], /an origin is exact/],
    [['--public-url', 'signal.example.org'], /--public-url must be one such as wss:/]
  ]
  for (const [args, words] of wrong)
    t.throws(() => createServer(parseCommand(args, {}).options), words, args.join(' '))
  const inOneLine = wrong.filter(([[name]]) => name === '--cert' || name === '--path').slice(-2)
  await Promise.all(
    inOneLine.map(([args, words]) => refuses(t, 'socket-signal-server', SERVER, args, words, 2))
  )
})

test('socket-signal-server: --help and --version are shown, whatever else is wrong', t => {
  const wrong = ['--port', 'x', '--cert', '/nowhere.pem', '--tokens', 'yes', 'word', '--typo', '--log']
  t.equal(parseCommand(['--help', ...wrong], { PORT: 'x' }).show, 'help')
  t.equal(parseCommand(['--version', ...wrong], { SOCKET_SIGNAL_SECRET: 'short' }).show, 'version')
  t.end()
})

test('socket-signal-server: a secret that is there and empty lets nobody in, rather than everybody', t => {
  const empty = { SOCKET_SIGNAL_SECRET: '' }
  t.throws(() => parseCommand([], empty), /SOCKET_SIGNAL_SECRET needs at least 32 bytes, and has 0/)
  t.equal(
    parseCommand(['--tokens', 'off'], empty).options.tokens,
    undefined,
    'unless that is what is asked for'
  )
  t.end()
})

test('socket-signal-server: what it warns of, it writes to its log as well', async t => {
  const args = ['-p', '0', '--log', 'json', '--identity', 'open', '--host', '0.0.0.0']
  const child = new Child(t, SERVER, args)
  await child.says(/public-url/)
  const lines = child.stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.deepEqual(
    lines.map(({ level, msg }) => [level, msg.slice(0, 24)]),
    [
      [30, 'running'],
      [30, '--identity open lets cli'],
      [40, 'listening beyond this ma']
    ]
  )
  t.equal(child.stderr, '')
})

test('socket-signal-server: --history keeps what clients ask for, off by default', t => {
  const { history, ...others } = parseCommand([], {}).options
  t.equal(history, undefined)
  t.ok(others)
  t.deepEqual(parseCommand(['--history', '50'], {}).options.history, { length: 50 })
  const both = ['--history', '50', '--history-age', '60']
  t.deepEqual(parseCommand(both, {}).options.history, { length: 50, age: 60_000 })
  for (const args of [
    ['--history', '0'],
    ['--history', 'all'],
    ['--history', '9', '--history-age', '0']
  ])
    t.throws(() => parseCommand(args, {}), /must be a whole number of 1 to/, args.join(' '))
  t.throws(() => parseCommand(['--history-age', '60'], {}), /needs --history beside it/)
  t.end()
})

test('socket-signal-server: --max-connections and --max-per-address bound what they say', t => {
  const { options } = parseCommand(['--max-connections', '3', '--max-per-address', '2'], {})
  t.deepEqual([options.maxConnections, options.maxPerAddress], [3, 2])
  t.end()
})

test('socket-signal-server: an address that this machine has not is told as such, whatever it looks like', async t => {
  for (const host of ['192.0.2.1', '300.1.1.1', 'fe80::1', 'nowhere.invalid']) {
    const error = await rejection(createServer({ port: 0, host, page: false }).open())
    t.equal(explain(error, { host, port: 0 }), `this machine has no address ${host}`)
  }
})

test('socket-signal-server: a TURN server needs a URL, a secret and a time that can be', t => {
  const { key } = files(t)
  const turn = ['--turn', 'turn:turn.example:3478']
  const secret = ['--turn-secret-file', key]
  const wrong: [string[], RegExp][] = [
    [turn, /--turn needs a secret: --turn-secret-file FILE, or TURN_SECRET/],
    [
      [...turn, '--turn-secret-file', '/nowhere'],
      /can't read --turn-secret-file \/nowhere: there is no such file/
    ],
    [['--turn', 'https://turn.example', ...secret], /TURN server must be of the form turn:host:port/],
    [[...turn, ...secret, '--turn-ttl', '0'], /--turn-ttl must be a whole number of 1 to/],
    [
      [...turn, ...secret, '--turn-ttl', 'soon'],
      /--turn-ttl must be a whole number of 1 to 2592000, got 'soon'/
    ],
    [['--turn-ttl', '60'], /need --turn beside them/],
    [secret, /need --turn beside them/]
  ]
  for (const [args, words] of wrong)
    t.throws(() => createServer(parseCommand(args, {}).options), words, args.join(' '))
  t.end()
})

test('socket-signal-server: --turn hands out credentials, with the secret of a file or of TURN_SECRET', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'turn-secret-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'secret')
  writeFileSync(file, 'of the file\n')
  const turn = [
    '-p',
    '0',
    '--turn',
    'turn:a.example:3478',
    '--turn',
    'turns:b.example:443',
    '--turn-ttl',
    '60'
  ]
  const ways = [
    ['of the file', [...turn, '--turn-secret-file', file]],
    ['of the environment', turn]
  ] as const
  for (const [secret, args] of ways) {
    const child = new Child(t, SERVER, [...args], { TURN_SECRET: 'of the environment' })
    const [url] = await child.says(ADDRESS)
    const given: RTCConfiguration[] = []
    const rtc = ({ config }: { config: RTCConfiguration }) => {
      given.push(config)
      throw new Error('seen')
    }
    const client = makeClient(t, url, { rtc })
    await client.open()
    await rejection(client.connect(Buffer.alloc(32, 1), Buffer.alloc(32, 2)).ready())
    const [{ urls, username = '', credential } = { urls: [] }] = given[0]?.iceServers ?? []
    t.deepEqual(urls, ['turn:a.example:3478', 'turns:b.example:443'])
    t.equal(username.split(':')[1], Buffer.from(client.id).toString('hex').slice(0, 16))
    t.ok(Number(username.split(':')[0]) <= Date.now() / 1000 + 60)
    t.equal(credential, createHmac('sha1', secret).update(username).digest('base64'))
    t.notOk((child.stdout + child.stderr).includes(secret), 'and prints no secret')
  }
})

test('socket-signal-server: says where its page is and how to stop it', async t => {
  const child = new Child(t, SERVER, ['-p', '0'])
  const [url] = await child.says(/http:\S+\/(?=\n)/)
  await child.says(/healthz/)
  t.match(child.stdout, /stop it with Ctrl\+C/)
  t.equal((await get(url)).status, 200)
  t.equal(child.stderr, '')
})

test('socket-signal-server: a signal while it opens ends it, without a word', async t => {
  const silent = createTcp(socket => t.teardown(() => socket.destroy())).listen(0, '127.0.0.1')
  t.teardown(() => silent.close())
  await once(silent, 'listening')
  const dialed = once(silent, 'connection')
  const { port } = silent.address() as AddressInfo
  const child = new Child(t, SERVER, ['-p', '0', '--redis', `redis://127.0.0.1:${port}`])
  await dialed
  child.kill('SIGTERM')
  t.deepEqual([await child.ended, child.stdout, child.stderr], [0, '', ''])
})

test('socket-signal-server: ids are proven, unless --identity open, which says what that means', async t => {
  const id = Buffer.alloc(32, 7)
  const strict = new Child(t, SERVER, ['-p', '0'])
  const error = await rejection(makeClient(t, (await strict.says(ADDRESS))[0], { id }).open())
  t.equal(error.code, 'BAD_PROOF')
  const open = new Child(t, SERVER, ['-p', '0', '--identity', 'open'])
  await makeClient(t, (await open.says(ADDRESS))[0], { id }).open()
  t.match(open.stdout, /note: --identity open lets clients take any id/)
})

test('socket-signal-server: published clients come in, where tokens are required only by --legacy open', async t => {
  const env = { SOCKET_SIGNAL_SECRET: 'a secret of at least thirty-two bytes' }
  const statusOf = async (args: string[], more = {}) => {
    const child = new Child(t, SERVER, ['-p', '0', ...args], more)
    const [url] = (await child.says(ADDRESS)) as [string]
    const websocket = rawWebsocket(t, url, {}, '')
    const isOpen = await once(websocket, 'open').then(
      () => true,
      () => false
    )
    return { isOpen, child }
  }
  t.equal((await statusOf([])).isOpen, true)
  t.equal((await statusOf(['--legacy', 'closed'])).isOpen, false)
  t.equal((await statusOf([], env)).isOpen, false)
  const open = await statusOf(['--legacy', 'open'], env)
  t.equal(open.isOpen, true)
  t.match(open.child.stdout, /note: --legacy open lets clients of socket-signal 9 and 10 in without a token/)
})

test('socket-signal-server: --path, --origin and --public-url restrict what is taken', async t => {
  const args = ['--path', '/signal', '--origin', 'https://a.example', '--origin', 'https://b.example']
  const urls = ['--public-url', 'wss://one.example', '--public-url', 'https://two.example']
  const child = new Child(t, SERVER, ['-p', '0', ...args, ...urls])
  const [url] = await child.says(/ws:\S+/)
  t.match(url, /\/signal$/)
  await child.says(/clients +dial wss:\/\/one\.example or https:\/\/two\.example, and nothing else\n/)
  t.equal((await get(url.replace('/signal', '/'), upgrade())).status, 404)
  t.equal((await closeOf(rawWebsocket(t, url, { origin: 'https://c.example' })))[0], 4504)
  for (const audience of ['wss://one.example', 'wss://two.example']) {
    const client = makeClient(t, url, { audience })
    await client.open()
    t.ok(client.connected, audience)
  }
  t.equal((await rejection(makeClient(t, url).open())).code, 'BAD_PROOF')
})

test('socket-signal-server: beyond this machine it warns, until it knows its public URL', async t => {
  const open = new Child(t, SERVER, ['-p', '0', '--host', '0.0.0.0'])
  await open.says(/healthz/)
  await until(() => open.stderr.includes('\n'))
  t.match(open.stderr, /warning: .*--public-url wss:/)
  const named = new Child(t, SERVER, ['-p', '0', '--host', '0.0.0.0', '--public-url', 'wss://one.example'])
  await named.says(/healthz/)
  named.kill('SIGTERM')
  t.equal(await named.ended, 0)
  t.equal(named.stderr, '')
})

test('socket-signal-server: with --cert and --key it serves https and wss', async t => {
  const { cert, key } = files(t)
  const child = new Child(t, SERVER, ['-p', '0', '--cert', cert, '--key', key, '--trust-proxy'])
  const [url] = await child.says(/wss:\S+/)
  await child.says(/https:\S+\//)
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.teardown(() => delete process.env.NODE_TLS_REJECT_UNAUTHORIZED)
  const client = makeClient(t, url)
  await client.open()
  const health = await fetch(`${url.replace('wss', 'https')}healthz`)
  t.equal(((await health.json()) as { connections: number }).connections, 1)
})
