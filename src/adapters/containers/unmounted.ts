/** Certificates of a container's configuration that no mount shows: copied, so that they are judged like all others. */
import { describeContainer } from "../../core/containers/container.ts";
import { readModel } from "../../core/nginx/read-model.ts";
import { certificateSources } from "../../core/nginx/sources.ts";
import type { DumpResult } from "../../ports.ts";
import type { Copies, InnerReading } from "./copies.ts";
import type { SeenContainer } from "./lookup.ts";
import { innerFile, localPath } from "./paths.ts";

type Dump = Extract<DumpResult, { kind: "ok" }>;

/** Returns a warning for each one that cannot be copied. */
export async function copyUnmounted(
  dump: Dump,
  { container, files }: SeenContainer,
  copies: Copies,
  reading: Omit<InnerReading, "id" | "file">,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  for (const path of certificatesIn(dump)) {
    if (localPath(path, files) !== null) continue;
    const file = innerFile(path, files);
    const from = { ...reading, id: container.id, file };
    if (await copies.refresh(path, from)) continue;
    warnings.push(
      `${path} of ${describeContainer(container)} cannot be read from here, so it is not looked after`,
    );
  }
  return warnings;
}

function certificatesIn({ text, prefix }: Dump): readonly string[] {
  const model = readModel(text, { prefix, hostname: "" });
  return certificateSources(model)
    .filter(({ dynamic }) => !dynamic)
    .map(({ certificate }) => certificate);
}
