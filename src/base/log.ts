// Lines of the log leave together, at the latest after this many milliseconds: a call to the system for each took a twelfth of the server's time.
const gatheredMs = 10
let waiting = ''

function leave(): void {
  const lines = waiting
  waiting = ''
  if (lines) process.stdout.write(lines)
}
// Also when the process ends by an error of its own; a kill -9 loses what was said in the last moment.
process.on('exit', leave)

// Whoever serves goes on, also when nobody reads the log any more or the disk has no room for it.
const nothing = () => {}

export const logStream = {
  write(line: string): void {
    if (!process.stdout.listeners('error').includes(nothing)) process.stdout.on('error', nothing)
    if (!waiting) setTimeout(leave, gatheredMs)
    waiting += line
  },
}
