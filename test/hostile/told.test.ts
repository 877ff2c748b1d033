import { randomBytes } from 'node:crypto'
import { isIPv4 } from 'node:net'
import { SignalError } from 'socket-signal'
import { createServer } from 'socket-signal-server'
import { wordsOf } from '../../packages/server/src/log.ts'
import { Child } from '../tools/child.ts'
import { test } from '../tools/test.ts'
import { rejection } from '../tools/wait.ts'
import { get, makeClient, rawSocket, upgrade } from '../tools/websocket.ts'

const SERVER = 'packages/server/src/bin.ts'

test('hostile told: whatever codes hooks throw, metrics have as many labels as there are codes', async t => {
  const codes = Array.from({ length: 50 }, () => randomBytes(8).toString('hex').replace(/./g, letter))
  let at = 0
  const server = createServer({
    ...{ port: 0, page: false },
    onLookup: () => {
      throw new SignalError(codes[at++] ?? 'PEER_LEFT', 'no')
    }
  })
  t.teardown(() => server.close())
  await server.open()
  const client = makeClient(t, server.signalUrl)
  for (const code of [...codes, 'PEER_LEFT'])
    t.equal((await rejection(client.lookup(randomBytes(32)))).code, code)
  const { body } = await get(`${server.url}metrics`)
  const labels = [...body.matchAll(/^socket_signal_refusals_total\{code="(\w+)"\} (\d+)$/gm)]
  t.deepEqual(
    labels.map(([, code, count]) => [code, count]),
    [
      ['OTHER', '50'],
      ['PEER_LEFT', '1']
    ]
  )
})

/** A code may hold letters alone. */
function letter(digit: string): string {
  return String.fromCharCode(65 + Number.parseInt(digit, 16))
}

test('hostile told: words of others hold no address and are one line in the log', t => {
  const cause = new Error('connect ECONNREFUSED ::1:6379')
  const cases: [string, string][] = [
    ['connect ECONNREFUSED 10.1.2.3:6379', 'connect ECONNREFUSED …'],
    ['connect ECONNREFUSED ::1:6379', 'connect ECONNREFUSED …'],
    ['connect ECONNREFUSED fe80::1:6379 - Local (fe80::2:0)', 'connect ECONNREFUSED … - Local …'],
    ['MOVED 3999 [2001:db8::7]:6381', 'MOVED 3999 …'],
    ['at redis://[2001:db8::7]:6379/1, now', 'at … now'],
    ['::ffff:10.1.2.3', '…'],
    ['address already in use :::4000', 'address already in use …'],
    ['ERR a: b:c 12:30 key::name', 'ERR a: b:c 12:30 key::name'],
    ['one\r\n{"level":30,"msg":"two"}\u001b[2J', 'one {"level":30,"msg":"two"} [2J']
  ]
  for (const [said, words] of cases) t.equal(wordsOf(new Error(said)), words)
  t.equal(wordsOf(new Error('no connection', { cause })), 'no connection: connect ECONNREFUSED …')
  t.equal(wordsOf(new Error('x'.repeat(100_000))).length, 500)
  t.equal(wordsOf('x'), 'unknown')
  t.end()
})

test('hostile told: a log in JSON has neither tokens nor ids, addresses or queries, whoever comes', async t => {
  const secret = 'a secret of at least thirty-two bytes'
  const child = new Child(t, SERVER, ['-p', '0', '--log', 'json', '--chat', '--trust-proxy'], {
    SOCKET_SIGNAL_SECRET: secret
  })
  const [line] = await child.says(/^\{.*"msg":"running"\}$/m)
  const { page, signals } = JSON.parse(line)
  const marks = [
    'the-token-of-somebody',
    '203.0.113.9',
    'mark-in-a-query',
    'mark-in-a-header',
    'mark-in-a-name'
  ]
  const [token, address, query, header, name] = marks as [string, string, string, string, string]
  const client = makeClient(t, signals, { token })
  t.equal((await rejection(client.open())).code, 'TOKEN_INVALID')
  const headers = {
    Authorization: `Bearer ${token}`,
    'X-Forwarded-For': address,
    Cookie: header,
    'User-Agent': header
  }
  const chat = `${page}api/chat/realtime/0b0e9c5e-52a4-4f6d-9a66-6f0b6c1d0a01?token=${query}&user=${name}`
  t.equal((await get(chat, { ...upgrade(''), ...headers })).status, 401)
  t.equal((await get(`${page}${name}?${query}`, headers)).status, 404)
  rawSocket(t, page).end(`GET /${query}\r\n${header}: ${name}\r\n\r\n`)
  await child.says(/"msg":"refused"/)
  child.kill('SIGTERM')
  t.equal(await child.ended, 0)
  const log = child.stdout + child.stderr
  for (const mark of [...marks, secret, Buffer.from(client.id).toString('hex')])
    t.notOk(log.includes(mark), mark)
  const running = log.split('\n').filter(text => !text.includes('"msg":"running"'))
  t.notOk(
    running
      .join(' ')
      .match(/[\d.]{7,}/g)
      ?.some(isIPv4),
    'nor where anybody comes from'
  )
  for (const text of child.stdout.trim().split('\n')) t.ok(JSON.parse(text), 'each line is JSON')
})
