import type { Page } from 'playwright-core'
import { createElement } from 'react'
import { renderToString } from 'react-dom/server'
import { topicFromName } from 'socket-signal'
import type { ServerOptions, SignalServer } from 'socket-signal-server'
import { SocketSignalWebsocketClient } from 'socket-signal-websocket'
import type { Test } from 'tape'
import { type Contexts, MEDIA_FLAGS, serveScript, shareChromium } from '../tools/browser.ts'
import { App } from '../tools/fixtures/react-app.ts'
import { mintAt, project } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'
import { record, until } from '../tools/wait.ts'

const options = { needs: ['chromium' as const], timeout: 120_000 }
const ROOM = '/api/video/room_tokens'
// Nothing is asked beyond this machine.
const iceServers = [{ urls: 'stun:127.0.0.1:9' }]

const HALL = { kind: 'subscriber', topics: '*', can: ['join', 'lookup', 'offer', 'signal'] }

async function start(
  t: Test,
  file: string,
  own: ServerOptions = {}
): Promise<{ server: SignalServer; browser: Contexts }> {
  const server = await serveScript(t, `test/tools/fixtures/${file}`, {
    tokens: { project },
    iceServers,
    ...own
  })
  return { server, browser: await shareChromium(t, MEDIA_FLAGS) }
}

async function open(browser: Contexts, url: string): Promise<{ page: Page; complaints: string[] }> {
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

/** The app of react-page.ts, for who may enter the hall; `bob` may as well. */
async function hall(t: Test) {
  const { server, browser } = await start(t, 'react-page.ts')
  const token = await mintAt(server, '/tokens', HALL)
  const bob = new SocketSignalWebsocketClient(server.signalUrl, { token })
  t.teardown(() => bob.close())
  const show = async () => {
    const query = new URLSearchParams({ props: JSON.stringify({ token }) })
    const { page, complaints } = await open(browser, `${server.url}?${query}`)
    const shows = (id: string, text: string | RegExp) => page.locator(id, { hasText: text }).waitFor()
    return { page, complaints, shows }
  }
  return { server, bob, show }
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
    await run(page, `document.querySelector('signal-call').removeAttribute('token')`)
    await page.getByRole('button', { name: 'Call' }).click()
    await page.getByRole('status').getByText('give the attribute token').waitFor({ timeout: 5000 })
    t.deepEqual(complaints, [])
  }
)

test(
  '002.24 002.26 react in Chromium: StrictMode joins once, hydrates without a warning, and leaves nothing',
  options,
  async t => {
    const { server, browser } = await start(t, 'react-page.ts')
    const token = await mintAt(server, ROOM, { room_name: 'lobby', user_name: 'Ada' })
    const hall = await mintAt(server, '/tokens', HALL)
    let joined = 0
    server.signal.on('connection', () => joined++)
    const html = renderToString(createElement(App, { token: hall }))
    t.match(html, /idle 0/, 'the server shows how it is before anything has begun')
    t.notOk(/srcobject/i.test(html), 'a stream is bound in the page, in an effect')
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
    const { bob, show } = await hall(t)
    const topic = await topicFromName('hall')
    await bob.join(topic)
    const { page, complaints, shows } = await show()
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

test(
  'react in Chromium: another info is said where one stands, and nobody sees it leave',
  options,
  async t => {
    const { bob, show } = await hall(t)
    const seen = record(bob, 'peer-joined', 'peer-updated', 'peer-left')
    await bob.join(await topicFromName('hall'), { watch: true })
    const { page, complaints, shows } = await show()
    await shows('#topic', 'joined 1')
    for (const name of ['Ada', 'Ada the first', 'Ada the second'])
      await run(page, `change({ name: ${JSON.stringify(name)} })`)
    const names = () => seen.map(({ event, args }) => [event, args[0].info?.name])
    await until(
      () => names().at(-1)?.[1] === 'Ada the second',
      () => JSON.stringify(names())
    )
    await run(page, `change({ name: '${'x'.repeat(2000)}' })`)
    await shows('#topic', 'joined 1 info must be')
    await run(page, `change({ name: 'Ada again', isDouble: true })`)
    await shows('#topic', /^joined 1$/)
    await until(() => names().at(-1)?.[1] === 'Ada again')
    const told = names()
    t.deepEqual(told[0], ['peer-joined', 'page'])
    t.ok(
      told.slice(1).every(([event]) => event === 'peer-updated'),
      JSON.stringify(told)
    )
    await run(page, 'unmount()')
    await until(() => names().at(-1)?.[0] === 'peer-left')
    await new Promise(resolve => setTimeout(resolve, 100))
    t.equal(names().at(-1)?.[0], 'peer-left', 'what was to be said does not bring it back')
    t.deepEqual(complaints, [])
  }
)

test(
  'react in Chromium: peers that were there before the mount are shown as they come, connect and go',
  options,
  async t => {
    const { page, complaints, shows } = await (await hall(t)).show()
    await shows('#topic', 'joined 0')
    await run(page, 'meet().then(end => Object.assign(globalThis, { end }))')
    await shows('#peers', /^1 1$/)
    await run(page, 'change({ isShown: false })')
    await run(page, 'change({ isShown: true })')
    await shows('#peers', /^1 1$/)
    await run(page, 'end()')
    await shows('#peers', /^0 0$/)
    t.deepEqual(complaints, [])
  }
)

test(
  'react in Chromium: a topic that is shown again while it is being left does not fail',
  options,
  async t => {
    const { page, complaints, shows } = await (await hall(t)).show()
    await shows('#topic', 'joined 0')
    await run(
      page,
      `globalThis.seen = new Set()
    const look = () => {
      const topic = document.querySelector('#topic')
      seen.add(topic?.textContent.split(' ')[0] ?? 'gone')
      if (!topic) change({ isShown: true })
    }
    new MutationObserver(look).observe(document.body, { childList: true, characterData: true, subtree: true })
    change({ isShown: false })`
    )
    const seen = () => run(page, '[...seen]') as Promise<string[]>
    await until(async () => (await seen()).includes('joined'))
    t.deepEqual(await seen(), ['gone', 'idle', 'joining', 'joined'])
    t.deepEqual(complaints, [])
  }
)

test('react in Chromium: a topic that a new token does not let into is shown as failed', options, async t => {
  const { server, show } = await hall(t)
  const { page, complaints, shows } = await show()
  await shows('#topic', 'joined 0')
  const less = await mintAt(server, '/tokens', { ...HALL, topics: [{ name: 'another' }] })
  await run(page, `client.updateToken(${JSON.stringify(less)})`)
  await shows('#topic', 'failed 0 we are not in the topic any more')
  t.deepEqual(complaints, [])
})

test('react in Chromium: who was put out is told why', options, async t => {
  const { server, show } = await hall(t)
  const grant = { sub: 'ada', kind: 'video', topics: [{ name: 'lobby' }], can: HALL.can }
  const token = await mintAt(server, '/tokens', grant)
  const { page, shows } = await show()
  await run(page, `change({ token: ${JSON.stringify(token)} })`)
  await shows('#room', 'joined 1')
  server.disconnect({ sub: 'ada' })
  await shows('#room', 'left 0 kicked')
  t.pass('told')
})

test(
  'elements in Chromium: what gives tokens is asked again before they end, on the socket that there is',
  options,
  async t => {
    const own = { tokenNotice: 3000, tokenGrace: 2000 }
    const { server, browser } = await start(t, 'sdk-page.ts', own)
    const { page, complaints } = await open(browser, `${server.url}elsewhere.html`)
    const asked: string[] = []
    await page.exposeFunction('give', async (who: string, how: string) => {
      asked.push(`${who} ${how}`)
      const expire_at = Math.floor(Date.now() / 1000) + 6
      const reference = { reference: who, expire_at }
      return {
        token: await mintAt(server, '/api/fabric/subscribers/tokens', reference),
        expiry_at: expire_at * 1000
      }
    })
    const silent = 'autostart audio="off" video="off"'
    await page.setContent(`
      <signal-room id="room" room="lobby" ${silent}></signal-room>
      <signal-call id="call" destination="lobby" ${silent}></signal-call>`)
    await run(
      page,
      `globalThis.credentialsOf = who => ({ authenticate: () => give(who, 'first'), refresh: () => give(who, 'again') })
      room.credentials = credentialsOf('Ada') // Before the page knows of elements.`
    )
    await page.addScriptTag({ url: 'main.js', type: 'module' })
    const [room, call] = [page.locator('#room'), page.locator('#call')]
    await room.getByRole('status').getByText('Joined').waitFor()
    t.equal(await run(page, 'call.state'), 'idle', 'it waits for what gives tokens')
    await run(page, `call.credentials = credentialsOf('Bob')`)
    await call.getByRole('status').getByText('active').waitFor()
    let sockets = 0
    page.on('websocket', () => sockets++)
    const askedOf = (who: string) => asked.filter(line => line === `${who} again`).length
    await until(
      () => askedOf('Ada') >= 3 && askedOf('Bob') >= 3,
      () => asked.join(),
      30
    )
    t.deepEqual(await run(page, '[room.state, call.state, call.session.members.length]'), [
      'joined',
      'active',
      2
    ])
    t.equal(sockets, 0, 'none more')
    t.equal(asked.filter(line => line.endsWith('first')).length, 2)
    await run(
      page,
      `globalThis.said = []
      const line = room.shadowRoot.querySelector('[role=status]')
      new MutationObserver(() => said.push(line.textContent)).observe(line, { childList: true })`
    )
    for (const connection of server.signal.connections) connection.close('SLOW_CONSUMER', 'for a test')
    await until(async () => (await run(page, 'said.length')) === 2)
    t.deepEqual(
      await run(page, 'said'),
      ['Joined: connecting again…', 'Joined'],
      'a lost socket is told in words'
    )
    await room.getByRole('button', { name: 'Leave' }).click()
    await call.getByRole('status').getByText('the others have left').waitFor()
    await until(() => server.signal.stats().sockets === 0)
    await run(
      page,
      `room.credentials = { authenticate: () => Promise.reject(new Error('token fetch failed')) }`
    )
    t.equal(await run(page, 'room.state'), 'idle', 'who has left is not brought back')
    await room.getByRole('button', { name: 'Join' }).click()
    await room.getByRole('status').getByText('token fetch failed').waitFor()
    t.deepEqual(complaints, [])
  }
)

test(
  'elements in Chromium: words of another language are shown, spoken and set from right to left, English ones are marked',
  options,
  async t => {
    const { server, browser } = await start(t, 'sdk-page.ts')
    const { page, complaints } = await open(browser, `${server.url}elsewhere.html`)
    const words = { start: 'انضم', controls: 'أزرار', ended: 'انتهى', NO_TOKEN: 'لا' }
    await page.setContent(`
      <html lang="ar" dir="rtl"><signal-room id="room" token="nonsense" room="x" audio="off" video="off"></signal-room>
      <signal-call id="call" token="nonsense" destination="x" audio="off" video="off"></signal-call>`)
    await run(page, `room.words = ${JSON.stringify(words)}`) // Before the page knows of elements.
    await page.addScriptTag({ url: 'main.js', type: 'module' })
    const room = page.locator('#room')
    await room.getByRole('button', { name: 'انضم' }).click()
    await room.getByRole('group', { name: 'أزرار' }).waitFor()
    const status = room.getByRole('status')
    await status.getByText(/^انتهى: /).waitFor()
    const look = (id: string) =>
      run(
        page,
        `(() => {
          const root = ${id}.shadowRoot
          const status = root.querySelector('[role=status]')
          const lang = root.querySelector('[role=group]').closest('[lang]')?.lang ?? 'of the page'
          return [lang, status.matches(':dir(rtl)'), getComputedStyle(root.querySelector('[part=toolbar]')).direction]
        })()`
      )
    t.deepEqual(await look('room'), ['of the page', true, 'rtl'])
    t.deepEqual(await look('call'), ['en', false, 'rtl'], 'it has no words of its own')
    await run(page, `room.words = { ...room.words, TOKEN_INVALID: 'رمز غير صالح' }`)
    await status.getByText('انتهى: رمز غير صالح').waitFor()
    t.equal(await run(page, 'room.words.end'), 'Leave', 'what was not set stays')
    await run(page, `call.words = { start: 'Ring', constructor: 1 }`)
    await page.getByRole('button', { name: 'Ring' }).click()
    await page.locator('#call').getByRole('status').getByText('Ended').waitFor()
    t.deepEqual(complaints, [])
  }
)

test(
  'elements in Chromium: started again while it ends it stands; who is put out while it rings is told why, once',
  options,
  async t => {
    const { server, browser } = await start(t, 'sdk-page.ts')
    const { page, complaints } = await open(browser, server.url)
    const silent = 'audio="off" video="off"'
    const own = await mintAt(server, SUBSCRIBER, { reference: 'bob' })
    await page.setContent(`
      <signal-room id="room" token="${await tokenOf(server, 'Ada')}" ${silent}></signal-room>
      <signal-call id="call" token="${own}" destination="nowhere" ${silent}></signal-call>
      <script src="main.js" type="module"></script>`)
    await page.getByRole('button', { name: 'Join' }).click()
    await page.locator('#room').getByRole('status').getByText('Joined').waitFor()
    await run(page, 'void room.end(), room.start()')
    await until(() => server.signal.stats().sockets === 1)
    t.deepEqual(await run(page, '[room.state, room.session?.members.length]'), ['joined', 1])
    await page.getByRole('button', { name: 'Call' }).click()
    await page.locator('#call').getByRole('status').getByText('Ringing').waitFor()
    server.disconnect({ sub: 'bob' })
    await page.locator('#call').getByRole('status').getByText('Ended').waitFor()
    await new Promise(resolve => setTimeout(resolve, 300))
    t.equal(await page.locator('#call').getByRole('status').textContent(), 'Ended: you were removed')
    t.deepEqual(complaints, [])
  }
)
