// One program at a time on a data folder.
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { StartError } from './embedded.ts'

/** Takes the folder or refuses with a sentence. Gives the release. A lock whose program is gone counts for nothing. */
export function lockDataDir(dataDir: string): () => void {
  const path = join(dataDir, 'bitcorp.lock')
  try {
    mkdirSync(dataDir, { recursive: true })
    if (!takeLock(path)) {
      refuseWhenHeld(path, dataDir)
      clearLock(path, dataDir)
      if (!takeLock(path)) refuseWhenHeld(path, dataDir)
    }
  } catch (error) {
    if (error instanceof StartError) throw error
    throw new StartError(`The data folder ${dataDir} cannot be written: ${(error as Error).message}.`)
  }
  return () => existsSync(path) && readHolder(path)?.pid === process.pid && rmSync(path, { force: true })
}

/** The lock appears whole or not at all: written beside, then linked, which fails when there is one. */
function takeLock(path: string): boolean {
  const mine = `${path}.${process.pid}`
  try {
    writeFileSync(mine, JSON.stringify(thisProgram()))
    linkSync(mine, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  } finally {
    rmSync(mine, { force: true })
  }
}

function refuseWhenHeld(path: string, dataDir: string): void {
  const holder = readHolder(path)
  if (holder && isAlive(holder)) throw new StartError(`Bitcorp ERP already runs on the data folder ${dataDir} (process ${holder.pid}). Stop it first, or give another BITCORP_DATA_DIR.`)
}

/** Sets a dead program's lock aside. Two starts may both come here: who moved a living one's lock puts it back and gives up. */
function clearLock(path: string, dataDir: string): void {
  const aside = `${path}.old.${process.pid}`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return
  }
  try {
    const holder = readHolder(aside)
    if (!holder || !isAlive(holder)) return
    if (!existsSync(path)) linkSync(aside, path)
    refuseWhenHeld(path, dataDir)
  } finally {
    rmSync(aside, { force: true })
  }
}

export type Holder = { pid: number; started: string }
export const thisProgram = (): Holder => ({ pid: process.pid, started: startOf(process.pid) })

function readHolder(path: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Holder
  } catch {
    return undefined
  }
}

// A process number is given out again: on Linux the start time tells whether it is still the same program.
export function isAlive({ pid, started }: Holder): boolean {
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
