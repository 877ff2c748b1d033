import { launchFirefox } from '../tools/browser.ts'
import { nodePeer, say } from '../tools/node-peer.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

test('Firefox: the page and a peer in Node connect and talk', {
  needs: ['firefox'],
  timeout: 90_000
}, async t => {
  const server = await readyMade(t)
  const { client, heard } = await nodePeer(t, server, 'fox', 'Nora')
  const browser = await launchFirefox(t)
  const page = await browser.newPage()
  await page.goto(`${server.url}#fox`)
  await page.waitForSelector('.person.connected', { timeout: 45_000 })
  t.equal(await page.$eval('.person.connected .name', name => name.textContent), 'Nora')
  await page.type('#message', 'hello from Firefox')
  await page.keyboard.press('Enter')
  await until(() => heard.some(text => text.includes('hello from Firefox')), 'Node hears it', 20)
  t.equal(client.peersConnected.length, 1)
  say(client.peersConnected[0] as never, 'hello from Node')
  await page.waitForSelector('.message:not(.own)')
  t.equal(await page.$eval('.message:not(.own) .text', text => text.textContent), 'hello from Node')
})
