import { MS } from '../../packages/swarm/src/bounds.ts'
import { Component } from '../../packages/swarm/src/component.ts'
import { test } from '../tools/test.ts'

function make(self: string) {
  const time = { now: 1000 }
  return { time, component: new Component(self, () => time.now) }
}

test('component: the smallest id that was heard of is the root, as long as its count goes on', async t => {
  const { time, component } = make('m')
  t.equal(component.root.id, 'm', 'alone it is its own')
  component.hear({ id: 'x', beat: 5 })
  t.equal(component.root.id, 'm', 'no larger one')
  component.hear({ id: 'b', beat: 5 })
  component.hear({ id: 'f', beat: 9 })
  t.deepEqual(component.root, { id: 'b', beat: 5 })
  for (let beat = 6; beat < 12; beat++) {
    time.now += MS.root
    component.hear({ id: 'b', beat })
    t.deepEqual(component.root, { id: 'b', beat })
  }
})

test('component: a root that is gone is believed no more, whoever still names it, but when it is back', async t => {
  const { time, component } = make('m')
  component.hear({ id: 'b', beat: 5 })
  for (let second = 0; second < 60; second++) {
    time.now += 1000
    component.hear({ id: 'b', beat: 5 })
  }
  t.equal(component.root.id, 'm', 'its count stood still')
  component.hear({ id: 'b', beat: 4 })
  t.equal(component.root.id, 'm')
  component.hear({ id: 'b', beat: 6 })
  t.equal(component.root.id, 'b')
})

test('component: who starts anew with a clock that was set back goes on behind its earlier count', async t => {
  const { component } = make('b')
  const { beat } = component.root
  component.hear({ id: 'b', beat: beat + 1000 })
  component.beat()
  t.equal(component.root.beat, beat + 1001)
  component.hear({ id: 'b', beat: 2 ** 32 - 1 })
  component.beat()
  t.equal(component.root.beat, beat + 1002, 'a lie does not bring it to its end')
})
