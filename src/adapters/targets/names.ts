/** Targets are known by their names, in the state too, so that two of them must not share one. */
export interface TargetNames {
  /**
   * The name that is wanted, or, where somebody else has it already, the same with its place (an engine's address).
   *
   * @param identity tells whether it is the same one, found again
   */
  give(wanted: string, identity: string, place: string): string;
}

export function targetNames(): TargetNames {
  const holders = new Map<string, string>();
  return {
    give(wanted, identity, place) {
      const holder = holders.get(wanted) ?? identity;
      const name = holder === identity ? wanted : `${wanted} (${place})`;
      holders.set(name, identity);
      return name;
    },
  };
}
