// One program at a time on a data folder.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from './embedded.ts'

/** Takes the folder or refuses with a sentence. Gives the release. A lock whose program is gone counts for nothing. */
export function lockDataDir(dataDir: string): () => void {
  const path = join(dataDir, 'bitcorp.lock')
  try {
    mkdirSync(dataDir, { recursive: true })
    for (let attempt = 0; ; attempt++) {
      try {
        writeFileSync(path, JSON.stringify({ pid: process.pid, started: startOf(process.pid) }), { flag: 'wx' })
        break
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt > 0) throw error
        const holder = readHolder(path)
        if (holder && isAlive(holder)) throw new StartError(`Bitcorp ERP already runs on the data folder ${dataDir} (process ${holder.pid}). Stop it first, or give another BITCORP_DATA_DIR.`)
        rmSync(path, { force: true })
      }
    }
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`The data folder ${dataDir} cannot be written: ${(error as Error).message}.`)
  }
  return () => existsSync(path) && readHolder(path)?.pid === process.pid && rmSync(path, { force: true })
}

type Holder = { pid: number; started: string }

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

// A process number is given out again: on Linux the start time tells whether it is still the same program.
function isAlive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0)
    return startOf(pid) === started
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function startOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ')[19] ?? ''
  } catch {
    return ''
  }
}
