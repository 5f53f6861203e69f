import { checkOwnership } from "../../adapters/process/trust.ts";
import { machineRoots } from "../../adapters/tls/roots.ts";
import { assertNever } from "../../core/assert-never.ts";
import { describeOrigin, unknownVariables } from "../../core/settings/merge.ts";
import { optionKeys, options } from "../../core/settings/options.ts";
import { configurationSchema } from "../../core/settings/schema.ts";
import { formatValue } from "../../core/settings/value.ts";
import { LivecertError } from "../../errors.ts";
import type { ConfigArguments, Invocation } from "../invocation.ts";
import { renderJson } from "../render/json.ts";
import { renderTable } from "../render/table.ts";

export async function run(
  invocation: Invocation<ConfigArguments>,
): Promise<number> {
  const { action } = invocation.arguments;
  switch (action) {
    case "show":
      invocation.stdout.write(show(invocation));
      return 0;
    case "check":
      invocation.stdout.write(await check(invocation));
      return 0;
    case "schema":
      invocation.stdout.write(renderJson(configurationSchema()));
      return 0;
    default:
      return assertNever(action);
  }
}

function show(invocation: Invocation<ConfigArguments>): string {
  const { settings, values, origins, stdout } = invocation;
  const rows = optionKeys.map((key) => ({
    key,
    value: values[key],
    shown: formatValue(options[key], values[key]),
    origin: describeOrigin(origins[key]),
  }));
  if (settings.json)
    return renderJson({
      schema: 1,
      settings: Object.fromEntries(
        rows.map(({ key, value, origin }) => [key, { value, origin }]),
      ),
    });
  return renderTable(
    ["option", "value", "from"],
    rows.map(({ key, shown, origin }) => [key, shown ?? "-", origin]),
    stdout,
  );
}

/**
 * What has come so far has the right keys and types; this looks at what the values lead to.
 *
 * @throws LivecertError what any other command would say of them
 */
async function check(invocation: Invocation<ConfigArguments>): Promise<string> {
  const { settings, environment } = invocation;
  await refuseUnsafePrograms(invocation);
  await machineRoots(settings.roots);
  const warnings = unknownVariables(environment).map(describeVariable);
  if (settings.json) return renderJson({ schema: 1, valid: true, warnings });
  return [
    ...warnings.map((text) => `warning: ${text}`),
    "configuration is valid",
  ]
    .map((line) => `${line}\n`)
    .join("");
}

/** @throws LivecertError configuration-unsafe */
async function refuseUnsafePrograms({
  settings,
  origins,
}: Invocation<ConfigArguments>): Promise<void> {
  const programs = settings.notify.flatMap((channel) => {
    if (channel.kind === "sendmail") return [channel.program];
    return channel.kind === "command" ? [channel.command[0]] : [];
  });
  for (const [key, path] of [
    ["nginx.bin", settings.nginx.bin],
    ["nginx.conf", settings.nginx.conf],
    ...programs.map((program) => ["notify", program] as const),
  ] as const) {
    if (path === null) continue;
    const ownership = await checkOwnership(path);
    if (ownership.kind === "untrusted")
      throw new LivecertError(
        "configuration-unsafe",
        `${describeOrigin(origins[key])}: ${key}: ${ownership.reason}`,
      );
  }
}

function describeVariable(found: {
  readonly variable: string;
  readonly nearest: string | null;
}): string {
  const suggestion =
    found.nearest === null ? "" : `, did you mean ${found.nearest}?`;
  return `${found.variable} means nothing to livecert${suggestion}`;
}
