import { join, resolve } from 'node:path'
import type { SignalServer } from 'socket-signal-server'
import tape, { type Test } from 'tape'
import { type AppPage, keepsSecret, openApp, project, serveApp, signIn, textOf } from '../tools/app-page.ts'
import { type Contexts, MEDIA_FLAGS, shareChromium } from '../tools/browser.ts'
import { Command, run } from '../tools/command.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const folder = resolve('examples/09-next-app')
const next = [process.execPath, join(folder, 'node_modules/next/dist/bin/next')]
const options = { needs: ['chromium' as const], timeout: 120_000 }
const LOCAL = /Local:\s+(http\S+)/
const ROUTES = ['/api/token', '/api/sw-token']

test(
  '002.27 next: it builds without a warning, and nothing that is secret reaches a page',
  options,
  async t => {
    const { signal, env, output } = await built()
    t.notOk(/warn|error/i.test(output), output)
    let given = textOf(join(folder, '.next/static'))
    t.ok(given.includes(signal.signalUrl), 'NEXT_PUBLIC_SW_HOST is there, so that others would be found')
    const { page } = await visit(await shareChromium(t, MEDIA_FLAGS), await served(), 'Ada')
    for (const path of ['/', '/room', '/call', '/classic']) {
      const answer = await page.request.get(path)
      t.equal(answer.status(), 200, path)
      given += await answer.text()
    }
    t.ok(/Hello, (<!-- -->)?Ada/.test(given), 'by the name that was given')
    keepsSecret(t, given, env)
  }
)

test('002.23 next: the route of tokens, as route.ts and as pages/api', options, async t => {
  await built()
  const [app, lost] = [await served(), await serve(t, { SIGNALWIRE_SPACE: 'http://127.0.0.1:9' })]
  const browser = await shareChromium(t, MEDIA_FLAGS)
  const [{ page }, { page: unlucky }] = [await visit(browser, app, 'Ada'), await visit(browser, lost, 'Ada')]
  for (const route of ROUTES) {
    for (const cookie of ['', 'session=QWRh.nonsense', 'session=QWRh']) {
      const nobody = await fetch(new URL(route, app), { method: 'POST', headers: { cookie } })
      t.deepEqual(
        [nobody.status, await nobody.json()],
        [401, { error: 'unauthorized' }],
        `${route} ${cookie}`
      )
      t.equal(nobody.headers.get('cache-control'), 'no-store')
    }
    const minted = await page.request.post(route)
    t.deepEqual([minted.status(), minted.headers()['cache-control']], [200, 'no-store'])
    const body = await minted.json()
    t.deepEqual(Object.keys(body), ['token'])
    t.equal(JSON.parse(atob(body.token.split('.')[1])).sub, 'Ada')
    const failed = await unlucky.request.post(route)
    t.deepEqual([failed.status(), await failed.json()], [502, { error: 'token mint failed' }])
    t.equal(failed.headers()['cache-control'], 'no-store')
    t.equal((await page.request.get(route)).status(), 405)
  }
})

test(
  '002.3 next: a client component that imports the sdk joins, renews its token, is reloaded, left and come back to',
  options,
  async t => {
    const { signal } = await built()
    const [app, browser] = [await served(), await shareChromium(t, MEDIA_FLAGS)]
    const [ada, bob] = [await visit(browser, app, 'Ada'), await visit(browser, app, 'Bob')]
    let tokens = 0
    ada.page.on('request', request => (tokens += Number(request.url().endsWith('/api/token'))))
    t.match(
      await (await ada.page.request.get('/room')).text(),
      />idle</,
      'rendered on the server, before it begins'
    )
    for (const { page } of [ada, bob]) await page.getByRole('link', { name: /^Room Everybody/ }).click()
    for (const { plays } of [ada, bob]) await plays(2)
    t.equal(signal.signal.stats().sockets, 2)

    const before = tokens
    await until(() => tokens >= before + 2, 'its tokens are renewed', 20)
    t.equal(ada.sockets.length, 1, 'on the socket that it has')

    await ada.page.reload()
    for (const { plays } of [ada, bob]) await plays(2)
    t.equal(ada.sockets.length, 2, 'one more')

    await ada.page.getByRole('link', { name: 'Leave' }).click()
    await ada.page.locator('main').getByText('Hello, Ada').waitFor()
    await until(() => signal.signal.stats().sockets === 1, 'it was left')
    t.equal(await ada.devices(), 0, 'camera and microphone are closed')
    await bob.plays(1)
    await ada.page.goBack()
    for (const { plays } of [ada, bob]) await plays(2)
    t.equal(ada.sockets.length, 3)
    for (const { page } of [ada, bob]) await page.close()
    await until(() => signal.signal.stats().sockets === 0)
    t.deepEqual([...ada.complaints, ...bob.complaints], [])
  }
)

test(
  '002.15 next: a page of the Pages Router, loaded without SSR, calls one with elements that are loaded when shown',
  options,
  async t => {
    const { signal } = await built()
    const [app, browser] = [await served(), await shareChromium(t, MEDIA_FLAGS)]
    const [ada, bob] = [await visit(browser, app, 'Ada'), await visit(browser, app, 'Bob')]
    const known = () => ada.page.evaluate(`Boolean(customElements.get('signal-call'))`)
    t.notOk(await known(), 'no page but that of the call has them')
    await ada.page.getByRole('link', { name: /^Call/ }).click()
    await ada.page.getByRole('button', { name: 'Call' }).click()
    await ada.page.getByRole('status').getByText('ringing').waitFor()
    t.ok(await known())

    t.notOk((await (await bob.page.request.get('/classic')).text()).includes('Hang up'))
    await bob.page.getByRole('link', { name: /^Classic/ }).click()
    await bob.page.getByRole('button', { name: 'Call /public/sales' }).click()
    for (const { page } of [ada, bob]) await page.getByRole('status').getByText('active').waitFor()
    await bob.plays(2)
    let tokens = 0
    ada.page.on('request', request => (tokens += Number(request.url().endsWith('/api/token'))))
    await until(() => tokens >= 2, 'the tokens of the element are renewed', 20)
    await ada.page.getByRole('status').getByText('active').waitFor()
    await bob.page.getByRole('button', { name: 'Hang up' }).click()
    await ada.page.getByRole('status').getByText('the others have left').waitFor()
    for (const { page } of [ada, bob]) await page.getByRole('link', { name: 'Back' }).click()
    await until(() => signal.signal.stats().sockets === 0, 'both connections have ended')
    t.deepEqual([await ada.devices(), await bob.devices()], [0, 0])
    t.deepEqual([...ada.complaints, ...bob.complaints], [])
  }
)

test(
  'next: as it is developed, StrictMode joins once, and no page is hydrated with a warning (002.4, 002.24)',
  options,
  async t => {
    const example = new Command(t, [process.execPath, folder])
    const [, url = ''] = await example.says(LOCAL)
    const [, signal = ''] = await example.says(/signal server at ws(\S+);/)
    const sockets = async () => (await (await fetch(`http${signal}healthz`)).json()).sockets
    const ada = await visit(await shareChromium(t, MEDIA_FLAGS), url, 'Ada')
    await ada.page.getByRole('link', { name: /^Room Everybody/ }).click()
    await ada.plays(1)
    await ada.page.reload()
    await ada.plays(1)
    await ada.page.getByText('1 here').waitFor()
    t.deepEqual([ada.sockets.length, await sockets()], [2, 1], 'each time one socket')
    await ada.page.goto('/call')
    await ada.page.getByRole('button', { name: 'Call' }).waitFor()
    let tokens = 0
    ada.page.on('request', request => (tokens += Number(request.url().endsWith('/api/sw-token'))))
    await ada.page.goto('/classic')
    await ada.page.getByText('ready').waitFor()
    await until(async () => (await sockets()) === 1, 'one client is left')
    t.equal(tokens, 2, 'of two: StrictMode begins each effect twice')
    await ada.page.getByRole('link', { name: 'Back' }).click()
    await ada.page.locator('main').getByText('Hello, Ada').waitFor()
    await until(async () => (await sockets()) === 0)
    t.deepEqual(ada.complaints, [])
    example.interrupt()
    t.notOk((await example.ended).left, 'no process is left')
  }
)

interface Built {
  signal: SignalServer
  /** What a server of the app is told, and no page. */
  env: { [name: string]: string }
  output: string
}

const life = { teardown: tape.onFinish } as unknown as Test
let builtOnce: Promise<Built> | undefined
let servedOnce: Promise<string> | undefined

/** Shared by the tests of this file: the app, built, and the signal server that it is for. */
function built(): Promise<Built> {
  builtOnce ??= build(life)
  return builtOnce
}

/** Shared as well: its address, where it is served. */
function served(): Promise<string> {
  servedOnce ??= serve(life)
  return servedOnce
}

async function build(t: Test): Promise<Built> {
  const signal = await serveApp(t)
  const env = {
    SIGNALWIRE_SPACE: signal.url,
    SIGNALWIRE_PROJECT_ID: project.id,
    SIGNALWIRE_TOKEN: project.apiToken,
    SESSION_SECRET: 'SC-72aa03'
  }
  const { code, stdout, stderr } = await run(t, [...next, 'build'], {
    cwd: folder,
    env: { ...env, NEXT_PUBLIC_SW_HOST: signal.signalUrl, NEXT_TELEMETRY_DISABLED: '1' }
  })
  if (code !== 0) throw new Error(`next build failed: ${stdout}${stderr}`)
  return { signal, env, output: stdout + stderr }
}

/** Serves what was built, with tokens of 5 s; gives its address. */
async function serve(t: Test, more: { [name: string]: string } = {}): Promise<string> {
  const { env } = await built()
  const app = new Command(t, [...next, 'start', '--hostname', '127.0.0.1', '--port', '0'], {
    cwd: folder,
    env: { ...env, TOKEN_SECONDS: '5', NEXT_TELEMETRY_DISABLED: '1', ...more }
  })
  const [, url = ''] = await app.says(LOCAL)
  return url
}

async function visit(browser: Contexts, url: string, name: string): Promise<AppPage> {
  const app = await openApp(browser, url)
  await signIn(app, name)
  return app
}
