/** The page as a real browser shows it. Its screenshots stay in dist/screenshots. */
import { mkdir } from "node:fs/promises";
import { resolve } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLog } from "../../../src/adapters/log/log.ts";
import type { Serving } from "../../../src/adapters/http/server.ts";
import { openEndpoint, type Present } from "../../../src/service/endpoint.ts";
import { fiveHundred, hostileNames, presentOf, three } from "./present.ts";

const screenshots = resolve(import.meta.dirname, "../../../dist/screenshots");

let browser: Browser;

beforeAll(async () => {
  await mkdir(screenshots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
});

afterAll(async () => {
  await browser.close();
});

class PageBed implements AsyncDisposable {
  readonly page: Page;
  /** What the browser complained about: errors, and what the policy forbade. */
  readonly complaints: string[] = [];
  readonly #serving: Serving;

  constructor(page: Page, serving: Serving) {
    this.page = page;
    this.#serving = serving;
    page.on("console", (message) => {
      if (message.type() === "error" || message.type() === "warning")
        this.complaints.push(message.text());
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      this.complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
  }

  static async open(
    present: () => Present | null,
    view: { readonly width: number; readonly scheme: "light" | "dark" },
  ): Promise<PageBed> {
    const serving = await openEndpoint({
      endpoint: { kind: "tcp", address: "127.0.0.1", port: 0 },
      log: createLog({
        level: "silent",
        format: { kind: "json", priorities: false },
        descriptor: 2,
        now: () => new Date(),
      }),
      now: () => new Date(),
      present,
      measure: () => Promise.resolve([]),
    });
    if (serving?.endpoint.kind !== "tcp") throw new Error("not served");
    const page = await browser.newPage({
      viewport: { width: view.width, height: 900 },
      colorScheme: view.scheme,
      reducedMotion: "reduce",
    });
    const bed = new PageBed(page, serving);
    await page.goto(`http://127.0.0.1:${String(serving.endpoint.port)}/`);
    return bed;
  }

  /** How much wider the document is than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.close();
    await this.#serving[Symbol.asyncDispose]();
  }
}

describe.each([
  ["3", three],
  ["500", fiveHundred],
] as const)("the page with %s certificates", (number, recipes) => {
  it.each([
    [400, "light"],
    [400, "dark"],
    [1_400, "light"],
    [1_400, "dark"],
  ] as const)(
    "fits %i px in the %s without a complaint of the browser's",
    async (width, scheme) => {
      const present = presentOf(recipes, new Date());
      await using bed = await PageBed.open(() => present, { width, scheme });
      await bed.page.waitForSelector("#rows > li");
      expect(await bed.page.locator("#rows > li").count()).toBe(recipes.length);
      expect(await bed.overflow()).toBe(0);
      await bed.page.screenshot({
        path: resolve(screenshots, `${number}-${String(width)}-${scheme}.png`),
      });
      await bed.page.locator("#rows summary").first().click();
      await bed.page.waitForSelector(".more");
      expect(await bed.overflow()).toBe(0);
      await bed.page.screenshot({
        path: resolve(
          screenshots,
          `${number}-${String(width)}-${scheme}-open.png`,
        ),
        fullPage: number === "3",
      });
      expect(bed.complaints).toEqual([]);
    },
  );
});

describe("the page", () => {
  const view = { width: 900, scheme: "light" } as const;

  it("shows hostile names as text and runs nothing of them", async () => {
    const present = presentOf(fiveHundred, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    const shown = await bed.page.locator("#rows .name").allTextContents();
    for (const name of hostileNames) expect(shown).toContain(name);
    expect(await bed.page.locator("#rows script, #rows img").count()).toBe(0);
    expect(bed.complaints).toEqual([]);
  });

  it("lets the browser run nothing but its own script, wherever it is put", async () => {
    const present = presentOf(three, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    await bed.page.evaluate(`
      const script = document.createElement("script");
      script.textContent = "window.wasRun = true";
      document.body.append(script);
      document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.wasRun = true'>");
    `);
    await expect
      .poll(() => bed.complaints.join())
      .toContain("inline event handler");
    expect(bed.complaints.join()).toContain("inline script");
    expect(await bed.page.evaluate("window.wasRun")).toBeUndefined();
  });

  it("says first what is wrong, then where, then what expires next", async () => {
    const present = presentOf(three, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    expect(await bed.page.locator("#headline").textContent()).toBe(
      "1 not live",
    );
    expect(await bed.page.locator("#rows .name").allTextContents()).toEqual([
      "shop.example.com",
      "short.example.net",
      "example.org",
    ]);
    await bed.page.locator("#rows summary").first().click();
    expect(await bed.page.locator(".more").textContent()).toContain(
      "stale192.0.2.10:443",
    );
    expect(await bed.page.locator("#retries").textContent()).toMatch(
      /in 3 minutes.*shop\.example\.com/,
    );
  });

  it("takes in what is new, and keeps open what was opened", async () => {
    let present = presentOf(three, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    await bed.page.locator("#rows summary").first().click();
    present = presentOf(
      three.map((recipe) => ({
        ...recipe,
        outcome: "live",
        servesOld: false,
      })),
      new Date(),
    );
    await bed.page.evaluate("refresh()");
    expect(await bed.page.locator("#headline").textContent()).toBe(
      "Every certificate is live",
    );
    const opened = bed.page.locator("#rows details[open] .name");
    expect(await opened.allTextContents()).toEqual(["shop.example.com"]);
    expect(await bed.page.locator("#retrying").isHidden()).toBe(true);
  });

  it("filters by any name of a certificate", async () => {
    const present = presentOf(fiveHundred, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    await bed.page.fill("#filter", "MAIL.site-42.");
    expect(await bed.page.locator("#rows .name").allTextContents()).toEqual([
      "site-42.example.org",
    ]);
    await bed.page.fill("#filter", "no such name");
    expect(await bed.page.locator("#nothing").isVisible()).toBe(true);
    await bed.page.fill("#filter", "");
    expect(await bed.page.locator("#rows > li").count()).toBe(500);
  });

  it("says that the watcher does not answer, and goes on showing what it knew", async () => {
    const present = presentOf(three, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    await bed.page.route("**/api/status", (route) => route.abort());
    await bed.page.evaluate("refresh()");
    expect(await bed.page.locator("#trouble").textContent()).toContain(
      "has not answered",
    );
    expect(await bed.page.locator("#rows > li").count()).toBe(3);
    await bed.page.unroute("**/api/status");
    await bed.page.evaluate("refresh()");
    expect(await bed.page.locator("#trouble").isHidden()).toBe(true);
  });

  it("says so while the watcher has not looked at everything yet", async () => {
    await using bed = await PageBed.open(() => null, view);
    await bed.page.waitForSelector("#trouble:not([hidden])");
    expect(await bed.page.locator("#trouble").textContent()).toContain(
      "has just started",
    );
  });
});
