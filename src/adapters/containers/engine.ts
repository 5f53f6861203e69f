/**
 * A container engine: Docker, or Podman by its compatible API. Each call has a time limit of its own; what an engine says
 * is a foreigner's word and is parsed here once.
 */
import {
  isCalled,
  readContainer,
  textAt,
  valueAt,
  type Container,
} from "../../core/containers/container.ts";
import { readFrames } from "../../core/containers/frames.ts";
import {
  processListArguments,
  readProcessList,
  type ListedProcess,
} from "../../core/containers/process-list.ts";
import type { ProgramResult } from "../process/run.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  askEngine,
  failed,
  type EngineFailure,
  type EngineRequest,
} from "./request.ts";

export type Asked<Value> =
  | { readonly kind: "ok"; readonly value: Value }
  | { readonly kind: "failed"; readonly failure: EngineFailure };

export interface Engine {
  readonly endpoint: Endpoint;
  /** Ids of the containers that run (paused ones too) and carry every label, `KEY` or `KEY=VALUE`. */
  list(
    labels: readonly string[],
    signal: AbortSignal,
  ): Promise<Asked<string[]>>;
  /** By its name, or twelve digits of its id at least. */
  inspect(reference: string, signal: AbortSignal): Promise<Asked<Container>>;
  /** Runs a program inside; no shell. What a time limit ends here goes on inside. */
  execute(id: string, command: ContainerCommand): Promise<ProgramResult>;
  /** Signals the container's first process. */
  kill(id: string, name: "HUP", signal: AbortSignal): Promise<Asked<null>>;
  processes(
    id: string,
    signal: AbortSignal,
  ): Promise<Asked<readonly ListedProcess[]>>;
  /** Both outputs of the container since then. */
  logs(
    container: Pick<Container, "id" | "hasTerminal">,
    since: Date,
    signal: AbortSignal,
  ): Promise<Asked<string>>;
}

export interface ContainerCommand {
  readonly words: readonly string[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** Old enough for Docker 20.10 and Podman 4, new enough for Docker 29. */
const version = "/v1.41";
const fallbackVersion = "";

export function openEngine(endpoint: Endpoint, timeoutMs: number): Engine {
  const ask = async (
    question: Omit<EngineRequest, "timeoutMs"> & {
      readonly timeoutMs?: number;
    },
  ): Promise<Asked<Buffer>> => {
    const answer = await askVersioned(endpoint, { timeoutMs, ...question });
    if (answer.kind === "failed") return answer;
    const { status, body } = answer;
    return status < 400 ? { kind: "ok", value: body } : refusal(status, body);
  };
  const askJson = async (
    path: string,
    signal: AbortSignal,
  ): Promise<Asked<unknown>> => {
    const answer = await ask({ method: "GET", path, signal });
    return answer.kind === "failed" ? answer : parse(answer.value);
  };
  return {
    endpoint,
    list: async (labels, signal) => {
      const filters = encodeURIComponent(JSON.stringify({ label: labels }));
      const path = `/containers/json?filters=${filters}`;
      const answer = await askJson(path, signal);
      return answer.kind === "failed" ? answer : readIds(answer.value);
    },
    inspect: async (reference, signal) => {
      const path = `/containers/${encodeURIComponent(reference)}/json`;
      const answer = await askJson(path, signal);
      if (answer.kind === "failed") return answer;
      const container = readContainer(answer.value);
      if (container === null) return notUnderstood();
      return isCalled(container, reference)
        ? { kind: "ok", value: container }
        : failed("not-found", `knows no container ${reference}`, null);
    },
    execute: (id, command) => execute(ask, id, command),
    kill: async (id, name, signal) => {
      const path = `/containers/${id}/kill?signal=${name}`;
      const answer = await ask({ method: "POST", path, signal });
      return answer.kind === "failed" ? answer : { kind: "ok", value: null };
    },
    processes: async (id, signal) => {
      const query = encodeURIComponent(processListArguments);
      const path = `/containers/${id}/top?ps_args=${query}`;
      const answer = await askJson(path, signal);
      if (answer.kind === "failed") return answer;
      const processes = readProcessList(answer.value);
      return processes === null
        ? notUnderstood()
        : { kind: "ok", value: processes };
    },
    logs: async ({ id, hasTerminal }, since, signal) => {
      const from = (since.getTime() / 1_000).toFixed(3);
      const path = `/containers/${id}/logs?stdout=1&stderr=1&since=${from}&tail=1000`;
      const answer = await ask({ method: "GET", path, signal });
      if (answer.kind === "failed") return answer;
      return { kind: "ok", value: textOf(answer.value, hasTerminal) };
    },
  };
}

/** An engine that has left this version of the API behind, or never had it, is asked in its own. */
async function askVersioned(endpoint: Endpoint, request: EngineRequest) {
  const path = `${version}${request.path}`;
  const answer = await askEngine(endpoint, { ...request, path });
  const isOld =
    answer.kind === "answered" &&
    answer.status === 400 &&
    /client version/.test(answer.body.toString("utf8"));
  return isOld
    ? askEngine(endpoint, {
        ...request,
        path: `${fallbackVersion}${request.path}`,
      })
    : answer;
}

type Ask = (
  question: Omit<EngineRequest, "timeoutMs"> & { readonly timeoutMs?: number },
) => Promise<Asked<Buffer>>;

async function execute(
  ask: Ask,
  id: string,
  { words, timeoutMs, signal }: ContainerCommand,
): Promise<ProgramResult> {
  const silent = { stdout: "", stderr: "" };
  const created = await ask({
    method: "POST",
    path: `/containers/${id}/exec`,
    body: { AttachStdout: true, AttachStderr: true, Tty: false, Cmd: words },
    signal,
  });
  const process = created.kind === "ok" ? parse(created.value) : created;
  const reference = process.kind === "ok" ? textAt(process.value, "Id") : null;
  if (process.kind === "failed" || reference === null)
    return { kind: "not-started", reason: reasonOf(process), ...silent };
  const path = `/exec/${encodeURIComponent(reference)}`;
  const body = { Detach: false, Tty: false };
  const output = await ask({
    method: "POST",
    path: `${path}/start`,
    body,
    timeoutMs,
    signal,
    maxBytes: 64 * 1024 * 1024,
  });
  if (output.kind === "failed")
    return output.failure.reason === "slow"
      ? { kind: "timed-out", timeoutMs, ...silent }
      : { kind: "not-started", reason: reasonOf(output), ...silent };
  const end = await ask({ method: "GET", path: `${path}/json`, signal });
  const state = end.kind === "ok" ? parse(end.value) : end;
  const exitCode =
    state.kind === "ok" ? valueAt(state.value, "ExitCode") : null;
  const { stdout, stderr } = readFrames(output.value);
  const said = {
    stdout: Buffer.from(stdout).toString("utf8"),
    stderr: Buffer.from(stderr).toString("utf8"),
  };
  if (typeof exitCode !== "number")
    return { kind: "not-started", reason: reasonOf(state), ...said };
  // The runtime's own words: no such program, or nothing that can be run.
  if (exitCode === 126 || exitCode === 127)
    return {
      kind: "not-started",
      reason: (said.stdout + said.stderr).trim(),
      ...said,
    };
  return { kind: "exited", exitCode, ...said };
}

function reasonOf(answer: Asked<unknown>): string {
  return answer.kind === "failed"
    ? `the engine ${answer.failure.message}`
    : "the engine's answer cannot be understood";
}

function textOf(bytes: Buffer, hasTerminal: boolean): string {
  if (hasTerminal) return bytes.toString("utf8").replaceAll("\r\n", "\n");
  const { stdout, stderr } = readFrames(bytes);
  return Buffer.concat([stdout, stderr]).toString("utf8");
}

function parse(bytes: Buffer): Asked<unknown> {
  try {
    return { kind: "ok", value: JSON.parse(bytes.toString("utf8")) };
  } catch {
    return notUnderstood();
  }
}

function notUnderstood(): Extract<Asked<never>, { kind: "failed" }> {
  return failed("unsupported", "gives an answer that is not understood", null);
}

function refusal(
  status: number,
  body: Buffer,
): Extract<Asked<never>, { kind: "failed" }> {
  const answer = parse(body);
  const said = answer.kind === "ok" ? textAt(answer.value, "message") : null;
  const words = said ?? `status ${String(status)}`;
  return failed(
    status === 404 ? "not-found" : status === 403 ? "denied" : "refused",
    `says: ${words}`,
    null,
  );
}

function readIds(list: unknown): Asked<string[]> {
  if (!Array.isArray(list)) return notUnderstood();
  const ids = list.flatMap((one: unknown) => textAt(one, "Id") ?? []);
  return { kind: "ok", value: ids };
}
