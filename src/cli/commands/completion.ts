import { commands } from "../commands.ts";
import type { CompletionArguments, Invocation } from "../invocation.ts";
import { renderCompletion } from "../render/completion.ts";

export function run({
  arguments: { shell },
  stdout,
}: Invocation<CompletionArguments>): Promise<number> {
  stdout.write(renderCompletion(shell, commands));
  return Promise.resolve(0);
}
