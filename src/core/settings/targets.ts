/** The entries of `targets`: which Nginx there are, and how each is reached. */
import {
  fieldsSchema,
  invalid,
  readFields,
  sharedName,
  type EntryReading,
  type EntryType,
  type RawEntry,
} from "./entry.ts";

export type TargetSetting =
  | HostTargetSetting
  | ContainerTargetSetting
  | SidecarTargetSetting
  | CommandTargetSetting;

/** The host's own Nginx, as the `nginx.*` options describe it. */
export interface HostTargetSetting {
  readonly kind: "host";
  readonly name: string;
}

export interface ContainerTargetSetting {
  readonly kind: "container";
  readonly select: ContainerSelector;
  /** `unix:///run/docker.sock`, `tcp://…`; null: the one that the user's command line would talk to. */
  readonly engine: string | null;
  /** The Nginx program inside; null: the one that runs there. */
  readonly nginx: string | null;
  /** By a listener's address or port inside: where it answers from here. */
  readonly addresses: Readonly<Record<string, string>>;
  /** By a directory or file inside: where it lies here. */
  readonly paths: Readonly<Record<string, string>>;
}

/** Which containers are meant; several may be, each is a target of its own. */
export type ContainerSelector =
  /** Name or id. */
  | { readonly by: "name"; readonly name: string }
  /** Of compose; `project` null: of any. */
  | {
      readonly by: "service";
      readonly project: string | null;
      readonly service: string;
    }
  | { readonly by: "label"; readonly label: string };

/** The Nginx of the container whose process and network namespaces livecert's own container shares. */
export interface SidecarTargetSetting {
  readonly kind: "sidecar";
  readonly name: string;
}

/** An Nginx that is asked and reloaded by the user's own commands. */
export interface CommandTargetSetting {
  readonly kind: "command";
  readonly name: string;
  readonly dump: readonly string[];
  /** null: `dump` is the test as well. */
  readonly test: readonly string[] | null;
  readonly reload: readonly string[];
  /** Holds the master's pid as this machine counts. */
  readonly pidFile: string;
}

const hostFields = { kind: "text", name: "text" } as const;
const containerFields = {
  kind: "text",
  name: "text",
  service: "text",
  label: "text",
  engine: "text",
  nginx: "text",
  addresses: "texts-by-text",
  paths: "texts-by-text",
} as const;
const sidecarFields = { kind: "text", name: "text" } as const;
const commandFields = {
  kind: "text",
  name: "text",
  dump: "words",
  test: "words",
  reload: "words",
  "pid-file": "path",
} as const;

export const targetEntry: EntryType<TargetSetting> = {
  read: readTarget,
  refuse,
  schema: {
    oneOf: [
      fieldsSchema("host", hostFields, []),
      fieldsSchema("container", containerFields, []),
      fieldsSchema("sidecar", sidecarFields, []),
      fieldsSchema("command", commandFields, [
        "name",
        "dump",
        "reload",
        "pid-file",
      ]),
    ],
  },
};

/** The state keeps what is known of each by its name. Containers of one name at two engines are told apart when found. */
function refuse(targets: readonly TargetSetting[]): string | null {
  const names = targets.flatMap((one) =>
    one.kind === "container" ? [] : [one.name],
  );
  const containers = targets.flatMap((one) =>
    one.kind === "container" && one.select.by === "name"
      ? [one.select.name]
      : [],
  );
  return sharedName([...new Set(containers), ...names]);
}

function readTarget(raw: RawEntry, base: string): EntryReading<TargetSetting> {
  switch (raw["kind"]) {
    case "host":
      return readHost(raw, base);
    case "container":
      return readContainer(raw, base);
    case "sidecar":
      return readSidecar(raw, base);
    case "command":
      return readCommand(raw, base);
    default:
      return invalid("needs a kind: host, container, sidecar or command");
  }
}

function readHost(raw: RawEntry, base: string): EntryReading<TargetSetting> {
  const fields = readFields(raw, hostFields, base);
  if (fields.kind === "invalid") return fields;
  return ok({ kind: "host", name: fields.value.name ?? "host" });
}

function readContainer(
  raw: RawEntry,
  base: string,
): EntryReading<TargetSetting> {
  const fields = readFields(raw, containerFields, base);
  if (fields.kind === "invalid") return fields;
  const { name, service, label, engine, nginx } = fields.value;
  const given = [name, service, label].filter((one) => one !== null);
  if (given.length !== 1)
    return invalid("needs exactly one of name, service and label");
  const paths = fields.value.paths ?? {};
  if (![...Object.keys(paths), ...Object.values(paths)].every(isAbsolute))
    return invalid("has a path in paths that is not absolute");
  return ok({
    kind: "container",
    select: selector(name, service, label),
    engine,
    nginx,
    addresses: fields.value.addresses ?? {},
    paths,
  });
}

function isAbsolute(path: string): boolean {
  return path.startsWith("/");
}

function selector(
  name: string | null,
  service: string | null,
  label: string | null,
): ContainerSelector {
  if (name !== null) return { by: "name", name };
  if (label !== null) return { by: "label", label };
  const [, project = null, ofProject = ""] =
    /^(?:([^/]+)\/)?(.*)$/s.exec(service ?? "") ?? [];
  return { by: "service", project, service: ofProject };
}

function readSidecar(raw: RawEntry, base: string): EntryReading<TargetSetting> {
  const fields = readFields(raw, sidecarFields, base);
  if (fields.kind === "invalid") return fields;
  return ok({ kind: "sidecar", name: fields.value.name ?? "sidecar" });
}

function readCommand(raw: RawEntry, base: string): EntryReading<TargetSetting> {
  const fields = readFields(raw, commandFields, base);
  if (fields.kind === "invalid") return fields;
  const { name, dump, test, reload, "pid-file": pidFile } = fields.value;
  if (name === null || dump === null || reload === null || pidFile === null)
    return invalid("needs name, dump, reload and pid-file");
  return ok({ kind: "command", name, dump, test, reload, pidFile });
}

function ok(value: TargetSetting): EntryReading<TargetSetting> {
  return { kind: "ok", value };
}
