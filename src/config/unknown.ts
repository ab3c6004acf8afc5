/**
 * Names that look like ours and are not: a typing mistake must never open a healthy-looking lab. Pure.
 */
import { BadSetting } from "./setting.ts";

/**
 * Kubernetes tells every pod of the services in its namespace by variables of its own making; a service called
 * `breakglass` or `breakglass-lab` makes these. Only there, and only names of exactly this shape, are passed over.
 */
const SERVICE_LINK =
  /^BREAKGLASS(_[A-Z0-9]+)*_(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/;

export function refuseUnknown(env: Readonly<Record<string, string | undefined>>, known: readonly string[]): void {
  const inKubernetes = env.KUBERNETES_SERVICE_HOST !== undefined;
  for (const name of Object.keys(env)) {
    if (known.includes(name) || env[name] === undefined) continue;
    const nearest = nearestTo(name, known);
    const ours = name.startsWith("BREAKGLASS_");
    if (ours && inKubernetes && SERVICE_LINK.test(name)) continue;
    // `BREAKGLAS_PVE_HOST`, `breakglass_pve_host`: no name of ours, but nobody else's either.
    const almost = nearest.name.startsWith("BREAKGLASS_") && nearest.edits <= 2 && name.length > 12;
    if (ours || almost)
      throw new BadSetting(name, `${name} is no setting of Breakglass: did you mean ${nearest.name}?`);
  }
}

function nearestTo(name: string, known: readonly string[]): { name: string; edits: number } {
  let best = { name: known[0] ?? "", edits: Number.POSITIVE_INFINITY };
  for (const candidate of known) {
    const edits = distance(name.toUpperCase(), candidate);
    if (edits < best.edits) best = { name: candidate, edits };
  }
  return best;
}

/** How many letters must be put in, taken out or exchanged to get from one word to the other. */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = row[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(changed, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[to.length]!;
}
