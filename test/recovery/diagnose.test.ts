import { CODES } from 'socket-signal'
import type { ServerOptions } from 'socket-signal-server'
import { createTurn } from 'socket-signal-token'
import { SocketSignalWebsocketClient, type SocketSignalWebsocketClientOptions } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { words } from '../../packages/core/src/advice.ts'
import { launchChromium, Tab } from '../tools/browser.ts'
import { deadTurn, startCoturn } from '../tools/coturn.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'
import { endWithTests, simplePeer } from '../tools/wrtc.ts'

async function diagnosed(t: Test, server: ServerOptions, options: SocketSignalWebsocketClientOptions = {}) {
  const { signalUrl } = await readyMade(t, { page: false, ...server })
  return look(t, signalUrl, options)
}

async function look(t: Test, url: string, options: SocketSignalWebsocketClientOptions) {
  const client = new SocketSignalWebsocketClient(url, { simplePeer, requestTimeout: 3000, ...options })
  t.teardown(() => client.close())
  const { ok, checks } = await client.diagnose()
  t.ok(
    checks.every(({ sentence, took }) => sentence.length > 0 && took >= 0),
    JSON.stringify(checks)
  )
  return [ok, ...checks.map(({ name, ok, code }) => `${name} ${ok} ${code}`)]
}

test('explain: diagnose() finds nothing wrong where nothing is', async t => {
  const found = await diagnosed(t, {}, { iceServers: [] })
  t.same(found, [true, 'server true OK', 'token true OK', 'udp true OK', 'turn undefined NO_TURN'])
})

test('explain: diagnose() tries STUN and TURN, and names a wrong secret and a dead server', {
  needs: ['coturn'],
  timeout: 60_000
}, async t => {
  const { url, secret } = await startCoturn(t)
  // coturn is on loopback, which libwebrtc asks over no network card.
  const relay = { privacy: 'relay' as const }
  const fine = ['server true OK', 'token true OK', 'udp true OK']
  t.same(await diagnosed(t, { turn: { urls: url, secret } }, relay), [true, ...fine, 'turn true OK'])
  const wrong = await diagnosed(t, { turn: { urls: url, secret: 'wrong' } }, relay)
  t.same(wrong, [false, ...fine, 'turn false TURN_AUTH'])
  const dead = await diagnosed(
    t,
    {},
    { ...relay, ...(await createTurn({ urls: await deadTurn(), secret })('me')) }
  )
  t.same([dead[0], dead[4]], [false, 'turn false TURN_UNREACHABLE'])
})

test('explain: diagnose() says that a server is dialed by another address than it knows', async t => {
  const found = await diagnosed(t, { publicUrls: ['wss://signal.example.org'] }, { iceServers: [] })
  t.same(found.slice(0, 2), [false, 'server false BAD_PROOF'])
  t.match(words('BAD_PROOF').tryThis, /public URLs/)
})

test('explain: whatever a socket is closed with has words of its own', t => {
  for (const [code, { close }] of Object.entries(CODES))
    if (close) t.notEqual(words(code).sentence, words('no such code').sentence, code)
  t.end()
})

test('explain: diagnose() tells a server that is not there from one that wants a token', async t => {
  const nobody = await look(t, 'ws://127.0.0.1:9', { iceServers: [] })
  t.same(nobody.slice(0, 3), [false, 'server false CONNECT_FAILED', 'token undefined UNKNOWN'])
  const tokens = { keys: { secret: 'x'.repeat(32) } }
  const refused = await diagnosed(t, { tokens }, { iceServers: [] })
  t.same(refused.slice(0, 3), [false, 'server true OK', 'token false AUTH_REQUIRED'])
  const bad = await diagnosed(t, { tokens }, { iceServers: [], token: 'no token at all' })
  t.same(bad.slice(0, 3), [false, 'server true OK', 'token false TOKEN_INVALID'])
})

test('explain: the page looks before a call, and shows each connection with its stages', {
  needs: ['chromium'],
  timeout: 60_000
}, async t => {
  const server = await readyMade(t)
  const browser = await launchChromium(t)
  const [ada, bob] = [
    await Tab.open(browser, `${server.url}#hall`, { name: 'Ada' }),
    await Tab.open(browser, `${server.url}#hall`, { name: 'Bob' })
  ]
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')])
  await ada.page.click('#check')
  await ada.page.locator('.check').nth(3).waitFor()
  const checks = ada.page.locator('.check')
  const states = await checks.evaluateAll(rows => rows.map(row => (row as HTMLElement).dataset.state))
  t.same(states, ['good', 'good', 'good', 'unknown'])
  await ada.page.locator('.person.connected summary').click()
  const stages = await ada.page.locator('.stage-name').allTextContents()
  for (const stage of ['Join', 'Answer', 'DTLS', 'Open']) t.ok(stages.includes(stage), stage)
  t.equal(await ada.text('.facts dd'), 'CONNECTED')
  t.same(ada.complaints, [])
  await ada.page.setViewportSize({ width: 360, height: 740 })
  const fits = () => ada.page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)
  t.ok(await fits(), 'nothing sticks out on a phone')
  if (process.env.SHOTS) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await ada.page.emulateMedia({ colorScheme })
      await ada.page.screenshot({ path: `${process.env.SHOTS}/check-${colorScheme}.png` })
    }
  }
  await ada.page.click('#checked')
  await until(async () => !(await ada.page.locator('#checks').isVisible()))
})

endWithTests()
