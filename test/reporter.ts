// The last line of every run: `N passed, N failed`, for people and for machines. Who passed only at a second try is named before it.
import type { Reporter, TestModule } from 'vitest/node'

export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly unknown[]): void {
    let passed = 0
    let failed = unhandled.length
    for (const module of modules) {
      let failedHere = 0
      for (const test of module.children.allTests()) {
        const state = test.result().state
        if (state === 'passed') passed++
        if (test.diagnostic()?.flaky) process.stdout.write(`passed at a second try only: ${test.fullName}\n`)
        if (state === 'failed') failedHere++
      }
      // A file that cannot even be loaded, or whose preparation failed, is one failure.
      if (failedHere === 0 && module.state() === 'failed') failedHere = 1
      failed += failedHere
    }
    process.once('exit', () => process.stdout.write(`${passed} passed, ${failed} failed\n`))
  }
}
