import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer } from 'socket-signal-server'
import type { Test } from 'tape'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'
import { get, makeClient } from '../tools/websocket.ts'

test('server: a page, health and signals on one port', async t => {
  const server = await readyMade(t, { page: pageFolder(t) })
  const page = await get(server.url)
  t.deepEqual(
    [page.status, page.headers['content-type'], page.body],
    [200, 'text/html; charset=utf-8', '<head>hi']
  )
  t.equal(page.headers['cache-control'], 'no-cache')
  t.match(String(page.headers['content-security-policy']), /default-src 'self'; connect-src 'self' ws: wss:/)
  t.equal(page.headers['x-content-type-options'], 'nosniff')
  const script = await get(`${server.url}deep/main.js?version=1`)
  t.deepEqual([script.status, script.headers['content-type']], [200, 'text/javascript; charset=utf-8'])
  const client = makeClient(t, server.signalUrl)
  await client.join(Buffer.alloc(32, 1))
  const health = await get(`${server.url}healthz`)
  t.equal(health.headers['cache-control'], 'no-store')
  const { status, connections, topics } = JSON.parse(health.body)
  t.deepEqual([status, connections, topics], ['ok', 1, 1])
})

test('server: nothing but the files of its page', async t => {
  const server = await readyMade(t, { page: pageFolder(t) })
  for (const path of [
    'nothing',
    'deep',
    'deep/',
    'secret.key',
    'index.html/',
    '%2e%2e/secret.js',
    '__proto__'
  ]) {
    t.equal((await get(server.url + path)).status, 404, path)
  }
  for (const path of [
    '/../secret.js',
    '//secret.js',
    '/deep/../../secret.js',
    '/..%2fsecret.js',
    '\\..\\secret.js'
  ]) {
    t.match(await rawGet(server.url, path), /^HTTP\/1\.1 40[04]/, path)
  }
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await get(server.url, {}, method)
    t.deepEqual([status, headers.allow], [405, 'GET, HEAD'], method)
  }
  const head = await get(server.url, {}, 'HEAD')
  t.deepEqual([head.status, head.headers['content-length'], head.body], [200, '8', ''])
})

test('server: without a page it says that it runs', async t => {
  for (const page of [false, '/nowhere'] as const) {
    const server = await readyMade(t, { page })
    t.equal((await get(server.url)).body, 'Signal running OK\n')
  }
})

test('server: the page is told where signals go, when that is another path', async t => {
  const server = await readyMade(t, { page: pageFolder(t), path: '/signal"' })
  t.equal((await get(server.url)).body, '<head><meta name="signal-path" content="/signal&quot;">hi')
})

test('server: ids are proven by default', async t => {
  const server = await readyMade(t, { page: false })
  const error = await rejection(makeClient(t, server.signalUrl, { id: Buffer.alloc(32, 1) }).open())
  t.equal(error.code, 'BAD_PROOF')
})

test('server: metrics say how much is kept of messages', async t => {
  const server = await readyMade(t, { page: false, history: { length: 5 } })
  const kept = async () =>
    /^socket_signal_history_bytes (\d+)$/m.exec(await (await fetch(`${server.url}metrics`)).text())?.[1]
  t.equal(await kept(), '0')
  const client = makeClient(t, server.signalUrl)
  const topic = new Uint8Array(32).fill(1)
  await client.join(topic)
  await client.publish(topic, 'x'.repeat(1000), { keep: true })
  t.ok(Number(await kept()) > 1000)
})

test('server: opens and closes once; a taken port is told by its code', async t => {
  const server = createServer({ port: 0, page: false })
  t.throws(() => server.url, /before open/)
  await Promise.all([server.open(), server.open()])
  const { url } = server
  const taken = createServer({ port: Number(new URL(url).port), page: false })
  t.equal((await rejection(taken.open())).code, 'EADDRINUSE')
  await taken.close()
  await Promise.all([server.close(), server.close()])
  t.equal((await rejection(get(url))).code, 'ECONNREFUSED')
})

test('server: no host is not everybody’s, and a port is one', async t => {
  t.throws(() => createServer({ host: '' }), /^TypeError: host must be an address, got ''/)
  t.throws(() => createServer({ port: 70_000 }), /^TypeError: port must be a whole number/)
})

test('server: one that is closed while it opens, or before, does not listen', async t => {
  const early = createServer({ port: 0 })
  const opening = early.open()
  await early.close()
  await opening
  t.throws(() => early.url, /no address/, 'closed while it opened')
  const never = createServer({ port: 0 })
  await never.close()
  t.equal((await rejection(never.open())).code, 'CLOSED')
  t.throws(() => never.url, /no address/, 'closed before')
})

/** A page in a folder whose parent holds a secret. */
function pageFolder(t: Test): string {
  const parent = mkdtempSync(join(tmpdir(), 'page-test-'))
  t.teardown(() => rmSync(parent, { recursive: true }))
  const folder = join(parent, 'page')
  mkdirSync(join(folder, 'deep'), { recursive: true })
  writeFileSync(join(parent, 'secret.js'), 'secret')
  writeFileSync(join(folder, 'secret.key'), 'of no type that is served')
  writeFileSync(join(folder, 'index.html'), '<head>hi')
  writeFileSync(join(folder, 'deep', 'main.js'), 'main()')
  return folder
}

/** The answer to a path as it is; URL would tidy it. */
function rawGet(url: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    let answer = ''
    socket.on('data', chunk => (answer += chunk)).on('error', reject)
    socket.on('close', () => resolve(answer))
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
  })
}
