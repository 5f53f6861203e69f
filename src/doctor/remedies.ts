/** Commands as a person would type them. */
import * as commands from "../adapters/nginx/commands.ts";
import { quoted } from "../core/report/explain.ts";
import type { Machine, NginxView } from "./machine.ts";

export { quoted };

export const asRoot = "sudo livecert doctor";

export type Surroundings = Pick<Machine, "settings" | "hasSystemd">;
type FoundNginx = Pick<NginxView, "found">;

export function nginxCommand(
  machine: Pick<Machine, "settings">,
  nginx: FoundNginx,
  ...action: readonly string[]
): string {
  const { settings } = machine;
  return commands.nginxCommand(
    { settings: settings.nginx, program: programOf(nginx) },
    ...action,
  );
}

export function reloadCommand(
  machine: Surroundings,
  nginx: FoundNginx,
): string {
  return commands.reloadCommand(meant(machine, nginx));
}

export function startCommand(machine: Surroundings, nginx: FoundNginx): string {
  return commands.startCommand(meant(machine, nginx));
}

function meant(
  { settings, hasSystemd }: Surroundings,
  nginx: FoundNginx,
): commands.Meant {
  return { settings: settings.nginx, program: programOf(nginx), hasSystemd };
}

function programOf({ found }: FoundNginx): string | null {
  return found?.installation?.binary.path ?? null;
}

export function installCommand({
  settings,
}: Pick<Machine, "settings">): string {
  const { certbotDir } = settings;
  return certbotDir === "/etc/letsencrypt"
    ? "sudo ./install.sh"
    : `sudo ./install.sh --certbot-dir ${quoted(certbotDir)}`;
}
