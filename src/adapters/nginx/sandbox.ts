/**
 * A test made inside our own sandbox is not Nginx's verdict: a read-only tree or a missing capability makes `nginx -t`
 * fail on a sound configuration, because it opens logs, pid file and keys as the master would. So where livecert is held
 * tighter than the master, a refusal that comes from the lack of a right is no refusal of Nginx's.
 */
import { readFileSync, readlinkSync } from "node:fs";

/** What holds us tighter than the process `pid` (null: than anybody), in plain words; null: nothing does. */
export function restrictionAgainst(pid: number | null): string | null {
  const own = readRights("self");
  const others = pid === null ? null : readRights(String(pid));
  if (own === null) return null;
  const lacking = lackingAgainst(own, others);
  if (lacking !== null || others === null) return lacking;
  return own.mountNamespace === others.mountNamespace
    ? null
    : "livecert sees the file system through a mount namespace of its own";
}

/** The same where the program is run on the files that the process `pid` sees. */
export function rightsLackedAgainst(pid: number): string | null {
  const own = readRights("self");
  return own === null ? null : lackingAgainst(own, readRights(String(pid)));
}

function lackingAgainst(own: Rights, others: Rights | null): string | null {
  if (own.noNewPrivileges && others?.noNewPrivileges !== true)
    return "livecert runs under NoNewPrivileges";
  if (others === null)
    return process.geteuid?.() === 0 ? null : "livecert does not run as root";
  return (others.capabilities & ~own.capabilities) === 0n
    ? null
    : "livecert lacks capabilities that Nginx has";
}

/** Whether the words say that a right was missing: EPERM, EACCES or EROFS, from Nginx itself or through OpenSSL. */
export function speaksOfMissingRights(line: string): boolean {
  return /Operation not permitted|Permission denied|Read-only file system/i.test(
    line,
  );
}

interface Rights {
  readonly noNewPrivileges: boolean;
  readonly capabilities: bigint;
  readonly mountNamespace: string;
}

/** Null for a process that has ended or may not be looked at. */
function readRights(process: string): Rights | null {
  try {
    const status = readFileSync(`/proc/${process}/status`, "utf8");
    const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? "0";
    return {
      noNewPrivileges: /^NoNewPrivs:\s*1$/m.test(status),
      capabilities: BigInt(`0x${capabilities}`),
      mountNamespace: readlinkSync(`/proc/${process}/ns/mnt`),
    };
  } catch {
    return null;
  }
}
