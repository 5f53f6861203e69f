/**
 * What Nginx in a container says about a reload: in the container's own log, which the engine keeps, and in files. A line
 * counts by the master's pid as the container itself counts it.
 */
import type { Container } from "../../core/containers/container.ts";
import type { ErrorLogMark } from "../../ports.ts";
import { markLogs, refusalLines } from "../nginx/error-log.ts";
import type { Engine } from "./engine.ts";

export interface LogSource {
  readonly engine: Engine;
  readonly container: Container;
  /** null: not known, so lines of any process count. */
  readonly innerPid: number | null;
  /** Error logs as files that can be opened here. */
  readonly files: readonly string[];
  readonly signal: AbortSignal;
}

/** The engine is asked this often at most, however often the caller looks. */
const pauseMs = 200;

export async function markContainerLogs(
  source: LogSource,
): Promise<ErrorLogMark> {
  const { engine, container, innerPid, files, signal } = source;
  const since = new Date();
  const marked = await markLogs(files);
  const first = await engine.logs(container, since, signal);
  let askedMs = performance.now();
  let said: readonly string[] = [];
  const fromEngine = async (): Promise<readonly string[]> => {
    if (performance.now() - askedMs < pauseMs) return said;
    const answer = await engine.logs(container, since, signal);
    askedMs = performance.now();
    if (answer.kind === "ok") said = refusalLines(answer.value, innerPid);
    return said;
  };
  return {
    readable: marked.readable || first.kind === "ok",
    refusals: async (master) => {
      const inFiles = await marked.refusals({
        ...master,
        pid: innerPid ?? master.pid,
      });
      return [...new Set([...inFiles, ...(await fromEngine())])];
    },
  };
}
