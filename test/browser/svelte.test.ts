import { join, resolve } from 'node:path'
import type { Test } from 'tape'
import { type AppPage, keepsSecret, openApp, project, serveApp, signIn, textOf } from '../tools/app-page.ts'
import { MEDIA_FLAGS, shareChromium } from '../tools/browser.ts'
import { Command, run } from '../tools/command.ts'
import { freePort } from '../tools/port.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

const folder = resolve('examples/12-sveltekit-app')
const options = { needs: ['chromium' as const], timeout: 120_000 }

test(
  '002.16 sveltekit: it builds, is hydrated without a warning, joins, leaves, and keeps its secrets',
  options,
  async t => {
    const signal = await serveApp(t)
    const secrets = {
      SIGNAL_SERVER: signal.url,
      SIGNAL_PROJECT_ID: project.id,
      SIGNAL_API_TOKEN: project.apiToken,
      SESSION_SECRET: 'SC-72aa03'
    }
    const env = { ...secrets, PUBLIC_SIGNAL_URL: signal.signalUrl }
    const build = await run(t, ['npm', 'run', 'build'], { cwd: folder, env })
    t.equal(build.code, 0, build.stdout + build.stderr)
    t.notOk(
      /warn/i.test(build.stdout + build.stderr.replace(/^npm warn.*$/gm, '')),
      build.stdout + build.stderr
    )

    const url = await serve(t, env)
    const nobody = await fetch(new URL('/token', url), { method: 'POST' })
    t.deepEqual([nobody.status, nobody.headers.get('cache-control')], [401, 'no-store'])
    const browser = await shareChromium(t, MEDIA_FLAGS)
    const [ada, bob] = [await openApp(browser, url), await openApp(browser, url)]
    await signIn(ada, 'Ada')
    await signIn(bob, 'Bob')
    for (const each of [ada, bob]) await joins(each)
    for (const { plays } of [ada, bob]) await plays(2)
    await ada.page.getByText('2 here').waitFor()
    t.equal(signal.signal.stats().sockets, 2)
    await ada.page.getByRole('button', { name: 'Leave' }).click()
    await bob.page.getByText('1 here').waitFor()
    await until(() => signal.signal.stats().sockets === 1, 'Ada has left')
    t.equal(await ada.devices(), 0)
    t.deepEqual([...ada.complaints, ...bob.complaints], [])

    const given = `${textOf(join(folder, 'build/client'))}${await (await ada.page.request.get(url)).text()}`
    t.ok(given.includes(signal.signalUrl), 'what is public is there')
    keepsSecret(t, given, secrets)
  }
)

test('sveltekit: one command develops it, from anywhere', options, async t => {
  const example = new Command(t, [process.execPath, folder])
  const [, url = ''] = await example.says(/open (http\S+) in two tabs/)
  const ada = await openApp(await shareChromium(t, MEDIA_FLAGS), url)
  await signIn(ada, 'Ada')
  await joins(ada)
  await ada.plays(1)
  t.equal(await ada.devices(), 2)
  example.interrupt()
  t.notOk((await example.ended).left, 'no process is left')
})

/** A server's page is there before its script is, and Vite reloads it when it finds what that imports: until then a click is lost. */
async function joins({ page }: AppPage): Promise<void> {
  const button = page.getByRole('button', { name: 'Join' })
  const tries = async () => {
    if (await button.isVisible()) await button.click({ timeout: 1000 }).catch(() => {})
    return page.getByText(/^\d here$/).isVisible()
  }
  await until(tries, 'it joins', 60)
}

async function serve(t: Test, env: { [name: string]: string }): Promise<string> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const own = { HOST: '127.0.0.1', PORT: String(port), ORIGIN: url }
  const app = new Command(t, ['npm', 'start'], { cwd: folder, env: { ...env, ...own } })
  await app.says(/Listening/)
  return url
}
