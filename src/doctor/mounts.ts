/** Mounts that keep Nginx, or the service, from seeing what a renewal writes. */
import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { mountOf, type Mount } from "../adapters/files/mounts.ts";
import { certificateSources } from "../core/nginx/sources.ts";
import {
  fewOf,
  foundOr,
  ok,
  problem,
  unknown,
  warning,
  type Check,
  type Diagnosis,
} from "./check.ts";
import type { Machine } from "./machine.ts";
import { asRoot } from "./remedies.ts";

export const mountChecks: readonly Check[] = [
  {
    group: "certificates",
    name: "bind-mounts",
    looksAt:
      "certificate and key files that are mounted singly, so that the mount keeps the old file for ever",
    look: lookAtBindMounts,
  },
  {
    group: "certificates",
    name: "file-system",
    looksAt: "whether the file system of live/ tells of changes at once",
    look: async (machine) => [await lookAtFileSystem(machine)],
  },
];

async function lookAtBindMounts(
  machine: Machine,
): Promise<readonly Diagnosis[]> {
  const { model } = await machine.nginx();
  const { lineages } = await machine.lineages();
  const files = [
    ...lineages.flatMap(({ path }) => [
      join(path, "fullchain.pem"),
      join(path, "privkey.pem"),
    ]),
    ...(model === null
      ? []
      : certificateSources(model)
          .filter(({ dynamic }) => !dynamic)
          .flatMap(({ certificate, key }) => [certificate, key ?? []].flat())),
  ];
  const resolved = await Promise.all(
    [...new Set(files)].map(async (path) => ({
      path,
      resolved: await realpath(path).catch(() => path),
    })),
  );
  return judgeBindMounts(resolved, await machine.mounts());
}

export function judgeBindMounts(
  files: readonly { readonly path: string; readonly resolved: string }[],
  mounts: readonly Mount[],
): readonly Diagnosis[] {
  const points = new Set(
    // The kernel marks a mount whose file was removed underneath.
    mounts.map(({ mountPoint }) => mountPoint.replace(/\/\/deleted$/, "")),
  );
  const mounted = files.filter(
    ({ path, resolved }) => points.has(path) || points.has(resolved),
  );
  const unique = [...new Set(mounted.map(({ resolved }) => resolved))];
  return foundOr(
    unique.length === 0
      ? []
      : [
          problem(
            `${fewOf(unique)} ${unique.length === 1 ? "is mounted as a single file" : "are mounted as single files"}: a renewal makes a new file, which the mount does not show`,
            "mount the whole directory of Certbot instead, and re-create the container",
          ),
        ],
    "no certificate file is mounted singly",
  );
}

async function lookAtFileSystem(machine: Machine): Promise<Diagnosis> {
  const live = join(machine.settings.certbotDir, "live");
  const path = await realpath(live).catch(() => null);
  if (path === null)
    return unknown(
      machine.isRoot ? `there is no ${live}` : `${live} cannot be looked at`,
      machine.isRoot ? null : asRoot,
    );
  return judgeFileSystem(live, mountOf(path, await machine.mounts()));
}

/** File systems on which others can write without the kernel here noticing (inotify(7), NOTES). */
const remoteTypes =
  /^(?:nfs4?|cifs|smb3|smbfs|9p|virtiofs|ceph|afs|glusterfs|lustre|vboxsf|prl_fs|fuse(?:\..*)?)$/;

export function judgeFileSystem(live: string, mount: Mount | null): Diagnosis {
  if (mount === null)
    return unknown(`the file system of ${live} cannot be told`);
  const { type, mountPoint } = mount;
  const remedy = "run livecert deploy from a timer on this machine";
  if (remoteTypes.test(type))
    return warning(
      `${live} is on ${type} (${mountPoint}): what another machine writes there raises no event, so the service finds a renewal only by its regular look`,
      remedy,
    );
  if (type === "overlay" && mountPoint !== "/")
    return warning(
      `${live} is on an overlay (${mountPoint}): what is written to a lower layer raises no event, so the service finds such a renewal only by its regular look`,
      remedy,
    );
  return ok(`${live} is on ${type}, which tells of changes at once`);
}
