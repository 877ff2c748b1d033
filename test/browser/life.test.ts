import { topicFromName } from 'socket-signal'
import type { ServerOptions } from 'socket-signal-server'
import type { Test } from 'tape'
import { launchChromium, serveScript } from '../tools/browser.ts'
import { test } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'
import { makeClient } from '../tools/websocket.ts'

const options = { needs: ['chromium' as const], timeout: 60_000 }

declare const seen: string[]
declare const churn: (rounds: number) => Promise<string>

test(
  'recovery, Chromium: a page in the back-forward cache is away, and back when it is shown',
  options,
  async t => {
    const { page, url, told } = await open(t)
    await page.goto(`${url}elsewhere.html`)
    await until(() => told.length === 1, 'it is away')
    await page.goBack({ waitUntil: 'commit' })
    await page.waitForFunction(() => seen.includes('resumed'))
    t.same(await page.evaluate(() => seen), ['connected', 'joined', '4011', 'restored', 'resumed'])
    await until(() => told.length === 2, 'and back')
    t.same(
      told.map(({ event }) => event),
      ['peer-away', 'peer-back']
    )
  }
)

test('recovery, Chromium: a page that stays in the cache leaves no ghost', options, async t => {
  const { page, url, told, server } = await open(t, { resumeWindow: 1000 })
  await page.goto(`${url}elsewhere.html`)
  await until(() => told.length === 2, 'it has left', 10)
  t.same(
    told.map(({ event }) => event),
    ['peer-away', 'peer-left']
  )
  t.equal(server.signal.stats().away, 0)
})

test(
  'recovery, Chromium: row 32: a tab that is closed, or goes elsewhere for good, has left at once',
  options,
  async t => {
    const { page, told, server } = await open(t)
    await page.close()
    await until(() => told.length === 1)
    t.equal(told[0]?.event, 'peer-left')
    t.equal(server.signal.stats().away, 0)
  }
)

test('recovery, Chromium: row 32: a tab that crashes has left as well', options, async t => {
  const { page, told } = await open(t)
  page.goto('chrome://crash').catch(() => {})
  await until(() => told.length === 1)
  t.match(String(told[0]?.event), /peer-left|peer-away/)
})

test(
  'recovery, Chromium: row 32: a tab that is told to freeze is away, and goes on when it resumes',
  options,
  async t => {
    const { page, told, say } = await open(t)
    // DevTools can't freeze a tab that holds a socket, so it is told what Chromium tells it before it freezes.
    await page.evaluate(() => void document.dispatchEvent(new Event('freeze')))
    await until(() => told.length === 1, 'away')
    await say('while you slept')
    await page.evaluate(() => void document.dispatchEvent(new Event('resume')))
    await page.waitForFunction(() => seen.includes('while you slept'))
    t.same(await page.evaluate(() => seen), ['connected', 'joined', '4011', 'resumed', 'while you slept'])
    await until(() => told.length === 2, 'and back')
    t.same(
      told.map(({ event }) => event),
      ['peer-away', 'peer-back']
    )
  }
)

test('recovery, Chromium: row 32: a tab that is busy for a while is not dropped', options, async t => {
  const { page, told } = await open(t, { pingInterval: 2000 })
  await page.evaluate(() => {
    const end = Date.now() + 3000
    while (Date.now() < end);
  })
  t.same(await page.evaluate(() => seen), ['connected', 'joined'])
  t.equal(told.length, 0)
})

test('recovery, Chromium: row 33: offline and online again, it is back at once', options, async t => {
  const { page, told } = await open(t)
  await page.context().setOffline(true)
  await page.waitForFunction(() => seen.includes('4002') || seen.includes('1006'), undefined, {
    timeout: 20_000
  })
  await new Promise(resolve => setTimeout(resolve, 1500))
  t.equal(await page.evaluate(() => seen.length), 3, 'nothing is tried without a network')
  await page.context().setOffline(false)
  await page.waitForFunction(() => seen.includes('resumed'), undefined, { timeout: 3000 })
  t.notOk(told.some(({ event }) => event === 'peer-left'))
})

test('churn, Chromium: a page lets go of connections that have ended: it may have 500', options, async t => {
  const server = await serveScript(t, 'test/tools/fixtures/churn-page.ts')
  const page = await (await launchChromium(t, undefined, ['--js-flags=--expose-gc'])).newPage()
  await page.goto(server.url)
  await page.waitForFunction('globalThis.churn')
  t.equal(await page.evaluate(() => churn(66)), '', '528 were there')
})

/** A page with a client in a topic, and what one in Node hears of it. */
async function open(t: Test, own: ServerOptions = {}) {
  const server = await serveScript(t, 'test/tools/fixtures/life-page.ts', own)
  const topic = await topicFromName('life')
  const watcher = makeClient(t, server.signalUrl)
  await watcher.join(topic, { watch: true })
  const joined = record(watcher, 'peer-joined')
  const page = await (await launchChromium(t)).newPage()
  await page.goto(server.url)
  await page.waitForFunction(() => seen.includes('joined'))
  await until(() => joined.length === 1)
  const told = record(watcher, 'peer-away', 'peer-back', 'peer-left', 'peer-joined')
  return { server, page, url: server.url, told, say: (text: string) => watcher.publish(topic, text) }
}
