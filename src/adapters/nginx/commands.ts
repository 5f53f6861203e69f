/** What a person types, with the options that the settings make necessary. */
import { quoted } from "../../core/report/explain.ts";
import type { Settings } from "../../core/settings/settings.ts";

export interface Meant {
  readonly settings: Settings["nginx"];
  /** The program that was found; null: none. */
  readonly program: string | null;
  readonly hasSystemd: boolean;
}

export function nginxCommand(
  { settings: { prefix, conf }, program }: Omit<Meant, "hasSystemd">,
  ...action: readonly string[]
): string {
  return [
    program ?? "nginx",
    ...(prefix === null ? [] : ["-p", prefix]),
    ...(conf === null ? [] : ["-c", conf]),
    ...action,
  ]
    .map(quoted)
    .join(" ");
}

export function reloadCommand(meant: Meant): string {
  return isUnit(meant)
    ? `systemctl reload ${meant.settings.unit}`
    : nginxCommand(meant, "-s", "reload");
}

export function startCommand(meant: Meant): string {
  return isUnit(meant)
    ? `systemctl start ${meant.settings.unit}`
    : nginxCommand(meant);
}

/** An Nginx with a configuration of its own is hardly the one that the unit starts. */
function isUnit({ settings: { conf, prefix }, hasSystemd }: Meant): boolean {
  return hasSystemd && conf === null && prefix === null;
}
