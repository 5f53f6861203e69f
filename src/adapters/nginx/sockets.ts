/**
 * Who answered? The kernel's socket tables name an inode for each end of a connection, /proc/PID/fd the inodes that a
 * process holds. So a mismatch is put down to Nginx only where the socket that answered is Nginx's own, not that of
 * another program, another Nginx or a port redirection.
 */
import { readdirSync, readlinkSync } from "node:fs";
import { readFile } from "node:fs/promises";
import type { ConnectionEnds } from "../../ports.ts";
import {
  addressDigits,
  isMappedIpv4,
  isUnspecified,
  kernelDigits,
} from "./addresses.ts";

export interface Question {
  /** Where the probe connected: `127.0.0.1:443`, `[::1]:443` or `unix:/path`. */
  readonly address: string;
  /** The connection while it is open; null: only the listening socket can tell. */
  readonly connection: ConnectionEnds | null;
  /** Any process of the network namespace in question: the master. */
  readonly namespaceOf: number;
  /** Master and workers. */
  readonly processes: readonly number[];
}

interface Endpoint {
  readonly digits: string;
  readonly port: number;
}

interface TcpSocket {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly listening: boolean;
  /** The connection has ended, and its addresses are only kept for a while (TIME_WAIT). */
  readonly isOver: boolean;
  readonly inode: string;
}

/** The inode of a socket that no process holds any more, or none has accepted yet. */
const nobodys = "0";

/** Whether one of the processes holds the socket that answered; null where it cannot be told. */
export async function isHeldBy(question: Question): Promise<boolean | null> {
  const { address, connection } = question;
  if (address.startsWith("unix:"))
    return byUnixListener(question, address.slice("unix:".length));
  const asked = parseEndpoint(address);
  if (asked === null) return null;
  return connection === null
    ? byListener(question, asked)
    : byConnection(question, asked, connection);
}

/** The tables are not of one moment, and what they list may have ended before it is looked for among a process's files. */
const looks = 3;

/** As long as it is there, the other end tells more than the address that was asked: behind a port redirection they differ. */
async function byConnection(
  question: Question,
  asked: Endpoint,
  ends: ConnectionEnds,
): Promise<boolean | null> {
  let strange: string | null = null;
  let wasElsewhere = false;
  for (let look = 0; look < looks; look += 1) {
    const end = await otherEnd(question, ends);
    if (end.kind === "gone")
      return wasElsewhere || strange !== null
        ? null
        : byListener(question, asked);
    if (end.kind === "elsewhere") {
      if (wasElsewhere) return false;
      wasElsewhere = true;
      continue;
    }
    const { inode, local } = end.socket;
    const isOurs = inode === nobodys ? false : holds(question, [inode]);
    if (isOurs !== false) return isOurs;
    // It is being closed, or waits to be accepted; where it lies is that of the listener that it came by.
    const isListeners = await byListener(question, local);
    if (isListeners !== null) return isListeners;
    if (inode === strange) return inode === nobodys ? null : false;
    strange = inode;
  }
  return null;
}

type OtherEnd =
  | { readonly kind: "there"; readonly socket: TcpSocket }
  /** On another machine or in another network namespace: our end is open, and nobody here has the other one. */
  | { readonly kind: "elsewhere" }
  /** Both ends are closed, or not to be seen. */
  | { readonly kind: "gone" };

/** Looked up by our own end, so that it is also found behind a port redirection. */
async function otherEnd(
  { namespaceOf }: Question,
  connection: ConnectionEnds,
): Promise<OtherEnd> {
  const ours = endpoint(connection.localAddress, connection.localPort);
  const theirs = endpoint(connection.remoteAddress, connection.remotePort);
  if (ours === null || theirs === null) return { kind: "gone" };
  const sockets = (await tcpSockets(namespaceOf, ours.port)) ?? [];
  const ends = sockets.filter(({ remote }) => isSame(remote, ours));
  // Our port may have led to other servers before, and their ends linger.
  const socket =
    ends.find(({ local }) => isSame(local, theirs)) ??
    ends.find(({ isOver }) => !isOver);
  if (socket !== undefined) return { kind: "there", socket };
  // An end that was closed stands in the table for a while longer than the other one, but is nobody's.
  const isOpen = sockets.some(
    ({ local, remote, inode }) =>
      isSame(local, ours) && isSame(remote, theirs) && inode !== nobodys,
  );
  return { kind: isOpen ? "elsewhere" : "gone" };
}

/** As the kernel chooses: listeners on the very address before wildcards, for IPv4 those of IPv4 before `[::]`. */
async function byListener(
  question: Question,
  asked: Endpoint,
): Promise<boolean | null> {
  const sockets = await tcpSockets(question.namespaceOf, asked.port);
  const listeners = (sockets ?? []).filter(
    (socket) => socket.listening && socket.local.port === asked.port,
  );
  const exact = listeners.filter(({ local }) => local.digits === asked.digits);
  const wild = listeners.filter(({ local }) => isUnspecified(local.digits));
  const wildIpv4 = wild.filter(({ local }) => isMappedIpv4(local.digits));
  const wildIpv6 = wild.filter(({ local }) => !isMappedIpv4(local.digits));
  const candidates = isMappedIpv4(asked.digits)
    ? [exact, wildIpv4, wildIpv6]
    : [exact, wildIpv6];
  const chosen = candidates.find((group) => group.length > 0) ?? [];
  return holds(
    question,
    chosen.map(({ inode }) => inode),
  );
}

/** `Num RefCount Protocol Flags Type St Inode Path`; flag 0x10000 is set for a listening socket. */
async function byUnixListener(
  question: Question,
  path: string,
): Promise<boolean | null> {
  const table = await readTable(question.namespaceOf, "unix");
  const inodes = (table ?? "").split("\n").flatMap((line) => {
    const row = /^\S+ \S+ \S+ (\S+) \S+ \S+ +(\d+) (.*)$/.exec(line);
    const listening = (parseInt(row?.[1] ?? "0", 16) & 0x10000) !== 0;
    return listening && row?.[3] === path ? [row[2] ?? ""] : [];
  });
  return holds(question, inodes);
}

/** Null as well where only some of the sockets are theirs: either may have answered. */
function holds(question: Question, inodes: readonly string[]): boolean | null {
  if (inodes.length === 0) return null;
  const missing = new Set(inodes);
  for (const pid of question.processes) {
    if (removeHeld(pid, missing) === "unreadable") return null;
    if (missing.size === 0) return true;
  }
  return missing.size === inodes.length ? false : null;
}

/** Removes from `wanted` what the process holds; one that has just ended holds nothing. */
function removeHeld(pid: number, wanted: Set<string>): "read" | "unreadable" {
  const directory = `/proc/${String(pid)}/fd`;
  let names: readonly string[];
  try {
    names = readdirSync(directory);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" || code === "ESRCH" ? "read" : "unreadable";
  }
  for (const name of names) {
    wanted.delete(socketInode(`${directory}/${name}`) ?? "");
    if (wanted.size === 0) break;
  }
  return "read";
}

/** Null for another kind of file, and for one that was closed meanwhile. */
function socketInode(descriptor: string): string | null {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(descriptor))?.[1] ?? null;
  } catch {
    return null;
  }
}

/** The sockets that have the port at either end; null where the tables cannot be read. */
async function tcpSockets(
  namespaceOf: number,
  port: number,
): Promise<readonly TcpSocket[] | null> {
  const tables = await Promise.all([
    readTable(namespaceOf, "tcp"),
    readTable(namespaceOf, "tcp6"),
  ]);
  if (tables.every((table) => table === null)) return null;
  // Only the lines in question are parsed: a busy server has many thousands.
  const column = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  return tables
    .flatMap((table) => (table ?? "").split("\n"))
    .filter((line) => line.includes(column))
    .flatMap(parseSocket);
}

async function readTable(pid: number, name: string): Promise<string | null> {
  return readFile(`/proc/${String(pid)}/net/${name}`, "utf8").catch(() => null);
}

/** `sl local_address rem_address st tx:rx tr:when retrnsmt uid timeout inode …`; state 0A listens, 06 is TIME_WAIT. */
function parseSocket(line: string): readonly TcpSocket[] {
  const columns = line.trim().split(/\s+/);
  const local = kernelEndpoint(columns[1] ?? "");
  const remote = kernelEndpoint(columns[2] ?? "");
  const inode = columns[9];
  if (local === null || remote === null || inode === undefined) return [];
  const state = columns[3];
  return [
    {
      ...{ local, remote, inode },
      ...{ listening: state === "0A", isOver: state === "06" },
    },
  ];
}

function kernelEndpoint(column: string): Endpoint | null {
  const [digits, port] = column.split(":");
  if (digits === undefined || port === undefined) return null;
  return { digits: kernelDigits(digits), port: parseInt(port, 16) };
}

function parseEndpoint(address: string): Endpoint | null {
  const parts = /^\[?(.*?)\]?:(\d+)$/.exec(address);
  return parts === null
    ? null
    : endpoint(parts[1] ?? "", Number(parts[2] ?? ""));
}

function endpoint(address: string, port: number): Endpoint | null {
  const digits = addressDigits(address);
  return digits === null ? null : { digits, port };
}

function isSame(one: Endpoint, other: Endpoint): boolean {
  return one.port === other.port && one.digits === other.digits;
}
