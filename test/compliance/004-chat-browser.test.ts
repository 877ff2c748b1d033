import type { Page } from 'playwright-core'
import type { Test } from 'tape'
import { MEDIA_FLAGS, serveScript, shareChromium } from '../tools/browser.ts'
import { ROOM } from '../tools/chat.ts'
import { Command } from '../tools/command.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const options = { needs: ['chromium' as const], timeout: 90_000 }
/** Decoded by the receiver of a call, before it counts as moving. */
const FRAMES = 20

test('chat example: two pages that know only the guide’s JSON see each other move', options, async t => {
  const example = new Command(t, [process.execPath, 'examples/06-chat-call'], { env: { PORT: '0' } })
  const [, url = ''] = await example.says(/open (http\S+) in two tabs/)
  const browser = await shareChromium(t, MEDIA_FLAGS)
  const join = async (name: string, address: string) => {
    const page = await (await browser.newContext()).newPage()
    const problems: string[] = []
    page.on('pageerror', error => problems.push(error.message))
    page.on('console', message => message.type() === 'error' && problems.push(message.text()))
    await page.goto(address)
    await page.fill('#name', name)
    await page.click('#join button')
    return { page, problems }
  }
  const ada = await join('Ada', url)
  await ada.page.getByText('You are alone here').waitFor()
  const bob = await join('Bob', ada.page.url())
  for (const { page } of [ada, bob]) await moves(t, page, 'figure:not(.self) video')
  t.deepEqual(await ada.page.locator('.who').allTextContents(), ['You', 'Bob'])
  const carol = await join('<b>Carol', ada.page.url())
  for (const { page } of [ada, bob]) await page.getByText('<b>Carol', { exact: false }).first().waitFor()
  await until(async () => (await carol.page.locator('figure').count()) === 3)
  // Who leaves while devices are asked for is not there afterwards.
  await carol.page.click('#leave')
  await until(async () => (await ada.page.locator('figure').count()) === 2, 'Carol is gone')
  await carol.page.evaluate(
    "document.querySelector('#join button').click(); document.querySelector('#leave').click()"
  )
  await new Promise(resolve => setTimeout(resolve, 1_000))
  t.equal(await carol.page.locator('figure').count(), 0)
  await carol.page.click('#join button')
  await until(async () => (await ada.page.locator('figure').count()) === 3, 'Carol is back, once')
  await bob.page.click('#leave')
  await until(async () => (await ada.page.locator('figure').count()) === 2, 'who leaves is gone')
  t.deepEqual([...ada.problems, ...bob.problems, ...carol.problems], [])
  example.interrupt()
  t.notOk((await example.ended).left, 'no process is left')
})

test(
  '004.38 chat call: in Chromium, with the codecs and the bitrate that were asked for',
  options,
  async t => {
    const server = await serveScript(t, 'test/tools/fixtures/chat-call-page.ts', { chat: { dev: true } })
    const browser = await shareChromium(t, MEDIA_FLAGS)
    const open = async (user: string) => {
      const page = await (await browser.newContext()).newPage()
      await page.goto(`${server.url}?user=${user}`)
      return page
    }
    const [answerer, caller] = [await open('bob'), await open('ada')]
    const settings = { codecs: { video: ['VP9'], audio: ['PCMU'] }, maxBitrate: { video: 150_000 } }
    await answerer.evaluate(`answerCall(${JSON.stringify(ROOM)}, ${JSON.stringify(settings)})`)
    await caller.evaluate(`initiateCall(${JSON.stringify(ROOM)}, ${JSON.stringify(settings)})`)
    for (const page of [caller, answerer]) await moves(t, page, '#remote')
    for (const page of [caller, answerer]) {
      const said = (await page.evaluate('describeCall()')) as object
      t.deepEqual(said, { codecs: ['audio/PCMU', 'video/VP9'], maxBitrate: 150_000, connections: 1 })
    }
    await caller.evaluate('call.disconnect()')
    await until(
      async () => (await answerer.evaluate('call.connections.size')) === 0,
      'who hangs up is gone',
      30
    )
  }
)

/** Frames are decoded, and they are not all the same. */
async function moves(t: Test, page: Page, selector: string): Promise<void> {
  const frames = () =>
    page.evaluate(
      selector =>
        document.querySelector<HTMLVideoElement>(selector)?.getVideoPlaybackQuality().totalVideoFrames ?? 0,
      selector
    )
  await until(async () => (await frames()) > FRAMES, `${selector} shows frames`, 30)
  const picture = () =>
    page.evaluate(selector => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 })
      const video = document.querySelector(selector) as HTMLVideoElement
      canvas.getContext('2d')?.drawImage(video, 0, 0, 64, 48)
      return canvas.toDataURL()
    }, selector)
  const first = await picture()
  await until(async () => (await picture()) !== first, `${selector} moves`, 10)
  t.ok((await frames()) > FRAMES, `${await frames()} frames`)
}
