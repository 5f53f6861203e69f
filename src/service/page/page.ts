/** The page at `/`: three files put into one document, which asks for nothing but `/api/status`. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { unpack } from "../../adapters/code/texts.ts";
import type { Resource } from "../../adapters/http/server.ts";

interface PageFiles {
  readonly html: string;
  readonly css: string;
  readonly js: string;
}

/** Put in by the build: their JSON, packed. */
declare const LIVECERT_PAGE: string | undefined;

let made: Resource | null = null;

/** The same for everybody, whatever is known. */
export function page(): Resource {
  return (made ??= makePage(
    typeof LIVECERT_PAGE === "undefined"
      ? readPage()
      : (JSON.parse(unpack(LIVECERT_PAGE)) as PageFiles),
  ));
}

/** Where the program runs unbuilt, as in tests. */
function readPage(): PageFiles {
  const read = (name: string): string =>
    readFileSync(new URL(name, import.meta.url), "utf8");
  return {
    html: read("./page.html"),
    css: read("./page.css"),
    js: read("./page.js"),
  };
}

function makePage({ html, css, js }: PageFiles): Resource {
  const body = Buffer.from(
    html
      .replace(/<style>[^<]*<\/style>/, () => `<style>${css}</style>`)
      .replace(/<script>[^<]*<\/script>/, () => `<script>${js}</script>`),
  );
  const policy = [
    "default-src 'none'",
    `script-src ${digestOf(js)}`,
    `style-src ${digestOf(css)}`,
    "connect-src 'self'",
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ];
  return {
    status: 200,
    type: "text/html; charset=utf-8",
    body,
    tag: `"${createHash("sha256").update(body).digest("base64url").slice(0, 22)}"`,
    headers: { "content-security-policy": policy.join("; ") },
  };
}

/** A browser runs nothing else, whoever finds a way to put it into the page. */
function digestOf(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
