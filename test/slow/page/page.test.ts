/** The page as a real browser shows it. Its screenshots stay in dist/screenshots. */
import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { resolve } from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { PublicationReport } from "../../../src/core/report/document.ts";
import {
  fiveHundred,
  hostileNames,
  presentOf,
  serve,
  three,
  type Shown,
} from "./present.ts";

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
  readonly #served: AsyncDisposable;

  constructor(page: Page, served: AsyncDisposable) {
    this.page = page;
    this.#served = served;
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
    shown: () => Shown | null,
    view: { readonly width: number; readonly scheme: "light" | "dark" },
  ): Promise<PageBed> {
    const served = await serve(shown);
    const page = await browser.newPage({
      viewport: { width: view.width, height: 900 },
      colorScheme: view.scheme,
      reducedMotion: "reduce",
    });
    const bed = new PageBed(page, served);
    await page.goto(served.url);
    return bed;
  }

  async headline(): Promise<string | null> {
    return this.page.locator("#headline").textContent();
  }

  /** The id of what has the focus. */
  focused(): Promise<string> {
    return this.page.evaluate("document.activeElement.id");
  }

  /** How much wider the document is than the window. */
  overflow(): Promise<number> {
    return this.page.evaluate(
      "document.documentElement.scrollWidth - document.documentElement.clientWidth",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.close();
    await this.#served[Symbol.asyncDispose]();
  }
}

describe.each([
  ["0", []],
  ["1", three.slice(0, 1)],
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
      await bed.page.waitForSelector("#rows > li, #nothing:not([hidden])");
      expect(await bed.page.locator("#rows > li").count()).toBe(recipes.length);
      expect(await bed.overflow()).toBe(0);
      await bed.page.screenshot({
        path: resolve(screenshots, `${number}-${String(width)}-${scheme}.png`),
      });
      expect(bed.complaints).toEqual([]);
      const hasAxis = await bed.page.locator("#axis").isVisible();
      expect(hasAxis).toBe(recipes.length > 0);
      if (recipes.length === 0) return;
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

/** What has less contrast than WCAG 2.2 asks of text (1.4.3, level AA: 4.5 to 1). */
const faintText = `(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const over = (grounds) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const ground of grounds) { canvas.fillStyle = ground; canvas.fillRect(0, 0, 1, 1); }
    return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3);
  };
  const light = (colour) => {
    const [r, g, b] = colour.map((one) => one / 255).map((one) => one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = new Set();
  for (const one of document.querySelectorAll("body *")) {
    const isText = [...one.childNodes].some((node) => node.nodeType === 3 && node.data.trim() !== "");
    if (!isText || one.closest("script, style, noscript, [hidden]") !== null) continue;
    const grounds = [];
    for (let place = one; place !== null; place = place.parentElement) grounds.unshift(getComputedStyle(place).backgroundColor);
    const ground = light(over(grounds));
    const text = light(over([...grounds, getComputedStyle(one).color]));
    const contrast = (Math.max(ground, text) + 0.05) / (Math.min(ground, text) + 0.05);
    if (contrast < 4.5) faint.add(one.className + " " + contrast.toFixed(2));
  }
  return [...faint];
})()`;

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
    // Nothing green, and no number that may be wrong by now.
    expect(await bed.headline()).toMatch(/^Unknown since \d\d:\d\d UTC$/);
    expect(await bed.page.locator("#numbers").textContent()).toBe(
      "Until then: 1 not live",
    );
    expect(await bed.page.locator("#verdict").getAttribute("class")).toBe(
      "idle",
    );
    expect(await bed.page.title()).toMatch(/^\(\?\) /);
    const filter = `getComputedStyle(document.getElementById("chart")).filter`;
    expect(await bed.page.evaluate(filter)).toBe("grayscale(1)");
    await bed.page.screenshot({ path: resolve(screenshots, "silent.png") });
    await bed.page.unroute("**/api/status");
    await bed.page.evaluate("refresh()");
    expect(await bed.page.locator("#trouble").isHidden()).toBe(true);
    expect(await bed.headline()).toBe("1 not live");
  });

  it("says so too where the connection neither answers nor ends", async () => {
    const present = presentOf(three, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    await bed.page.route("**/api/status", () => undefined);
    await bed.page.evaluate("refresh()");
    expect(await bed.headline()).toMatch(/^Unknown since /);
    await bed.page.unroute("**/api/status", undefined);
  });

  it("says since when nobody looked, where the watcher answers and does not get its work done", async () => {
    const hour = 3_600_000;
    const { knowledge, present } = presentOf(
      three,
      new Date(Date.now() - 3 * hour),
    );
    const broken = { ...present, broken: 5 };
    await using bed = await PageBed.open(
      () => ({ knowledge, present: broken }),
      view,
    );
    await bed.page.waitForSelector("#rows > li");
    expect(await bed.headline()).toMatch(/^Unknown since /);
    expect(await bed.page.locator("#warnings").textContent()).toMatch(
      /the last 5 runs did not come to their end.*journalctl/,
    );
  });

  it("judges by the watcher's clock where the browser's is wrong", async () => {
    const present = presentOf(three, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    await bed.page.clock.setSystemTime(Date.now() + 400 * 86_400_000);
    await bed.page.evaluate("refresh()");
    expect(await bed.headline()).toBe("1 not live");
  });

  it("names the machine, and what to do for each thing that is wrong", async () => {
    const recipes = [
      { lifetimeDays: 90, ageDays: 95, outcome: "live", name: "over.test" },
      { lifetimeDays: 90, ageDays: 84, outcome: "live", name: "soon.test" },
      { lifetimeDays: 90, ageDays: 70, outcome: "live", name: "it's.test" },
    ] as const;
    const present = presentOf(recipes, new Date());
    const failed: PublicationReport = {
      ...{ name: "mail", lineage: "over.test", files: ["/etc/dovecot/c.pem"] },
      ...{ state: "failed", outcome: "unpublished", version: null },
      ...{ fingerprint256: null, reason: "the disk is full" },
      remedy: "make room, then livecert deploy",
    };
    const { knowledge } = present;
    const board = { ...knowledge.board, publications: [failed] };
    const shown = { ...present, knowledge: { ...knowledge, board } };
    await using bed = await PageBed.open(() => shown, view);
    await bed.page.waitForSelector("#rows > li");
    expect(await bed.page.locator("#host").textContent()).toBe(hostname());
    expect(await bed.page.title()).toBe(`(4) ${hostname()} · livecert`);
    expect(await bed.headline()).toBe(
      "1 expired, 1 about to expire, 1 not published, 1 overdue for renewal",
    );
    expect(await bed.page.locator("#rows .pill").allTextContents()).toEqual([
      "expired",
      "about to expire",
      "overdue",
    ]);
    for (const summary of await bed.page.locator("#rows summary").all())
      await summary.click();
    await expect
      .poll(() => bed.page.locator("#rows .do").allTextContents())
      .toEqual([
        "certbot renew --cert-name over.test --dry-run tells why",
        "certbot renew --cert-name soon.test --dry-run tells why",
        String.raw`certbot renew --cert-name 'it'\''s.test' --dry-run tells why`,
      ]);
    expect(await bed.page.locator("#publications").textContent()).toMatch(
      /mail.*failed.*the disk is full.*make room/,
    );
    await bed.page.screenshot({
      path: resolve(screenshots, "wrong.png"),
      fullPage: true,
    });
  });

  it("can be used by the keyboard alone, and tells a screen reader each change once", async () => {
    const present = presentOf(three, new Date());
    await using bed = await PageBed.open(() => present, view);
    await bed.page.waitForSelector("#rows > li");
    await bed.page.keyboard.press("Tab");
    expect(await bed.focused()).toBe("filter");
    await bed.page.keyboard.press("Tab");
    await bed.page.keyboard.press("Enter");
    expect(await bed.page.locator("#rows details[open]").count()).toBe(1);
    await bed.page.evaluate(`
      window.changes = 0;
      const observer = new MutationObserver((all) => { window.changes += all.length; });
      for (const id of ["verdict", "trouble"])
        observer.observe(document.getElementById(id), { childList: true, characterData: true, subtree: true });
    `);
    await bed.page.evaluate("refresh()");
    expect(await bed.page.evaluate("window.changes")).toBe(0);
  });

  it.each(["light", "dark"] as const)(
    "has text that can be read in the %s",
    async (scheme) => {
      const present = presentOf(fiveHundred, new Date());
      await using bed = await PageBed.open(() => present, { ...view, scheme });
      await bed.page.waitForSelector("#rows > li");
      expect(await bed.page.evaluate(faintText)).toEqual([]);
    },
  );

  it("says so while the watcher has not looked at everything yet", async () => {
    await using bed = await PageBed.open(() => null, view);
    await bed.page.waitForSelector("#trouble:not([hidden])");
    expect(await bed.page.locator("#trouble").textContent()).toContain(
      "has just started",
    );
  });
});
