import type { RunDocument } from "../core/report/document.ts";
import type { Invocation } from "./invocation.ts";
import { renderJson } from "./render/json.ts";
import { renderRun } from "./render/run.ts";
import { renderStatus } from "./render/status.ts";

type Printing = Pick<Invocation<unknown>, "settings" | "stdout" | "now">;

/** Prints what a run found and did; its exit code. */
export function printRun(
  { settings, stdout, now }: Printing,
  document: RunDocument,
): number {
  stdout.write(
    settings.json
      ? renderJson(document)
      : renderRun(document, { colours: stdout.colours, now: now() }),
  );
  return document.exitCode;
}

/** Prints the same document as the answer to "is every certificate live?"; its exit code. */
export function printStatus(
  { settings, stdout, now }: Printing,
  document: RunDocument,
): number {
  const { terminal, colours } = stdout;
  stdout.write(
    settings.json
      ? renderJson(document)
      : renderStatus(document, { terminal, colours, now: now() }),
  );
  return document.exitCode;
}
