import { isIP } from "node:net";

/**
 * Whether a Host header may be answered. By DNS rebinding a page of a stranger's can have the browser of somebody on this
 * machine ask us, but then the stranger's name stands in the header: an address, `localhost` and the machine's own name
 * cannot be rebound. A client without the header is no browser.
 */
export function isOwnHost(
  header: string | undefined,
  hostname: string,
): boolean {
  if (header === undefined) return true;
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::\d{1,5})?$/.exec(header);
  if (match === null) return false;
  const [, ipv6, name] = match;
  if (ipv6 !== undefined) return isIP(ipv6) === 6;
  const host = (name ?? "").toLowerCase().replace(/\.$/, "");
  return (
    isIP(host) === 4 || host === "localhost" || host === hostname.toLowerCase()
  );
}
