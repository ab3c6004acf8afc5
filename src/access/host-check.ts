/**
 * Whether the name in `Host` is one of ours. A page elsewhere can point its own name at our address (DNS rebinding) and
 * would then be same-origin with us in the browser's eyes; that name is the only thing that gives it away. Pure.
 */
export function isOurHost(host: string | null, ours: readonly string[]): boolean {
  if (host === null) return false;
  const asked = host.toLowerCase();
  return ours.some((origin) => {
    const { host: name, protocol } = new URL(origin);
    // `URL.host` leaves out the scheme's own port; clients may write it.
    return asked === name || asked === (protocol === "https:" ? `${name}:443` : `${name}:80`);
  });
}
