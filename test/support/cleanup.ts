/**
 * What a test opens is closed in the opposite order when the test ends, also
 * when it fails: `await using` on a bed runs its Cleanup. Node 20 has no
 * AsyncDisposableStack of its own.
 */
export class Cleanup implements AsyncDisposable {
  readonly #actions: (() => Promise<unknown>)[] = [];

  /** Runs `action` at the end; the last one registered runs first. */
  defer(action: () => Promise<unknown>): void {
    this.#actions.push(action);
  }

  use<Resource extends AsyncDisposable>(resource: Resource): Resource {
    this.defer(() => Promise.resolve(resource[Symbol.asyncDispose]()));
    return resource;
  }

  /** Every action runs, whatever the others did; the first failure is thrown afterwards. */
  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let action = this.#actions.pop(); action; action = this.#actions.pop())
      await action().catch((error: unknown) => failures.push(error));
    if (failures.length > 0) throw failures[0];
  }
}
