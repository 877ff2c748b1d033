// Mostly waits: the runner starts it beside the others.
import { launchChromium } from '../tools/browser.ts'
import { Command } from '../tools/command.ts'
import { test } from '../tools/test.ts'

/** How long the socket must stay. A minute is what the example promises: TOKEN_SECONDS=60. */
const SECONDS = Number(process.env.TOKEN_SECONDS ?? 20)
const LIFE = 5

test('token example: a page refreshes a token of 5 s over and over, and keeps its socket', {
  needs: ['chromium'],
  timeout: 60_000 + SECONDS * 1000
}, async t => {
  const example = new Command(t, [process.execPath, 'examples/04-tokens'])
  const [, url = ''] = await example.says(/open (http\S+) and sign in/)
  const browser = await launchChromium(t)
  const page = await (await browser.newContext()).newPage()
  const sockets: string[] = []
  const urls: string[] = []
  page.on('websocket', socket => sockets.push(socket.url()))
  page.on('request', request => urls.push(request.url()))
  await page.goto(url)
  const read = async (id: string) => Number(await page.locator(`#${id}`).textContent())
  await page.click('#sign-in')
  await page.waitForFunction(
    wanted => Number(document.querySelector('#seconds')?.textContent) >= wanted,
    SECONDS,
    { polling: 500, timeout: (SECONDS + 20) * 1000 }
  )
  t.equal(await read('lost'), 0, 'never lost')
  const tokens = await read('tokens')
  t.ok(tokens > SECONDS / LIFE, `${tokens} tokens in ${SECONDS} s`)
  t.equal(sockets.length, 1, 'one socket')
  t.notOk(
    [...sockets, ...urls].some(each => /eyJ/.test(each)),
    'no token in a URL'
  )

  await page.click('#sign-out')
  await page.getByText(/^TOKEN_UNAVAILABLE: .*401/).waitFor()
  t.equal(await read('lost'), 0, 'within the grace it stays')
  await page.click('#sign-in')
  await page.getByText(/^Connected\.$/).waitFor()
  t.deepEqual([await read('lost'), sockets.length], [0, 1], 'signed in again, on the same socket')
  example.interrupt()
  t.notOk((await example.ended).left, 'no process is left')
})
