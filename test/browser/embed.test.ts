import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Locator } from 'playwright-core'
import type { Test } from 'tape'
import { launchFirefox, MEDIA_FLAGS, shareChromium } from '../tools/browser.ts'
import { Command } from '../tools/command.ts'
import { mintAt, project, readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const options = { needs: ['chromium' as const], timeout: 120_000 }

/** A server of a page with one script tag. */
async function serve(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'embed-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  copyFileSync('packages/sdk/dist/embed.iife.js', join(folder, 'embed.js'))
  writeFileSync(
    join(folder, 'index.html'),
    '<!doctype html><title>embed</title><script src="embed.js"></script>'
  )
  writeFileSync(join(folder, 'late.html'), '<!doctype html><title>without</title>')
  const iceServers = [{ urls: 'stun:127.0.0.1:9' }]
  return readyMade(t, { page: folder, tokens: { project }, iceServers })
}

test(
  '002.12 002.14 embed in Chromium: one script tag, before or after the page has loaded and once more, makes the elements known',
  options,
  async t => {
    const server = await serve(t)
    const browser = await shareChromium(t, MEDIA_FLAGS)
    const page = await (await browser.newContext()).newPage()
    const complaints: string[] = []
    page.on('pageerror', error => complaints.push(String(error)))
    await page.goto(server.url)
    const token = await mintAt(server, '/api/video/room_tokens', { room_name: 'lobby' })
    await page.evaluate(token => {
      document.body.innerHTML = `<signal-room token="${token}"></signal-room>`
    }, token)
    await page.getByRole('button', { name: 'Join' }).click()
    await page.getByRole('status').getByText('joined').waitFor()
    // Once more does no harm.
    await page.addScriptTag({ url: 'embed.js' })
    await page.getByRole('button', { name: 'Leave' }).click()
    await until(() => server.signal.stats().sockets === 0)
    // As a script of the strategies afterInteractive and lazyOnload comes: elements are there before it.
    await page.goto(`${server.url}late.html`)
    await page.evaluate(token => {
      document.body.innerHTML = `<signal-room token="${token}"></signal-room>`
    }, token)
    t.equal(await page.getByRole('button').count(), 0, 'not known yet')
    await page.addScriptTag({ url: 'embed.js' })
    await page.getByRole('button', { name: 'Join' }).click()
    await page.getByRole('status').getByText('joined').waitFor()
    await page.getByRole('button', { name: 'Leave' }).click()
    await until(() => server.signal.stats().sockets === 0)
    const names = await page.evaluate(() =>
      Object.keys((globalThis as never as { SocketSignalSDK: object }).SocketSignalSDK)
    )
    t.ok(
      ['SignalWire', 'SocketSignal', 'Video', 'Chat', 'PubSub', 'defineElements'].every(name =>
        names.includes(name)
      ),
      `${names}`
    )
    t.deepEqual(complaints, [])
  }
)

test(
  'elements in Chromium: a static page gives colours and parts; they are narrow, dark, spoken, and started again at once',
  options,
  async t => {
    const env = { TOKEN_SECONDS: '5' }
    const example = new Command(t, [process.execPath, 'examples/13-elements'], { env })
    const [url = ''] = await example.says(/http:\S+/)
    const browser = await shareChromium(t, MEDIA_FLAGS)
    const context = await browser.newContext({ colorScheme: 'dark', viewport: { width: 360, height: 900 } })
    const [ada, bob] = [await context.newPage(), await context.newPage()]
    for (const page of [ada, bob]) {
      await page.goto(url)
      await page.waitForFunction(() => document.querySelector('signal-room')?.credentials)
    }
    const rooms = [ada, bob].map(page => page.locator('signal-room')) as [Locator, Locator]
    for (const room of rooms) await room.getByRole('button', { name: 'Join' }).click()
    const [room] = rooms
    await room.getByRole('status').getByText('Joined').waitFor()
    await until(async () => (await room.locator('figure').count()) === 2, 'both are there', 20)
    const tops = await room
      .locator('figure')
      .evaluateAll(all => all.map(each => each.getBoundingClientRect().top))
    t.equal(new Set(tops).size, 2, 'one below the other where it is narrow')
    t.equal(await room.getByRole('group', { name: 'Controls' }).count(), 1)
    const style = (selector: string, name: string) =>
      ada.evaluate(
        ([selector = '', name = '']) =>
          getComputedStyle(document.querySelector(selector) as Element).getPropertyValue(name),
        [selector, name]
      )
    t.equal(await style('signal-room', 'background-color'), 'rgb(24, 24, 27)', 'dark as its page')
    t.equal(await style('signal-call', 'background-color'), 'rgb(4, 47, 46)', 'by a custom property')
    await rooms[1].getByRole('button', { name: 'Camera off' }).click()
    await room.locator('figure[data-dark]').waitFor()
    await ada.evaluate(() => {
      const [start, , , end] =
        document.querySelector('signal-room')?.shadowRoot?.querySelectorAll('button') ?? []
      end?.click()
      start?.click()
    })
    await room.getByRole('status').getByText('Joined').waitFor()
    t.notOk(
      await room.getByRole('button', { name: 'Join' }).isVisible(),
      'what has ended does not end what began'
    )
    await ada.evaluate(() => {
      const call = document.querySelector('signal-call')
      if (call) call.credentials = undefined
      call?.setAttribute('token', 'nonsense')
    })
    await ada.locator('signal-call').getByRole('button', { name: 'Call' }).click()
    const status = ada.locator('signal-call').getByRole('status')
    await ada.waitForFunction(
      () => (document.querySelector('signal-call') as unknown as { state: string }).state === 'ended'
    )
    await until(
      async () => / .* /.test((await status.textContent()) ?? ''),
      `in words: ${await status.textContent()}`
    )
    example.interrupt()
    t.equal((await example.ended).code, 0)
  }
)

test('embed in Firefox: it does so there', { needs: ['firefox'], timeout: 120_000 }, async t => {
  const server = await serve(t)
  const browser = await launchFirefox(t)
  const page = await browser.newPage()
  await page.goto(server.url)
  const token = await mintAt(server, '/api/video/room_tokens', { room_name: 'lobby' })
  await page.evaluate(token => {
    document.body.innerHTML = `<signal-room token="${token}" audio="off" video="off"></signal-room>`
    document.querySelector('signal-room')?.shadowRoot?.querySelector('button')?.click()
  }, token)
  const state = () =>
    page.evaluate(() => (document.querySelector('signal-room') as never as { state: string }).state)
  await until(async () => (await state()) === 'joined', 'it joins', 20)
  t.equal(server.signal.stats().sockets, 1, 'it is there')
  await page.evaluate(() => document.querySelector('signal-room')?.remove())
  await until(() => server.signal.stats().sockets === 0, 'and leaves with its element')
})
