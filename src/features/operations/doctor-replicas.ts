// What `doctor` says of replicas: those that reports are read from, and those made from this data folder.
import type { CommandContext } from '../../base/command.ts'
import { Database } from '../../base/db.ts'
import type { ReplicaState } from '../../base/replica.ts'
import { Replicas } from '../../base/replicas.ts'
import { judgeStandbys, slotsOf } from '../../base/standby.ts'

type Finding = { name: string; ok: boolean; found: string; advice?: string }

const advice: Record<ReplicaState, string> = {
  unknown: 'Ask again; it was looked at only once.',
  up: '',
  late: 'Look at its load and at what it sends and receives; until it has caught up, reports are read on the primary.',
  down: 'Start it, or correct DATABASE_REPLICA_URL. Until then reports are read on the primary.',
  promoted: 'It takes writes of its own, so it is no standby of this primary. Make it anew, or give DATABASE_REPLICA_URL another address.',
  strange: 'It follows another primary. Make it anew from this one.',
  mighty: 'Give DATABASE_REPLICA_URL without a user, or with application_user: never a superuser.',
}

export async function examineReplicas({ config }: CommandContext, appUrl: string): Promise<Finding[]> {
  const db = new Database(appUrl, { ...config.pool, size: 2, overflow: 0 })
  const replicas = new Replicas(db, config.replicaUrls, { waitMs: 0, maxLagSeconds: config.replicaMaxLagSeconds })
  try {
    await replicas.look()
    const read = replicas.all.map(({ name, state, lagMs, lastError }): Finding => {
      const lag = lagMs === undefined ? '' : `, ${(lagMs / 1000).toFixed(1)} s behind`
      return { name: `replica ${name}`, ok: state === 'up', found: `${state}${lag}${lastError && state !== 'up' ? `: ${lastError}` : ''}`, advice: advice[state] }
    })
    const made = config.databaseUrl ? [] : judgeStandbys(config.dataDir, await slotsOf(config.dataDir))
    return [
      ...read,
      ...made.map(({ dir, state, kept, needs }) => ({
        name: `replica ${dir}`,
        ok: !needs,
        found: `${state}${kept ? `; ${kept} are kept for it` : ''}`,
        advice: 'Run it, or `bitcorp replica remove` it: what is kept for it fills the disk.',
      })),
    ]
  } finally {
    await replicas.close()
    await db.close()
  }
}
