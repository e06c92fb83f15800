// Runs in the measured page before its own scripts, and keeps what is seen there in `watched`.
const rowsThere = () => Number(document.querySelector('.list-table')?.getAttribute('data-rows') ?? 0)
const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve))

globalThis.watched = {
  shift: 0,
  interactive: 0,
  frames: [],
  end: () => ({ interactive: watched.interactive, shift: watched.shift, height: document.documentElement.scrollHeight, rows: rowsThere() }),
  /** Turns the wheel a little each frame, until so many rows are there and it is at their end; with no wish, to the end of the page. */
  wheel: async (rows) => {
    for (let still = 0; still < 120; ) {
      const before = scrollY
      scrollBy({ top: 120, behavior: 'instant' })
      await nextFrame()
      still = scrollY === before ? still + 1 : 0
      if (rows === 0 && still > 0) return
      if (rows > 0 && rowsThere() >= rows) return
    }
  },
  noteFrames: () => {
    watched.frames = []
    const next = (at) => {
      watched.frames.push(at)
      requestAnimationFrame(next)
    }
    requestAnimationFrame(next)
  },
  empty: (height) => {
    const tall = document.createElement('div')
    tall.style.height = `${height}px`
    document.body.replaceChildren(tall)
  },
}

new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) watched.shift += entry.value
}).observe({ type: 'layout-shift', buffered: true })

// The task after the next frame: the row is painted, and nothing keeps the page from a key.
watched.ready = (async () => {
  const isThere = () => document.querySelector('input[type=search]')?.disabled === false && document.querySelector('.list-table tbody tr[data-clickable]')
  while (!isThere()) await nextFrame()
  await nextFrame()
  await new Promise((resolve) => setTimeout(resolve))
  watched.interactive = performance.now()
})()
