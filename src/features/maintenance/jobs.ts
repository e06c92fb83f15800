// What maintenance does by the clock: the daily mail about what is due, at the hour each company chose.
import type { FastifyInstance } from 'fastify'
import { asOwner } from '../../base/owner.ts'
import { sendDigests } from './digest.ts'

const everyMs = 60_000

/** Runs while the server listens. Several servers on one database take turns: each mail is claimed by one. */
export function maintenanceJobs(app: FastifyInstance, ownerUrl: string): void {
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  const send = async () => {
    const { config, translate } = app.ground
    const sent = await asOwner(ownerUrl, (owner) => sendDigests(owner, { config, translate, companyId: null, isAsked: false }))
    for (const { company, problem } of sent) if (problem) app.log.warn({ company }, problem)
  }
  const tick = () => {
    running ??= send()
      .catch((error: Error) => app.log.warn({ err: { message: error.message } }, 'what is due could not be mailed'))
      .finally(() => (running = undefined))
  }
  app.addHook('onListen', async () => {
    timer = setInterval(tick, everyMs)
    tick()
  })
  app.addHook('onClose', async () => {
    clearInterval(timer)
    await running
  })
}
