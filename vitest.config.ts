// The proving grounds: `fast` before every landing, `slow` for crashes, races, fuzz and isolation at full size,
// `long` for what is large or waits long, `journeys` in a browser.
import { defineConfig } from 'vitest/config'

const slow = [
  'test/races.test.ts',
  'src/features/proof/proof.test.ts',
  'test/replicas.test.ts',
  'test/failover.test.ts',
  'test/own-replica.test.ts',
  'test/logs.races.test.ts',
  'test/isolation.test.ts',
  'test/fuzz.test.ts',
  'test/crash.test.ts',
  'test/pool.test.ts',
  'test/pooler.test.ts',
  'test/faults.test.ts',
  'test/start.test.ts',
  'test/upgrade.test.ts',
  'test/upgrade.load.test.ts',
  'test/command.test.ts',
  'test/indexes.test.ts',
  'test/keys.test.ts',
  'test/secrets.test.ts',
  'test/package.test.ts',
  'test/hostile.test.ts',
  'src/features/backups/backups.test.ts',
  'src/features/backups/backups.faults.test.ts',
  'src/features/backups/backups.dump.test.ts',
  'src/features/backups/backups.log.test.ts',
  'src/features/operations/operations.doctor.test.ts',
  'src/features/proof/audit.test.ts',
  'src/features/proof/isolation.test.ts',
]

const long = [
  'test/sample.test.ts',
  'src/features/equipment/equipment.list.test.ts',
  'src/features/maintenance/maintenance.atomic.test.ts',
  'src/features/valuation/valuation.test.ts',
  'test/moments.test.ts',
  'src/features/archive/archive.test.ts',
  'src/features/archive/archive.damage.test.ts',
  'src/features/history/history.stream.test.ts',
  'src/features/history/history.large.test.ts',
  'src/features/imports/imports.large.test.ts',
  'src/features/logs/logs.pages.test.ts',
  'src/features/utilization/utilization.moments.test.ts',
  'src/features/webhooks/webhooks.race.test.ts',
  'src/features/webhooks/webhooks.hang.test.ts',
  'src/features/webhooks/webhooks.tls.test.ts',
]

/** What is waited for comes late on a busy machine: a second, which is usual, is too little. */
const patient = { poll: { timeout: 15_000 } }

export default defineConfig({
  test: {
    reporters: ['default', './test/reporter.ts'],
    maxWorkers: 2,
    projects: [
      {
        test: {
          name: 'fast',
          isolate: false,
          include: ['src/**/*.test.ts', 'test/*.test.ts'],
          exclude: [...slow, ...long],
          globalSetup: './test/server.ts',
          testTimeout: 60_000,
          hookTimeout: 120_000,
          expect: patient,
        },
      },
      {
        test: {
          name: 'slow',
          isolate: false,
          include: slow,
          globalSetup: './test/server.ts',
          testTimeout: 300_000,
          hookTimeout: 120_000,
          expect: patient,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'long',
          isolate: false,
          include: long,
          globalSetup: './test/server.ts',
          testTimeout: 300_000,
          hookTimeout: 120_000,
          expect: patient,
          fileParallelism: false,
        },
      },
      {
        test: {
          name: 'journeys',
          isolate: false,
          include: ['test/journeys/**/*.test.ts'],
          globalSetup: './test/server.ts',
          testTimeout: 300_000,
          hookTimeout: 120_000,
          fileParallelism: false,
          // A browser on a busy machine misses a moment now and then; a fault fails twice.
          retry: 1,
          expect: { poll: { timeout: 15_000, interval: 100 } },
        },
      },
    ],
  },
})
