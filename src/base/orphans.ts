// What a killed PostgreSQL leaves behind: a process that waits for another dead one holds the shared memory, and nothing new can start.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'

/** Ends the processes of this cluster whose master is gone. Works where /proc tells each one's folder; elsewhere it finds none. */
export function endOrphans(cluster: string): void {
  const found = processesOn(cluster)
  for (const { pid, parent } of found) {
    if (found.some((other) => other.pid === parent)) continue
    try {
      if (!isMaster(pid)) process.kill(pid, 'SIGKILL')
    } catch {
      // It ended by itself.
    }
  }
}

/** Each server process works in the folder of its data; its command line no longer says so. */
function processesOn(cluster: string): { pid: number; parent: number }[] {
  return listProcesses().flatMap((pid) => {
    try {
      if (readlinkSync(`/proc/${pid}/cwd`) !== cluster || basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')) !== 'postgres') return []
      return [{ pid, parent: Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop()?.split(' ')[1]) }]
    } catch {
      return []
    }
  })
}

function listProcesses(): number[] {
  try {
    return readdirSync('/proc').map(Number).filter(Boolean)
  } catch {
    return []
  }
}

/** A master keeps the command line it was started with; the others are named "postgres: …". */
const isMaster = (pid: number): boolean => !readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('postgres: ')
