/** What two links cannot both have: found here, and not only when the second is to be made. */
import type { Claim } from '../../ipc/claims.js'
import type { DraftLink, Scope } from './scope.js'

/** Links are made in their order, so the later one is told. */
export function checkClaims(scope: Scope): void {
  const earlier = new Map<string, { readonly link: DraftLink; readonly claim: Claim }[]>()
  for (const link of scope.links.values()) {
    const claim = link.kind.claim?.(link.options) ?? null
    if (claim === null) continue
    const owners = earlier.get(claim.what) ?? []
    earlier.set(claim.what, [...owners, { link, claim }])
    const owner = owners.find(other => !canShare(other.claim, claim))
    if (owner === undefined) continue
    const path = `${link.path}.${claim.option}`
    scope.findings.report(
      path,
      `is ${claim.what}, which the link "${owner.link.name}" has already. Choose another, or use one link.`,
    )
  }
}

function canShare({ offers = [] }: Claim, { accepts = [] }: Claim): boolean {
  return offers.some(offer => accepts.includes(offer))
}
