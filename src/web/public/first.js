// Runs before the page's own script is there. Light or dark before the first paint, so that nothing flashes; and what every page of a
// company needs is asked for at once: src/web/client.ts takes the answers from `ahead` by their addresses.
;(() => {
  let chosen = null
  try {
    chosen = localStorage.getItem('mantine-color-scheme-value')
  } catch {
    // A browser that refuses storage follows the machine.
  }
  const dark = chosen === 'dark' || (chosen !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  document.documentElement.setAttribute('data-mantine-color-scheme', dark ? 'dark' : 'light')

  const [, company, page] = /^\/c\/([0-9a-f-]{36})(\/.*)?$/.exec(location.pathname) ?? []
  if (!company) return
  const me = fetch('/api/v1/me', { headers: { accept: 'application/json' } })
  globalThis.ahead = { '/api/v1/me': me }
  if (page !== '/equipment' || location.search) return
  const machines = `/api/v1/companies/${company}/equipment`
  // A company that first demands something of the person is not asked for more.
  const mayAsk = async () => (await (await me).clone().json()).companies?.some((one) => one.company_id === company && one.status === 'active' && !one.needs)
  globalThis.ahead[machines] = mayAsk().then((may) => (may ? fetch(machines, { headers: { accept: 'application/json' } }) : undefined))
  globalThis.ahead[machines].catch(() => {})
  me.catch(() => {})
})()
