/** Hands the document of a run to the renderer that was asked for; its exit code is the run's. */
import type { RunDocument, StatusDocument } from "../core/report/document.ts";
import type { Invocation } from "./invocation.ts";
import { renderJson } from "./render/json.ts";

type Printing = Pick<Invocation<unknown>, "stdout" | "settings" | "now">;

export async function printRun(
  { stdout, settings, now }: Printing,
  document: RunDocument,
): Promise<number> {
  if (settings.json) stdout.write(renderJson(document));
  else {
    const { renderRun } = await import("./render/run.ts");
    stdout.write(renderRun(document, { colours: stdout.colours, now: now() }));
  }
  return document.exitCode;
}

export async function printStatus(
  { stdout, settings, now }: Printing,
  document: StatusDocument,
): Promise<number> {
  if (settings.json) stdout.write(renderJson(document));
  else {
    const { renderStatus } = await import("./render/status.ts");
    const { renderWatcher } = await import("./render/watcher.ts");
    const { colours, terminal } = stdout;
    stdout.write(renderStatus(document, { colours, terminal, now: now() }));
    stdout.write(renderWatcher(document.watcher, now()));
  }
  return document.exitCode;
}
