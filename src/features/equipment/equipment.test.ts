// The machines' promises, through the HTTP door.
import { expect, test } from 'vitest'
import { createWorld } from '../../../test/harness.ts'

const world = await createWorld()

test('a machine is registered and read', async () => {
  const machine = await world.machine({ name: 'Rodillo liso' })
  const read = await world.as('andina', 'viewer').get(`/equipment/${machine.id}`)
  expect([read.status, read.body.name, read.headers.etag]).toEqual([200, 'Rodillo liso', '"1"'])
})
