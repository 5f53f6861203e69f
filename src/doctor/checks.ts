import { certificateChecks } from "./certificates.ts";
import { ok, type Check } from "./check.ts";
import { containerChecks } from "./containers.ts";
import { copyChecks } from "./copies.ts";
import { hookChecks } from "./hooks.ts";
import { listenerChecks } from "./listeners.ts";
import { ownChecks } from "./livecert.ts";
import { mountChecks } from "./mounts.ts";
import { nginxChecks } from "./nginx.ts";
import { renewalChecks } from "./renewal.ts";

/** The register, in the order in which people read it; docs/doctor.md has a section for each. */
export const checks: readonly Check[] = [
  ...hookChecks,
  ...[...nginxChecks, ...listenerChecks].map(whereHostIsMeant),
  ...containerChecks,
  ...certificateChecks,
  ...copyChecks,
  ...mountChecks,
  ...renewalChecks,
  ...ownChecks,
];

/** Where only containers are looked after, the host's Nginx is nobody's matter. */
function whereHostIsMeant(check: Check): Check {
  return {
    ...check,
    look: async (machine) =>
      (await machine.isHostMeant())
        ? check.look(machine)
        : [ok("not looked at: the targets are other Nginx than the host's")],
  };
}
