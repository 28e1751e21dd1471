/** The page a person starts on, by post; the first post in the list that has one decides. */
const FIRST_PAGE: Record<string, string> = {
  duty_chief: '/cockpit',
  leader: '/cockpit',
  acceptor: '/cases',
  dispatcher: '/cases',
  handler: '/cases',
  supervisor: '/cases',
  inspector: '/cases',
  risk_manager: '/alarms',
  iot_engineer: '/devices',
  system_admin: '/accounts',
  security_admin: '/accounts',
  audit_admin: '/accounts',
}

/** First page by post, if it may be opened; else the first page that may be; else the help page. */
export function homeFor(posts: string[], mayOpen: (path: string) => boolean, inOrder: string[]): string {
  for (const post of posts) {
    const page = FIRST_PAGE[post]
    if (page && mayOpen(page)) return page
  }
  return inOrder.find(mayOpen) ?? '/help'
}
