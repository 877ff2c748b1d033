import { launchChromium, Tab } from '../tools/browser.ts'
import { readyMade } from '../tools/ready-made.ts'
import { test } from '../tools/test.ts'

const options = { needs: ['chromium' as const], timeout: 60_000 }

/** As browsers whose WebCrypto has no Ed25519 yet. */
const WITHOUT_ED25519 = `
  for (const method of ['generateKey', 'importKey', 'sign', 'verify']) {
    const original = SubtleCrypto.prototype[method]
    SubtleCrypto.prototype[method] = function (...args) {
      if (!JSON.stringify(args).includes('Ed25519')) return original.apply(this, args)
      return Promise.reject(new DOMException('Unrecognized name.', 'NotSupportedError'))
    }
  }`

/** As pages that came over plain http from another machine. */
const WITHOUT_SUBTLE = `Object.defineProperty(crypto, 'subtle', { value: undefined })`

for (const [where, before] of [
  ['where WebCrypto lacks Ed25519', WITHOUT_ED25519],
  ['where there is no crypto.subtle', WITHOUT_SUBTLE]
] as const) {
  test(`noble: the page connects ${where}, with a chunk that others never load`, options, async t => {
    const [server, browser] = [await readyMade(t), await launchChromium(t)]
    const modern = await Tab.open(browser, `${server.url}#keys`, { name: 'Modern' })
    const older = await Tab.open(browser, `${server.url}#keys`, { name: 'Older', before })
    await Promise.all([modern.sees('Older'), older.sees('Modern')])
    await older.says('signed by noble')
    t.equal(await modern.hears('signed by noble'), 'Older')
    await modern.says('signed by WebCrypto')
    t.equal(await older.hears('signed by WebCrypto'), 'Modern')
    const [few, more] = [await scripts(modern), await scripts(older)]
    t.ok(more > few, `${few} scripts with WebCrypto, ${more} without`)
    t.deepEqual([...modern.complaints, ...older.complaints], [])
  })
}

function scripts({ page }: Tab): Promise<number> {
  return page.evaluate(
    () => performance.getEntriesByType('resource').filter(({ name }) => name.endsWith('.js')).length
  )
}
