/** Put in by the build from package.json. */
declare const LIVECERT_VERSION: string | undefined;

/** `source` where the program runs unbuilt, as in tests. */
export const version =
  typeof LIVECERT_VERSION === "undefined" ? "source" : LIVECERT_VERSION;
