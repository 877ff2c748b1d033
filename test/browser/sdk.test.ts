import type { Browser, Page } from 'playwright-core'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { topicFromName } from 'socket-signal'
import type { SignalServer } from 'socket-signal-server'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { launchChromium, MEDIA_FLAGS, serveScript } from '../tools/browser.ts'
import { App } from '../tools/fixtures/react-app.ts'
import { mintAt, project } from '../tools/sdk.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const options = { needs: ['chromium' as const], timeout: 120_000 }
const ROOM = '/api/video/room_tokens'
// Nothing is asked beyond this machine.
const iceServers = [{ urls: 'stun:127.0.0.1:9' }]

async function start(t: Test, file: string): Promise<{ server: SignalServer; browser: Browser }> {
  const server = await serveScript(t, `test/tools/fixtures/${file}`, { tokens: { project }, iceServers })
  return { server, browser: await launchChromium(t, undefined, MEDIA_FLAGS) }
}

async function open(browser: Browser, url: string): Promise<{ page: Page; complaints: string[] }> {
  const page = await (await browser.newContext()).newPage()
  const complaints: string[] = []
  page.on('pageerror', error => complaints.push(String(error)))
  page.on('console', message => {
    const text = message.text()
    // Of the icon that the page has not.
    if (/error|warning/.test(message.type()) && !/404/.test(text)) complaints.push(text)
  })
  await page.goto(url)
  return { page, complaints }
}

const SUBSCRIBER = '/api/fabric/subscribers/tokens'

const tokenOf = (server: SignalServer, name: string) =>
  mintAt(server, ROOM, { room_name: 'lobby', user_name: name })

/** Runs a script in the page; what it gives comes back. */
const run = (page: Page, script: string) => page.evaluate(script) as Promise<unknown>
const videos = (page: Page) =>
  run(page, `[...document.querySelectorAll('main video')].filter(v => v.videoWidth > 0).length`)

test(
  '000.10 video in Chromium: videos are placed below the root element, play, and are removed',
  options,
  async t => {
    const { server, browser } = await start(t, 'sdk-page.ts')
    const [ada, bob] = await Promise.all([open(browser, server.url), open(browser, server.url)])
    const join = async ({ page }: { page: Page }, name: string) =>
      run(page, `join(${JSON.stringify(await tokenOf(server, name))})`)
    t.equal(await join(ada, 'Ada'), 1)
    t.equal(await join(bob, 'Bob'), 2)
    for (const { page } of [ada, bob])
      await until(async () => (await videos(page)) === 2, 'both play in each', 20)
    t.deepEqual(await run(ada.page, `[...document.querySelectorAll('figcaption')].map(c => c.textContent)`), [
      'Ada',
      'Bob'
    ])
    t.ok(await run(ada.page, `document.querySelector('[part~=local] video').muted`), 'nobody hears himself')
    await run(bob.page, 'session.leave()')
    await until(async () => (await videos(ada.page)) === 1)
    t.equal(
      await run(bob.page, `document.querySelector('main').innerHTML`),
      '<p>mine</p>',
      'what was there stays'
    )
    t.deepEqual(await run(ada.page, 'told'), ['1 in 1', 'Bob joined', '2 in 2', '1 in 1', 'Bob left'])
    await run(ada.page, 'session.leave()')
    await until(() => server.signal.stats().sockets === 0)
    t.deepEqual([...ada.complaints, ...bob.complaints], [])
  }
)

test(
  '002.13 elements in Chromium: started by keyboard, spoken of, left, moved and removed',
  options,
  async t => {
    const { server, browser } = await start(t, 'sdk-page.ts')
    const { page, complaints } = await open(browser, server.url)
    const [ada, bob] = [await tokenOf(server, 'Ada'), await tokenOf(server, 'Bob')]
    await page.setContent(
      `<signal-room token="${ada}"></signal-room><signal-call token="${bob}" destination="lobby"></signal-call><script src="main.js" type="module"></script>`
    )
    await page.getByRole('button', { name: 'Join' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('status').getByText('joined').waitFor()
    t.equal(
      await page.evaluate(
        () => document.querySelector('signal-room')?.shadowRoot?.activeElement?.textContent
      ),
      'Leave'
    )
    await page.getByRole('button', { name: 'Call' }).click()
    await page.getByRole('status').getByText('active').waitFor()
    const playing = () =>
      run(
        page,
        `[...document.querySelector('signal-call').shadowRoot.querySelectorAll('video')].filter(v => v.videoWidth > 0).length`
      )
    await until(async () => (await playing()) === 2, 'both play', 20)
    const mute = page.locator('signal-room').getByRole('button', { name: 'Mute' })
    await mute.click()
    await page.waitForFunction(() =>
      document.querySelector('signal-room')?.shadowRoot?.querySelector('[aria-pressed=true]')
    )
    await run(page, `document.body.prepend(document.querySelector('signal-call'))`)
    t.equal(await run(page, `document.querySelector('signal-call').state`), 'active', 'moved, it goes on')
    await run(page, `document.querySelector('signal-call').remove()`)
    await until(() => server.signal.stats().sockets === 1)
    await page.getByRole('button', { name: 'Leave' }).click()
    await page.getByRole('button', { name: 'Join' }).waitFor()
    await until(() => server.signal.stats().sockets === 0)
    await run(
      page,
      `document.body.innerHTML = '<signal-call token="nonsense" destination="x"></signal-call>'`
    )
    await page.getByRole('button', { name: 'Call' }).click()
    await page.getByRole('status').getByText('ended').waitFor()
    t.deepEqual(complaints, [])
  }
)

test(
  '002.24 002.26 react in Chromium: StrictMode joins once, hydrates without a warning, and leaves nothing',
  options,
  async t => {
    const { server, browser } = await start(t, 'react-page.ts')
    const token = await mintAt(server, ROOM, { room_name: 'lobby', user_name: 'Ada' })
    const hall = await mintAt(server, '/tokens', {
      kind: 'subscriber',
      topics: '*',
      can: ['join', 'lookup', 'offer', 'signal']
    })
    let joined = 0
    server.signal.on('connection', () => joined++)
    const html = renderToString(createElement(App, { token: hall }))
    t.match(html, /idle 0/, 'the server shows how it is before anything has begun')
    t.ok(token)
    const query = new URLSearchParams({ props: JSON.stringify({ token: hall }), html })
    const { page, complaints } = await open(browser, `${server.url}?${query}`)
    t.ok(page)
    await page.locator('#media', { hasText: 'open 1' }).waitFor()
    await page.locator('#topic', { hasText: 'joined 0' }).waitFor()
    await until(
      async () => Number(await run(page, `document.querySelector('video').videoWidth`)) > 0,
      'it plays',
      20
    )
    t.equal(joined, 1, 'the topic’s client alone: the token names no room')
    await run(page, `change({ token: ${JSON.stringify(token)} })`)
    await page.locator('#room', { hasText: 'joined 1' }).waitFor()
    t.equal(joined, 2, 'one join')
    await run(page, 'change({ isShown: false })')
    await until(() => server.signal.stats().sockets === 1, 'the room was left')
    await run(page, `change({ isShown: true, token: ${JSON.stringify(token)} }); setTimeout(unmount)`)
    await until(() => server.signal.stats().sockets === 1)
    await run(page, 'client.close()')
    await until(() => server.signal.stats().sockets === 0)
    t.deepEqual(complaints, [])
  }
)

test(
  '002.4 react in Chromium: a client for each token, made and ended by an effect, and none is left by StrictMode',
  options,
  async t => {
    const { server, browser } = await start(t, 'dialer-page.ts')
    const [ada, bob] = [
      await mintAt(server, SUBSCRIBER, { reference: 'ada' }),
      await mintAt(server, SUBSCRIBER, { reference: 'bob' })
    ]
    const { page, complaints } = await open(browser, server.url)
    const whose = () => [...server.signal.connections].map(({ grant }) => grant.sub).join()
    await run(page, `show({ token: ${JSON.stringify(ada)} })`)
    await page.locator('#dialer', { hasText: 'connected' }).waitFor()
    await until(
      () => whose() === 'ada' && server.signal.stats().sockets === 1,
      'one of the two that were made'
    )
    await run(page, `show({ token: ${JSON.stringify(bob)} })`)
    await until(
      () => whose() === 'bob' && server.signal.stats().sockets === 1,
      'another token, another client'
    )
    await run(page, 'unmount()')
    await until(() => server.signal.stats().sockets === 0)
    t.equal(await run(page, 'made'), 3, 'StrictMode made one more')
    t.deepEqual(complaints, [])
  }
)

test(
  'react in Chromium: components share a topic, left behind the last; a room waits for its token',
  options,
  async t => {
    const { server, browser } = await start(t, 'react-page.ts')
    const hall = await mintAt(server, '/tokens', {
      kind: 'subscriber',
      topics: '*',
      can: ['join', 'lookup', 'offer', 'signal']
    })
    const bob = new SocketSignalWebsocketClient(server.signalUrl, { token: hall })
    t.teardown(() => bob.close())
    const topic = await topicFromName('hall')
    await bob.join(topic)
    const query = new URLSearchParams({ props: JSON.stringify({ token: hall }) })
    const { page, complaints } = await open(browser, `${server.url}?${query}`)
    const shows = (id: string, text: string) => page.locator(id, { hasText: text }).waitFor()
    await shows('#topic', 'joined 1')
    await run(page, 'change({ token: undefined })')
    await shows('#room', 'idle 0')
    await run(page, 'change({ isDouble: true })')
    await shows('#other', 'joined 1')
    await run(page, 'change({ isDouble: false })')
    await page.locator('#other').waitFor({ state: 'detached' })
    await bob.leave(topic)
    await shows('#topic', 'joined 0')
    await bob.join(topic)
    await shows('#topic', 'joined 1')
    t.equal((await bob.lookup(topic)).length, 1)
    await run(page, 'unmount()')
    await until(async () => (await bob.lookup(topic)).length === 0, 'left behind the last')
    t.deepEqual(complaints, [])
  }
)
