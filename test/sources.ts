// The project's own files, for the tests that read them.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { programDir } from '../src/base/config.ts'

/** Paths of the files under `folder`, from the program's folder, with forward slashes, sorted. */
export function filesUnder(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(programDir, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) =>
      join(entry.parentPath, entry.name)
        .slice(programDir.length + 1)
        .replaceAll('\\', '/'),
    )
    .filter((path) => pattern.test(path) && !path.includes('node_modules/'))
    .sort()
}

export const textOf = (path: string): string => readFileSync(join(programDir, path), 'utf8')
