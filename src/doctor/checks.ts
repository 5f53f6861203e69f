import { certificateChecks } from "./certificates.ts";
import type { Check } from "./check.ts";
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
  ...nginxChecks,
  ...listenerChecks,
  ...certificateChecks,
  ...copyChecks,
  ...mountChecks,
  ...renewalChecks,
  ...ownChecks,
];
