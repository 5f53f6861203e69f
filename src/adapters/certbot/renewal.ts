/**
 * `renewal/NAME.conf`: what Certbot remembers of a lineage. Read leniently, since other versions and people write it too;
 * a line that cannot be understood is as if it were not there.
 * Source: https://eff-certbot.readthedocs.io/en/stable/using.html#configuration-file and ConfigObj's syntax.
 */
import { dirname, isAbsolute, join } from "node:path";
import { readFileBounded } from "../files/read-file.ts";

export interface RenewalConfiguration {
  /** The live directory that it names; null where it names none. */
  readonly liveDirectory: string | null;
  readonly archiveDirectory: string | null;
  /** E.g. `nginx`: that Certbot reloads Nginx by itself after the deploy hooks. */
  readonly installer: string | null;
  readonly authenticator: string | null;
  readonly preHook: string | null;
  readonly deployHook: string | null;
  readonly postHook: string | null;
}

/** null where there is no such file or it cannot be read. */
export async function readRenewalConfiguration(
  { name }: { readonly name: string },
  certbotDir: string,
): Promise<RenewalConfiguration | null> {
  const path = join(certbotDir, "renewal", `${name}.conf`);
  const reading = await readFileBounded(path);
  return reading.kind === "read"
    ? parseRenewalConfiguration(Buffer.from(reading.content).toString("utf8"))
    : null;
}

export function parseRenewalConfiguration(text: string): RenewalConfiguration {
  const values = readValues(text);
  const valueOf = (key: string): string | null => {
    const value = values.get(key) ?? "";
    return value === "" || value === "None" ? null : value;
  };
  const anyFile = valueOf("fullchain") ?? valueOf("cert");
  return {
    liveDirectory:
      anyFile !== null && isAbsolute(anyFile) ? dirname(anyFile) : null,
    archiveDirectory: valueOf("archive_dir"),
    installer: valueOf("installer"),
    authenticator: valueOf("authenticator"),
    preHook: valueOf("pre_hook"),
    // Certbot keeps the deploy hook under its old name.
    deployHook: valueOf("renew_hook") ?? valueOf("deploy_hook"),
    postHook: valueOf("post_hook"),
  };
}

/** `key = value` of the file's top and of `[renewalparams]`; deeper sections (`[[webroot_map]]`) hold nothing for us. */
function readValues(text: string): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  let isDeeper = false;
  for (const line of text.split(/\r?\n/)) {
    const section = /^\s*(\[+)/.exec(line)?.[1];
    if (section !== undefined) isDeeper = section.length > 1;
    const match = /^\s*([A-Za-z_][\w-]*)\s*=\s*(.*)$/.exec(line);
    const [, key, value] = match ?? [];
    if (isDeeper || key === undefined || value === undefined) continue;
    values.set(key.replaceAll("-", "_"), unquote(value));
  }
  return values;
}

/** A value in one of ConfigObj's four quotes, or a bare one up to its comment. */
function unquote(value: string): string {
  const quoted = /^("""|'''|"|')(.*?)\1/s.exec(value);
  return quoted?.[2] ?? value.replace(/(?:^|\s)#.*$/, "").trim();
}
