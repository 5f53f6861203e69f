/** What runSelf starts in a test; the first argument says how it behaves. Its order is echoed. */
import { once } from "node:events";

const behaviours = {
  answers: () => process.stdout.write(order),
  hangs: () => {
    process.on("SIGTERM", () => undefined);
    setInterval(() => undefined, 1_000);
  },
  dies: () => process.kill(process.pid, "SIGKILL"),
  fails: () => process.exit(3),
  waits: async () => {
    await once(process.stdin, "end");
    process.exit(0);
  },
};

const [order] = await once(process.stdin, "data");
await behaviours[process.argv[2]]();
if (process.argv[2] === "answers") process.exit(0);
