import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tape'
import { launchChromium, launchFirefox, MEDIA_FLAGS, servePage } from '../tools/browser.ts'
import { mintAt, project } from '../tools/sdk.ts'
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
  const iceServers = [{ urls: 'stun:127.0.0.1:9' }]
  return servePage(t, { page: folder, tokens: { project }, iceServers })
}

test(
  '002.12 002.14 embed in Chromium: one script tag, before or after the page has loaded and once more, makes the elements known',
  options,
  async t => {
    const server = await serve(t)
    const browser = await launchChromium(t, undefined, MEDIA_FLAGS)
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
    // As a script of strategy lazyOnload comes, and once more.
    await page.addScriptTag({ url: 'embed.js' })
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
