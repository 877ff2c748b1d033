import { run } from '../tools/command.ts'
import { test } from '../tools/test.ts'

test('redis example: two servers and Redis are started, and clients of both connect', {
  needs: ['redis-server'],
  timeout: 60_000
}, async t => {
  const { code, stdout, stderr, left } = await run(t, [process.execPath, 'examples/07-cluster'])
  t.equal(code, 0, stderr)
  t.notOk(left, 'no process is left')
  t.match(stdout, /joined at \S+ and finds alice\nbob +hears "hello, said Alice"/)
})
