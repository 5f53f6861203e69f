/**
 * Addresses as the kernel lists them: /proc/net/tcp prints the bytes of an address in words of the machine's own byte
 * order, and a listener on `[::]` sees IPv4 clients as `::ffff:192.0.2.1`. All are compared as 32 hexadecimal digits.
 */
import { endianness } from "node:os";
import { isIPv4, isIPv6 } from "node:net";

const mappedIpv4 = "00000000000000000000ffff";

/** 32 digits in network order, IPv4 as `::ffff:…`; null for what is no IP address. A zone (`%eth0`) is ignored. */
export function addressDigits(address: string): string | null {
  const bare = address.replace(/%.*$/, "");
  if (isIPv4(bare)) return mappedIpv4 + ipv4Digits(bare);
  return isIPv6(bare) ? ipv6Digits(bare) : null;
}

/** The address column of /proc/net/tcp (8 digits) or tcp6 (32 digits) in the same form. */
export function kernelDigits(column: string): string {
  const words = column.toLowerCase().match(/.{8}/g) ?? [];
  const ordered = words.map(networkOrder).join("");
  return ordered.length === 8 ? mappedIpv4 + ordered : ordered;
}

/** `0.0.0.0` or `::`, in the form of `addressDigits`. */
export function isUnspecified(digits: string): boolean {
  return /^0+$/.test(digits) || digits === `${mappedIpv4}00000000`;
}

export function isMappedIpv4(digits: string): boolean {
  return digits.startsWith(mappedIpv4);
}

function networkOrder(word: string): string {
  if (endianness() === "BE") return word;
  return (word.match(/../g) ?? []).reverse().join("");
}

function ipv4Digits(address: string): string {
  return address
    .split(".")
    .map((part) => Number(part).toString(16).padStart(2, "0"))
    .join("");
}

function ipv6Digits(address: string): string {
  const [head = "", tail] = address.split("::");
  const before = groupDigits(head);
  const after = groupDigits(tail ?? "");
  return before + "0".repeat(32 - before.length - after.length) + after;
}

function groupDigits(groups: string): string {
  if (groups === "") return "";
  return groups
    .split(":")
    .map((group) =>
      group.includes(".") ? ipv4Digits(group) : group.padStart(4, "0"),
    )
    .join("")
    .toLowerCase();
}
