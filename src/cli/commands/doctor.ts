import { askEngines, findTargets } from "../../adapters/targets/find.ts";
import { hostTarget } from "../../adapters/targets/host.ts";
import { checks } from "../../doctor/checks.ts";
import { examine } from "../../doctor/examine.ts";
import { openMachine } from "../../doctor/machine.ts";
import type { Invocation, NoArguments } from "../invocation.ts";
import { renderDoctor } from "../render/doctor.ts";
import { renderJson } from "../render/json.ts";

/** What a check may take beside Nginx's own test. */
const checkLimitMs = 10_000;
const problemExitCode = 3;

/** Is everything in place? Changes nothing; 3 where something is a problem. */
export async function run(
  invocation: Invocation<NoArguments>,
): Promise<number> {
  const { settings, signal, environment, stdout } = invocation;
  const { nginx, limits } = settings;
  const searchPath = environment["PATH"] ?? "";
  const host = hostTarget({ settings: nginx, limits, searchPath });
  const reports = await examine(
    checks,
    openMachine({
      settings,
      host,
      signal,
      findTargets: () =>
        findTargets({
          settings,
          environment,
          signal,
          mayWrite: false,
          host,
          knownTargets: () => Promise.resolve([]),
        }),
      askEngines: () => askEngines({ settings, environment, signal }),
    }),
    checkLimitMs + limits.nginxCommandMs,
  );
  stdout.write(
    settings.json
      ? renderJson({ schema: 1, checks: reports })
      : renderDoctor(reports, stdout),
  );
  return reports.some(({ verdict }) => verdict === "problem")
    ? problemExitCode
    : 0;
}
