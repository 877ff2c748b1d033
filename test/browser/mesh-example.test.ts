import { launchChromium } from '../tools/browser.ts'
import { Command } from '../tools/command.ts'
import { test } from '../tools/test.ts'
import { until } from '../tools/wait.ts'

test('examples: five pages of the mesh chat draw their mesh, and talk over it without the server', {
  needs: ['chromium'],
  timeout: 120_000
}, async t => {
  const example = new Command(t, [process.execPath, 'examples/10-mesh-chat'])
  const [, url = ''] = await example.says(/open (http\S+) in several tabs/)
  const browser = await launchChromium(t)
  const pages = await Promise.all(
    Array.from({ length: 5 }, async () => {
      const page = await (await browser.newContext()).newPage()
      await page.goto(url)
      return page
    })
  )
  for (const page of pages) {
    await page.getByText('The mesh has 5 peers').waitFor()
    t.equal(await page.locator('#mesh circle').count(), 5)
  }
  await until(
    async () => ((await pages[0]?.locator('#mesh line.direct').count()) as number) >= 7,
    'lines',
    20
  )
  t.equal(await pages[0]?.locator('#mesh line.relay').count(), 0)
  const say = async (from: number, text: string) => {
    await pages[from]?.fill('#text', text)
    await pages[from]?.press('#text', 'Enter')
    const others = pages.filter((page, at) => at !== from && !page.isClosed())
    for (const page of others) await page.getByText(new RegExp(`^[0-9a-f]{4}: ${text}$`)).waitFor()
  }
  await say(0, 'hello')
  example.write('\n')
  await pages[0]?.getByText('Server not connected').waitFor()
  await pages[4]?.close()
  await pages[0]?.getByText('The mesh has 4 peers').waitFor()
  await say(1, 'still here')
  t.pass('with the server gone they talk on')
  example.interrupt()
  t.notOk((await example.ended).left, 'no process is left')
})
