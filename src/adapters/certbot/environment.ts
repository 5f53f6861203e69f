/**
 * What Certbot tells a deploy hook. It is checked as if somebody else had written it: the variables stay in Certbot's
 * environment, so that any child of it may have them, and people try hooks by hand.
 * Source: https://eff-certbot.readthedocs.io/en/stable/using.html#renewing-certificates (--deploy-hook)
 */
import { basename, dirname, isAbsolute, resolve } from "node:path";
import type { Lineage } from "../../core/lineage/lineage.ts";
import { LivecertError } from "../../errors.ts";
import { isDirectory } from "../store/files.ts";

export interface HookEnvironment {
  /** RENEWED_LINEAGE; its name is the directory's. */
  readonly lineage: Lineage;
  /** Certbot's directory, where the lineage lies below its `live/`; null where it was moved elsewhere. */
  readonly certbotDir: string | null;
  /** RENEWED_DOMAINS: DNS names, wildcards and IP addresses; empty where the variable is missing. */
  readonly domains: readonly string[];
}

/** PATH_MAX of Linux, less its final NUL. */
const maxPathBytes = 4_095;
/** 100 names of 253 characters are what public authorities allow; private ones allow more. */
const maxDomainsLength = 262_144;

/** @throws LivecertError `hook-environment` for whatever Certbot would not pass. */
export function readHookEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
): HookEnvironment {
  const path = lineagePath(environment["RENEWED_LINEAGE"]);
  const domains = readDomains(environment["RENEWED_DOMAINS"] ?? "");
  if (!isDirectory(path))
    throw refusal(`RENEWED_LINEAGE is no directory: ${printable(path)}`);
  const parent = dirname(path);
  return {
    lineage: { name: basename(path), path },
    certbotDir: basename(parent) === "live" ? dirname(parent) : null,
    domains,
  };
}

function lineagePath(value: string | undefined): string {
  if (value === undefined || value === "")
    throw refusal("RENEWED_LINEAGE is not set");
  if (!isAbsolute(value))
    throw refusal(`RENEWED_LINEAGE is not absolute: ${printable(value)}`);
  if (hasControls(value))
    throw refusal(
      `RENEWED_LINEAGE holds control characters: ${printable(value)}`,
    );
  if (Buffer.byteLength(value) > maxPathBytes)
    throw refusal("RENEWED_LINEAGE is longer than any path");
  const path = resolve(value);
  if (path === "/") throw refusal("RENEWED_LINEAGE is the root directory");
  return path;
}

function readDomains(value: string): readonly string[] {
  if (value.length > maxDomainsLength)
    throw refusal("RENEWED_DOMAINS is too long");
  const domains = value.split(" ").filter((domain) => domain !== "");
  const strange = domains.find(
    (domain) => !/^[A-Za-z0-9*._:-]{1,253}$/.test(domain),
  );
  if (strange === undefined) return domains;
  throw refusal(
    `RENEWED_DOMAINS holds something that is no name: ${printable(strange)}`,
  );
}

function hasControls(value: string): boolean {
  return /\p{Cc}/u.test(value);
}

/** One line of ASCII, cut: it ends up in Certbot's log. */
function printable(value: string): string {
  const quoted = JSON.stringify(value.slice(0, 200));
  return quoted.replaceAll(
    /[^ -~]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function refusal(message: string): LivecertError {
  return new LivecertError("hook-environment", message, {
    remedy:
      "Certbot calls this command and sets RENEWED_LINEAGE; by hand it is: livecert deploy NAME",
  });
}
