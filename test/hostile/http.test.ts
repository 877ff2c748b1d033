// Mostly waits: the runner starts it beside the others.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttp } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateRawSync } from 'node:zlib'
import { SUBPROTOCOL } from 'socket-signal'
import { createGateway } from 'socket-signal-gateway'
import type { Test } from 'tape'
import { launchChromium } from '../tools/browser.ts'
import { Control } from '../tools/control.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { admitted, rawClient, rawSocket, startServer, upgrade } from '../tools/websocket.ts'
import { frameBytes, OPCODE, Wire } from '../tools/wire.ts'

const HEAD = 'GET / HTTP/1.1\r\nHost: localhost\r\n'
const headers = (all: { [name: string]: string }) =>
  Object.entries(all)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')

/** A socket that says something, then a byte now and then, and keeps what it is answered. */
function drip(t: Test, url: string, first: string | Uint8Array, byte = '') {
  const tcp = rawSocket(t, url)
  const told = { answer: '', closed: false }
  tcp.setEncoding('latin1').on('data', text => (told.answer += text))
  tcp.on('close', () => (told.closed = true))
  if (first.length > 0) tcp.write(first)
  const timer = setInterval(() => byte && tcp.writable && tcp.write(byte), 500)
  t.teardown(() => clearInterval(timer))
  return told
}

test('hostile http: whoever is slow, large or speaks something else is answered and cut off', {
  timeout: 60_000
}, async t => {
  const server = await readyMade(t, { page: false, path: '/signal', identity: 'open' })
  const { url } = server
  const control = await Control.start(t, server.signalUrl)
  const idle = Array.from({ length: 500 }, (_, at) => drip(t, url, at % 2 ? HEAD : ''))
  const cases: [name: string, status: string, told: ReturnType<typeof drip>][] = [
    ['nothing at all', '408', drip(t, url, '')],
    ['half a request', '408', drip(t, url, HEAD)],
    ['a header that never ends', '408', drip(t, url, `${HEAD}X: `, 'x')],
    ['a request line that never ends', '408', drip(t, url, 'GET /', 'x')],
    ['a header of 100 KB', '431', drip(t, url, `${HEAD}X: ${'x'.repeat(100_000)}\r\n\r\n`)],
    ['10,000 headers', '431', drip(t, url, `${HEAD}${'X: y\r\n'.repeat(10_000)}\r\n`)],
    [
      'a path that is not there',
      '404',
      drip(t, url, 'GET /nothing HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    ],
    [
      'a path out of the folder',
      '404',
      drip(t, url, 'GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    ],
    [
      'a method that is not served',
      '405',
      drip(t, url, 'DELETE / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n')
    ],
    ['no HTTP', '400', drip(t, url, '\x16\x03\x01\x02\x00 garbage\r\n\r\n')],
    ['two lengths', '400', drip(t, url, `${HEAD}Content-Length: 1\r\nContent-Length: 2\r\n\r\n`)],
    [
      'a length and chunks',
      '400',
      drip(t, url, `${HEAD}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n`)
    ],
    ['a request without Host', '400', drip(t, url, 'GET / HTTP/1.1\r\n\r\n')],
    [
      'a body that never ends',
      '405',
      drip(t, url, 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n', 'x')
    ],
    ['an upgrade elsewhere', '404', drip(t, url, `${HEAD}${headers(upgrade())}\r\n`)],
    [
      'an upgrade to HTTP/2',
      '426',
      drip(
        t,
        url,
        `GET /signal HTTP/1.1\r\nHost: localhost\r\n${headers({ ...upgrade(), Upgrade: 'h2c' })}\r\n`
      )
    ],
    [
      'an upgrade of another system',
      '400',
      drip(t, url, `GET /signal HTTP/1.1\r\nHost: localhost\r\n${headers(upgrade('other'))}\r\n`)
    ],
    [
      'an upgrade without a key',
      '400',
      drip(
        t,
        url,
        `GET /signal HTTP/1.1\r\nHost: localhost\r\n${headers({ ...upgrade(), 'Sec-WebSocket-Key': 'x' })}\r\n`
      )
    ],
    [
      'an upgrade of another version',
      '400',
      drip(
        t,
        url,
        `GET /signal HTTP/1.1\r\nHost: localhost\r\n${headers({ ...upgrade(), 'Sec-WebSocket-Version': '7' })}\r\n`
      )
    ],
    [
      'an upgrade by POST',
      '405',
      drip(t, url, `POST /signal HTTP/1.1\r\nHost: localhost\r\n${headers(upgrade())}\r\n`)
    ],
    ['a tunnel', '', drip(t, url, 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n')]
  ]
  await control.watches(t, () =>
    until(
      () => [...idle, ...cases.map(([, , told]) => told)].every(({ closed }) => closed),
      'all are cut off',
      30
    )
  )
  const told = idle.filter(({ answer }) => answer.startsWith('HTTP/1.1 408'))
  t.equal(told.length, 500, 'each idle one is told why')
  for (const [name, status, { answer, closed }] of cases) {
    t.ok(closed, `${name}: its socket is gone`)
    t.equal(answer.slice(9, 12), status, `${name}: answered`)
  }
  await control.stop()
  await until(() => server.signal.stats().sockets === 0, 'and nothing of them is left')
})

test('hostile http: one that asks for much and never reads is cut off', {
  timeout: 60_000
}, async t => {
  const folder = mkdtempSync(join(tmpdir(), 'large-page-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  writeFileSync(join(folder, 'large.txt'), Buffer.alloc(32_000_000, 'x'))
  const server = await readyMade(t, { page: folder, identity: 'open' })
  const door = { name: 'large', respond: () => ({ status: 200, body: 'x'.repeat(32_000_000) }) }
  const plain = await startServer(t, { gateway: createGateway([door]) })
  const control = await Control.start(t, server.signalUrl)
  // The server's ends: a socket that does not read learns nothing of its own end.
  const sockets = new Set<Socket>()
  const started = (message: unknown) => void sockets.add((message as { socket: Socket }).socket)
  subscribe('http.server.request.start', started)
  t.teardown(() => void unsubscribe('http.server.request.start', started))
  const request = (path: string) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`
  const asked: [url: string, requests: string][] = [
    [server.url, request('/large.txt')],
    [plain.url, request('/')]
  ]
  await control.watches(t, async () => {
    for (const [url, requests] of asked) rawSocket(t, url).pause().write(requests)
    await until(() => sockets.size === asked.length, 'all have asked')
    const all = [...sockets]
    t.ok(
      all.every(({ timeout = 0 }) => timeout > 15_000 && timeout <= 30_000),
      `none may be silent for ever: ${all.map(({ timeout }) => timeout)}`
    )
    // In less time: Node begins anew as often as something was written meanwhile.
    for (const socket of all) socket.setTimeout(1_000)
    await until(() => all.every(({ destroyed }) => destroyed), 'all are cut off', 20)
  })
})

test('hostile http: a WebSocket that says no hello, or one byte of it now and then, is closed', async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const half = frameBytes(Buffer.alloc(100)).subarray(0, 20)
  const silent = [new Uint8Array(0), half, frameBytes(Buffer.alloc(0), { opcode: OPCODE.ping })]
  const wires = await Promise.all(silent.map(() => Wire.dial(server.url)))
  for (const [at, wire] of wires.entries()) {
    t.teardown(() => wire.destroy())
    const timer = setInterval(
      () => wire.write(at === 1 ? half.subarray(0, 1) : (silent[at] as Uint8Array)),
      400
    )
    t.teardown(() => clearInterval(timer))
    if (at === 1) wire.write(half)
  }
  await control.watches(t, () => until(() => wires.every(({ closed }) => closed), undefined, 20))
  t.same(
    wires.map(({ closed }) => closed?.code),
    [4008, 4008, 4008]
  )
})

test('hostile http: after hello, bytes that never become a message are no sign of life', async t => {
  const server = await startServer(t, { pingInterval: 1_000 })
  const control = await Control.start(t, server.url)
  const { wire, raw } = await admitted(t, server.url)
  wire.write(frameBytes(Buffer.alloc(1_000)).subarray(0, 20))
  const timer = setInterval(() => wire.write(Buffer.of(0)), 200)
  t.teardown(() => clearInterval(timer))
  await control.watches(t, () => raw.settled())
  t.equal(raw.closed?.code, 4002)
})

test('hostile http: compression is never agreed on, and a bomb of 1,000 to 1 never inflated', async t => {
  const server = await startServer(t)
  const control = await Control.start(t, server.url)
  const bomb = deflateRawSync(Buffer.alloc(60_000_000))
  t.ok(bomb.length < 60_000, `${bomb.length} bytes stand for 60 MB`)
  const offers = [
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits; server_max_window_bits=15',
    'permessage-deflate; server_no_context_takeover, x-webkit-deflate-frame',
    'x-anything'
  ]
  await control.watches(t, async () => {
    for (const offer of offers) {
      const tcp = rawSocket(t, server.url)
      tcp.write(`${HEAD}${headers({ ...upgrade(), 'Sec-WebSocket-Extensions': offer })}\r\n`)
      const [head] = await once(tcp, 'data')
      t.match(String(head), /^HTTP\/1.1 101 /, offer)
      t.notOk(/sec-websocket-extensions/i.test(String(head)), `${offer}: not agreed on`)
      tcp.destroy()
    }
    const before = process.memoryUsage().arrayBuffers
    const { wire, raw } = await rawClient(t, server.url)
    wire.write(frameBytes(bomb, { reserved: 0x40 }))
    await raw.settled()
    t.equal(raw.closed?.code, 1002, 'compressed all the same')
    t.ok(process.memoryUsage().arrayBuffers - before < 10_000_000)
  })
})

const GOOD = 'https://good.example'
const ORIGINS: [name: string, origin: string, allowed: boolean][] = [
  ['the allowed one', GOOD, true],
  ['none, as Node sends', '', true],
  ['one that begins like it', `${GOOD}.evil.test`, false],
  ['one that ends like it', 'https://evil.test/good.example', false],
  ['one that holds it', `https://evil.test?${GOOD}`, false],
  ['another port', `${GOOD}:8443`, false],
  ['another scheme', 'http://good.example', false],
  ['a subdomain', 'https://www.good.example', false],
  ['a trailing slash', `${GOOD}/`, false],
  ['a trailing dot', `${GOOD}.`, false],
  ['capitals', 'HTTPS://GOOD.EXAMPLE', false],
  ['a user before it', 'https://good.example@evil.test', false],
  ['null', 'null', false],
  ['two in one', `${GOOD}, https://evil.test`, false],
  ['two headers', `${GOOD}\r\nOrigin: https://evil.test`, false],
  ['a blank', ' ', false]
]

test('hostile http: only pages of exactly the allowed origins connect', async t => {
  const server = await startServer(t, { origins: [GOOD] })
  const control = await Control.start(t, server.url)
  await control.watches(t, async () => {
    for (const [name, origin, allowed] of ORIGINS) {
      const wire = await Wire.dial(server.url, { Origin: origin })
      let messages = 0
      wire.onmessage = () => messages++
      await until(() => messages > 0 || wire.closed !== undefined)
      t.same([messages, wire.closed?.code], allowed ? [1, undefined] : [0, 4504], name)
      wire.destroy()
      if (allowed) continue
      const foreign = await Wire.dial(server.url, { Origin: origin, 'Sec-WebSocket-Protocol': '' }).catch(
        String
      )
      t.match(String(foreign), /HTTP\/1.1 403/, `${name}: without our subprotocol`)
    }
  })
})

/** A page on a port of its own, so of an origin of its own. */
async function page(t: Test): Promise<string> {
  const http = createHttp((_request, response) => {
    response.setHeader('Set-Cookie', 'session=of-the-visitor; Path=/')
    response.setHeader('Content-Type', 'text/html')
    response.end('<!doctype html><title>a page</title>')
  })
  t.teardown(() => void http.close())
  await once(http.listen(0, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(http.address() as AddressInfo).port}`
}

test('hostile http: a page of another origin in a real Chromium gets in by no way', {
  needs: ['chromium']
}, async t => {
  const [good, evil] = [await page(t), await page(t)]
  const server = await startServer(t, { origins: [good] })
  const control = await Control.start(t, server.url)
  const browser = await launchChromium(t)
  const tab = await (await browser.newContext()).newPage()
  const dial = (protocols: string[]) =>
    tab.evaluate(
      ([url, names]) =>
        new Promise<string>(resolve => {
          const websocket = new WebSocket(url, names)
          websocket.onmessage = () => resolve('a challenge')
          websocket.onclose = ({ code }) => resolve(`closed with ${code}`)
        }),
      [server.url, protocols] as const
    )
  await control.watches(t, async () => {
    await tab.goto(evil)
    t.equal(await dial([SUBPROTOCOL]), 'closed with 4504', 'the page is told why')
    t.equal(await dial([]), 'closed with 1006', 'without our subprotocol')
    t.equal(await dial(['other']), 'closed with 1006')
    await tab.goto(good)
    t.equal(await dial([SUBPROTOCOL]), 'a challenge')
    // A frame without an origin of its own says null.
    await tab.goto('data:text/html,<title>a page</title>')
    t.match(await dial([SUBPROTOCOL]), /^closed with/, 'an opaque origin')
  })
})
