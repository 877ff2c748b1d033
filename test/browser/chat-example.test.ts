import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { launchChromium } from '../tools/browser.ts'
import { Command, run } from '../tools/command.ts'
import { test } from '../tools/test.ts'

const cwd = 'examples/03-browser-chat'

test('examples: two pages of the Vite chat talk to each other', {
  needs: ['chromium'],
  timeout: 90_000
}, async t => {
  const dev = new Command(t, ['npm', 'run', 'dev'], { cwd })
  const [, url = ''] = await dev.says(/open (http\S+) in two tabs/)
  const browser = await launchChromium(t)
  const open = async () => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(url)
    return page
  }
  const [one, two] = [await open(), await open()]
  for (const page of [one, two]) await page.getByText('1 peer here').waitFor()
  await one.fill('#text', 'hello')
  await one.press('#text', 'Enter')
  await two.getByText(/^Peer [0-9a-f]{4}: hello$/).waitFor()
  t.pass('a message has arrived')
  await two.close()
  await one.getByText('0 peers here').waitFor()
  dev.interrupt()
  t.notOk((await dev.ended).left, 'no process is left')
})

test('examples: the chat builds without a configuration and without a warning', {
  timeout: 60_000
}, async t => {
  const folder = await mkdtemp(join(tmpdir(), 'chat-'))
  t.teardown(() => rm(folder, { recursive: true }))
  const build = ['npm', 'run', 'build', '--', '--outDir', folder, '--emptyOutDir']
  const { code, stdout, stderr } = await run(t, build, { cwd })
  t.equal(code, 0, stderr)
  t.notOk(/warn|externalized/i.test(stdout + stderr.replace(/^npm warn.*$/gm, '')), 'no warning')
  t.ok((await readdir(folder)).includes('index.html'))
})
