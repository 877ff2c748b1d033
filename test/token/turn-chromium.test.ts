import { createTurn, type TurnServers } from 'socket-signal-token'
import type { Test } from 'tape'
import { launchChromium, serveScript } from '../tools/browser.ts'
import { deadTurn, startCoturn } from '../tools/coturn.ts'
import type { Seen } from '../tools/fixtures/turn-page.ts'
import { test } from '../tools/test.ts'

const options = { needs: ['chromium' as const, 'coturn' as const], timeout: 60_000 }

declare const talk: (ice: TurnServers, connectTimeout: number) => Promise<Seen>

/** A page in Chromium with two clients of its own. */
async function openPage(t: Test) {
  const server = await serveScript(t, 'test/tools/fixtures/turn-page.ts')
  const page = await (await launchChromium(t)).newPage()
  await page.goto(server.url)
  await page.waitForFunction('globalThis.talk')
  return (ice: TurnServers, connectTimeout = 10_000) =>
    page.evaluate(([ice, timeout]) => talk(ice, timeout), [ice, connectTimeout] as const)
}

test('turn, Chromium: over a relay alone, and no frame tells of another address', options, async t => {
  const [coturn, dial] = [await startCoturn(t), await openPage(t)]
  const mint = createTurn({ urls: coturn.url, secret: coturn.secret })
  const { message, heard, path, sent } = await dial(await mint('chromium'))
  t.equal(heard, 'from page to page', message)
  t.deepEqual(path, ['relay', 'relay'])
  t.deepEqual([...new Set(sent.match(/ typ \w+/g))], [' typ relay'])
  t.deepEqual([...new Set(sent.match(/raddr \S+/g))], ['raddr 0.0.0.0'])
})

test('turn, Chromium: wrong secret, dead server and none at all each say why', options, async t => {
  const [coturn, dial] = [await startCoturn(t), await openPage(t)]
  const says = async (ice: TurnServers, timeout?: number) => {
    const { code, message = '' } = await dial(ice, timeout)
    for (const { username, credential } of ice.iceServers)
      t.notOk(message.includes(username) || message.includes(credential), 'no secret in the message')
    return [code, message] as const
  }
  const [code, message] = await says(await createTurn({ urls: coturn.url, secret: 'another' })('chromium'))
  t.equal(code, 'TURN_AUTH')
  t.ok(message.includes(coturn.url), message)
  const urls = await deadTurn()
  const [late, why] = await says(await createTurn({ urls, secret: 's' })('chromium'), 3000)
  t.equal(late, 'CONNECT_TIMEOUT')
  t.ok(why.includes(urls), why)
  const [none, words] = await says({ iceServers: [], expiresAt: Date.now() + 3_600_000 })
  t.equal(none, 'ICE_NO_CANDIDATES')
  t.match(words, /privacy/)
})
