/**
 * What the watcher answers over HTTP: `/`, `/api/status`, `/metrics`, `/healthz`. The documents are made elsewhere
 * (documents.ts), once for what is known, when one of them is first asked for.
 */
import {
  openHttp,
  plain,
  type Resource,
  type Serving,
} from "../adapters/http/server.ts";
import type { Log } from "../adapters/log/log.ts";
import {
  contentTypes,
  renderFamilies,
  type Dialect,
} from "../core/metrics/exposition.ts";
import {
  targetFamilies,
  type TargetMeasure,
} from "../core/metrics/families.ts";
import { formatEndpoint, type Endpoint } from "../core/settings/endpoint.ts";
import { documentPath } from "./document-files.ts";
import type { Told } from "./documents.ts";
import { page } from "./page/page.ts";
import type { Present } from "./present.ts";

export interface EndpointOptions {
  readonly endpoint: Endpoint;
  /** Where the documents lie. */
  readonly runDir: string;
  readonly log: Log;
  readonly now: () => Date;
  /** null: nothing has been looked at yet. */
  readonly present: () => Present | null;
  /** Makes the documents. */
  readonly tell: (present: Present) => Promise<Told>;
  readonly measure: () => Promise<readonly TargetMeasure[]>;
}

/** null: switched off, or the address cannot be had, which is logged. */
export async function openEndpoint(
  options: EndpointOptions,
): Promise<Serving | null> {
  const { endpoint, log } = options;
  if (endpoint.kind === "off") return null;
  const documents = documentsOf(options);
  const opening = await openHttp(endpoint, async ({ path, accept }) =>
    documents(path, accept),
  );
  if (opening.kind === "refused") {
    const { reason } = opening;
    log.warn("no metrics and no page", {
      http: formatEndpoint(endpoint),
      reason,
    });
    return null;
  }
  return opening.serving;
}

type Documents = (path: string, accept: string) => Promise<Resource | null>;

function documentsOf(options: EndpointOptions): Documents {
  const { present, log } = options;
  const telling = tellOnce(options);
  const measuring = measureOnce(options);
  return async (path, accept) => {
    const make = makers[path];
    if (path === "/") return page();
    if (make === undefined) return null;
    const known = present();
    if (known === null) return starting;
    try {
      const told = await telling(known);
      return await make({ ...options, told, accept, measuring });
    } catch (error) {
      log.warn("what is known could not be told", { path, error });
      return plain(503, "what is known could not be told; see the log");
    }
  };
}

const starting = plain(503, "starting: not everything has been looked at yet");

interface Making {
  readonly runDir: string;
  readonly told: Told;
  readonly accept: string;
  readonly measuring: () => Promise<readonly TargetMeasure[]>;
}

const makers: Readonly<
  Record<string, (making: Making) => Resource | Promise<Resource>>
> = {
  "/healthz": ({ told: { health } }) =>
    plain(health.isWell ? 200 : 503, health.text),
  "/api/status": ({ runDir, told: { tag } }) => ({
    status: 200,
    type: "application/json; charset=utf-8",
    body: { head: Buffer.alloc(0), file: documentPath(runDir, "status") },
    tag,
  }),
  "/metrics": metrics,
};

async function metrics({
  runDir,
  accept,
  measuring,
}: Making): Promise<Resource> {
  const dialect = dialectFor(accept);
  const families = targetFamilies(await measuring());
  return {
    status: 200,
    type: contentTypes[dialect],
    body: {
      head: Buffer.from(renderFamilies(families, dialect)),
      file: documentPath(runDir, dialect),
    },
    tag: null,
  };
}

function dialectFor(accept: string): Dialect {
  return accept.includes("application/openmetrics-text")
    ? "openmetrics"
    : "text";
}

/** Anew only for something else, or when time has made it wrong; whoever asks meanwhile waits for the same. */
function tellOnce({
  tell,
  now,
}: EndpointOptions): (present: Present) => Promise<Told> {
  let last: { readonly present: Present; readonly told: Promise<Told> } | null =
    null;
  const begin = (present: Present): Promise<Told> => {
    const own = { present, told: tell(present) };
    last = own;
    own.told.catch(() => {
      if (last === own) last = null;
    });
    return own.told;
  };
  return async (present) => {
    const known = last;
    if (known?.present !== present) return begin(present);
    const told = await known.told;
    const { until } = told.health;
    const isOver = until !== null && now() >= new Date(until);
    return isOver && last === known ? begin(present) : told;
  };
}

/** Workers come and go without a run: they are looked at again for whoever asks, this often at most. */
const measureMs = 5_000;

function measureOnce({
  measure,
  now,
}: EndpointOptions): () => Promise<readonly TargetMeasure[]> {
  let measured: {
    readonly atMs: number;
    readonly targets: Promise<readonly TargetMeasure[]>;
  } | null = null;
  return () => {
    const atMs = now().getTime();
    if (measured === null || Math.abs(atMs - measured.atMs) > measureMs)
      measured = { atMs, targets: measure().catch(() => []) };
    return measured.targets;
  };
}
