// What maintenance does by the clock: the daily mail about what is due, at the hour each company chose.
import type { FastifyInstance } from 'fastify'
import { asOwner } from '../../base/owner.ts'
import { sendDigests } from './digest.ts'

/** Several servers on one database take turns: each mail is claimed by one. */
export function maintenanceJobs(app: FastifyInstance, ownerUrl: string): void {
  const { config, translate, jobs } = app.ground
  jobs.add({
    name: 'maintenance_digest',
    everyMs: 60_000,
    atStart: true,
    trouble: 'what is due could not be mailed',
    run: async () => {
      const sent = await asOwner(ownerUrl, (owner) => sendDigests(owner, { config, translate, companyId: null, isAsked: false }))
      for (const { company, problem } of sent) if (problem) app.log.warn({ company }, problem)
    },
  })
}
