/** Takes the lock of the run directory given, says `held`, and keeps it until it is killed. */
import { takeLock } from "../../../src/adapters/store/lock.ts";

const [runDir = ""] = process.argv.slice(2);
const { signal } = new AbortController();
await takeLock({ runDir, waitMs: 60_000, command: "deploy", signal });
process.stdout.write("held\n");
setInterval(() => undefined, 60_000);
