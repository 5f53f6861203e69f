// @ts-check
/**
 * Draws what the watcher tells by /api/status, and asks again every few seconds. Every word of a certificate or a
 * configuration enters the page as text, never as markup. Runs as it is: nothing builds it.
 *
 * @typedef {import("../../core/report/document.ts").StatusDocument} Status
 * @typedef {import("../../core/report/document.ts").LineageReport} Report
 * @typedef {import("../../core/report/document.ts").EventReport} EventReport
 * @typedef {"good" | "warn" | "bad" | "idle"} Tone
 * @typedef {{ from: number, to: number }} Span
 */

const refreshMs = 10_000;
/** A tunnel that was cut off answers neither yes nor no. */
const answerMs = 8_000;
/** How long a look may be overdue before what is known is called old. */
const patienceMs = 15 * 60_000;
const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

const failures = new Set([
  "rejected",
  "blocked",
  "config-invalid",
  "reload-failed",
  "not-running",
  "stale",
  "unpublished",
  "reloading",
  "locked",
]);

/** @type {Status | null} */
let status = null;
/** When the watcher last answered; 0: never. */
let answeredAt = 0;
let isSilent = false;
let isAsking = false;
/** By how much the watcher's clock is ahead of the browser's: it is the watcher's that judges. */
let aheadMs = 0;
/** Rows stay as long as their certificate does, so that what was opened stays open. @type {Map<string, Row>} */
const rows = new Map();

/** @template {HTMLElement} T @param {string} id @returns {T} */
function element(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return /** @type {T} */ (found);
}

/**
 * @param {string} tag
 * @param {string} className
 * @param {...(Node | string)} content
 */
function make(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className !== "") made.className = className;
  made.append(...content);
  return made;
}

/** A name of a stranger's, whose direction of writing must not spread. @param {string} text */
function isolated(text) {
  return make("bdi", "", text);
}

/** Only what is new: whoever has the page read to them hears of each change once. @param {string} id @param {string} text */
function say(id, text) {
  const place = element(id);
  if (place.textContent !== text) place.textContent = text;
}

async function refresh() {
  if (isAsking) return;
  isAsking = true;
  try {
    await ask();
    isSilent = false;
  } catch (error) {
    isSilent = true;
    tellSilence(error);
  } finally {
    isAsking = false;
  }
  draw();
}

async function ask() {
  const response = await fetch("api/status", {
    cache: "no-cache",
    signal: AbortSignal.timeout(answerMs),
  });
  if (!response.ok) throw new Error(await response.text());
  status = /** @type {Status} */ (await response.json());
  answeredAt = Date.now();
  const told = Date.parse(response.headers.get("date") ?? "");
  const isOff = Math.abs(told - answeredAt) > minute;
  aheadMs = isOff ? told - answeredAt : 0;
}

/** @param {unknown} error */
function tellSilence(error) {
  const reason = error instanceof Error ? error.message.trim() : "";
  say(
    "trouble",
    reason.startsWith("starting")
      ? "The watcher has just started and looks everything through."
      : `The watcher ${sinceLastAnswer()}. Is the connection gone? If not, systemctl status livecert tells why.`,
  );
}

function sinceLastAnswer() {
  return answeredAt === 0
    ? "does not answer"
    : `has not answered since ${clock(answeredAt + aheadMs)}; what stands here is from then`;
}

/** `03:12:05 UTC` @param {number} at */
function clock(at) {
  return `${new Date(at).toISOString().slice(11, 19)} UTC`;
}

/** Since when nobody knows; null: what stands here is true. @param {number} now */
function unknownSince(now) {
  if (isSilent) return answeredAt + aheadMs;
  const { lastRun, reconcileAt } = status?.watcher ?? {};
  const isLate =
    reconcileAt != null && now - Date.parse(reconcileAt) > patienceMs;
  return isLate ? Date.parse(lastRun?.at ?? reconcileAt) : null;
}

function draw() {
  const now = Date.now() + aheadMs;
  element("trouble").hidden = !isSilent;
  if (status === null) return;
  const judged = status.lineages
    .map((report) => ({ report, ...judge(report, now) }))
    .sort(
      (one, other) =>
        gravity[one.tone] - gravity[other.tone] ||
        one.ends - other.ends ||
        nameOf(one.report).localeCompare(nameOf(other.report)),
    );
  drawVerdict(judged, now);
  drawWatcher(status, now);
  const span = spanOf(
    judged.map(({ report }) => report),
    now,
  );
  drawAxis(span, now);
  drawRows(judged, span, now);
  drawPublications(status);
  drawRetries(status, now);
  drawEvents(status, now);
  drawWarnings(status);
}

/** @type {Record<Tone, number>} */
const gravity = { bad: 0, warn: 1, good: 2, idle: 3 };

/** @param {Report} report */
function nameOf({ name, path }) {
  return name ?? path;
}

/** What clients are handed; the file's where nothing was seen. @param {Report} report */
function datesOf({ served, leaf }) {
  return served[0] ?? leaf;
}

/**
 * @param {Report} report
 * @param {number} now
 * @returns {{ tone: Tone, word: string, ends: number }}
 */
function judge(report, now) {
  const { outcome, renewalDue } = report;
  const dates = datesOf(report);
  const ends = dates === null ? Infinity : Date.parse(dates.notAfter);
  const is = (/** @type {Tone} */ tone, /** @type {string} */ word) => ({
    tone,
    word,
    ends,
  });
  if (outcome === "unused") return is("idle", "not used");
  if (ends <= now) return is("bad", "expired");
  if (dates !== null && isEnding(dates, now))
    return is("bad", "about to expire");
  if (outcome !== null && failures.has(outcome)) return is("bad", outcome);
  if (renewalDue !== null && Date.parse(renewalDue) < now)
    return is("warn", "overdue");
  if (outcome === "live" || outcome === "deployed") return is("good", "live");
  return is("warn", outcome ?? "unknown");
}

/** Less than a tenth of its lifetime is left. @param {{ notBefore: string, notAfter: string }} dates @param {number} now */
function isEnding({ notBefore, notAfter }, now) {
  const ends = Date.parse(notAfter);
  return ends - now < (ends - Date.parse(notBefore)) / 10;
}

/** @typedef {{ report: Report, tone: Tone, word: string, ends: number }} Judged */

/** @param {readonly Judged[]} judged @param {number} now */
function drawVerdict(judged, now) {
  const used = judged.filter(({ tone }) => tone !== "idle");
  const unpublished = failedPublications().length;
  const words = [
    ...used.filter(({ tone }) => tone !== "good").map(wordFor),
    ...Array.from({ length: unpublished }, () => "not published"),
  ];
  const since = unknownSince(now);
  // Nothing green that nobody knows.
  document.body.classList.toggle("old", since !== null);
  const isBad = unpublished > 0 || used.some(({ tone }) => tone === "bad");
  const worst = isBad ? "bad" : words.length > 0 ? "warn" : "good";
  const known = words.length + used.length === 0 ? "idle" : worst;
  element("verdict").className = since === null ? known : "idle";
  const verdict = headline(used.length, words);
  say(
    "headline",
    since === null ? verdict : `Unknown since ${clock(since).slice(0, 5)} UTC`,
  );
  say(
    "numbers",
    since === null
      ? numbers(used, judged.length - used.length, now)
      : `Until then: ${verdict}`,
  );
  const sign = since === null ? String(words.length) : "?";
  const host = status?.host ?? "";
  document.title = `${sign === "0" ? "" : `(${sign}) `}${host} · livecert`;
  say("host", host);
}

/** @param {readonly Judged[]} used @param {number} unused @param {number} now */
function numbers(used, unused, now) {
  const first = used
    .filter(({ ends }) => ends > now)
    .reduce((least, { ends }) => Math.min(least, ends), Infinity);
  return [
    ...(used.length === 0 ? [] : [counted(used.length, "certificate")]),
    ...(unused === 0 ? [] : [`${unused} not used by Nginx`]),
    ...(Number.isFinite(first)
      ? [`the next expires ${relative(first, now)}`]
      : []),
  ].join(" · ");
}

/** As the first line counts them. @param {Judged} judged */
function wordFor({ tone, word }) {
  if (word === "expired" || word === "about to expire") return word;
  if (tone === "bad") return "not live";
  return word === "overdue" ? "overdue for renewal" : "not seen";
}

/** The most grave first. */
const order = [
  "expired",
  "about to expire",
  "not live",
  "not published",
  "overdue for renewal",
  "not seen",
];

/** @param {number} count @param {readonly string[]} words */
function headline(count, words) {
  const parts = order.flatMap((word) => {
    const number = words.filter((one) => one === word).length;
    return number === 0 ? [] : [`${number} ${word}`];
  });
  if (parts.length > 0) return parts.join(", ");
  if (count === 0) return "Nginx uses no certificate that livecert knows";
  return count === 1 ? "The certificate is live" : "Every certificate is live";
}

/** @param {Status} status @param {number} now */
function drawWatcher({ watcher, nginx }, now) {
  if (watcher === null) return;
  const { lastRun, reconcileAt } = watcher;
  const parts = [
    ...(nginx === null || nginx.masterPid !== null
      ? []
      : ["Nginx is not running"]),
    ...(nginx?.configOk === false ? ["Nginx's own test fails"] : []),
    ...(lastRun === null
      ? []
      : [`looked ${relative(Date.parse(lastRun.at), now)}`]),
    ...(reconcileAt === null ? [] : [nextLook(Date.parse(reconcileAt), now)]),
  ];
  say("watcher", parts.join(" · "));
}

/** @param {number} at @param {number} now */
function nextLook(at, now) {
  return at < now
    ? `the next look was due ${relative(at, now)}`
    : `next look ${relative(at, now)}`;
}

/**
 * What the axis shows: short-lived certificates as a whole, those for years as far as the others matter.
 *
 * @param {readonly Report[]} reports
 * @param {number} now
 * @returns {Span}
 */
function spanOf(reports, now) {
  const lives = reports.flatMap((report) =>
    [datesOf(report), report.leaf].flatMap((dates) =>
      dates === null
        ? []
        : [
            {
              from: Date.parse(dates.notBefore),
              to: Date.parse(dates.notAfter),
            },
          ],
    ),
  );
  const short = lives.filter(({ from, to }) => to - from <= 120 * day);
  const meant = short.length > 0 ? short : lives;
  const earliest = meant.reduce(
    (least, { from }) => Math.min(least, from),
    now,
  );
  const latest = meant.reduce((most, { to }) => Math.max(most, to), now);
  const past = Math.min(Math.max(now - earliest, day), 200 * day);
  const ahead = Math.min(Math.max(latest - now, 2 * day), 400 * day);
  const margin = (past + ahead) * 0.02;
  return { from: now - past - margin, to: now + ahead + margin };
}

/** @param {number} at @param {Span} span */
function share(at, { from, to }) {
  return (at - from) / (to - from);
}

/** @param {number} value */
function percent(value) {
  return `${(100 * Math.min(1, Math.max(0, value))).toFixed(3)}%`;
}

/** @param {Span} span @param {number} now */
function drawAxis(span, now) {
  const chart = element("chart");
  const axis = element("axis");
  const room = Math.max(2, Math.floor(axis.clientWidth / 90));
  const ticks = ticksOf(span, room);
  const present = share(now, span);
  const lines = ticks.map(({ at }) => {
    const place = percent(share(at, span));
    return `linear-gradient(90deg, transparent calc(${place} - 0.5px), var(--line) calc(${place} - 0.5px) calc(${place} + 0.5px), transparent calc(${place} + 0.5px))`;
  });
  chart.style.setProperty("--now", percent(present));
  chart.style.setProperty(
    "--ticks",
    lines.length === 0 ? "none" : lines.join(", "),
  );
  const clearance = 46 / Math.max(axis.clientWidth, 1);
  const labels = ticks.flatMap(({ at, label }) => {
    const place = share(at, span);
    const isFree =
      Math.abs(place - present) > clearance && place > 0.03 && place < 0.97;
    return isFree ? [mark(label, place, "")] : [];
  });
  axis.replaceChildren(...labels, mark("now", present, "now"));
}

/** @param {string} label @param {number} place @param {string} className */
function mark(label, place, className) {
  const made = make("span", className, label);
  made.style.setProperty("--at", percent(place));
  return made;
}

/** Round days, weeks, months or years, at most as many as there is room for. @param {Span} span @param {number} room */
function ticksOf({ from, to }, room) {
  const days = (to - from) / day;
  const steps = [1, 2, 7, 14, 30.5, 61, 91.5, 183, 366, 732];
  const step = steps.find((one) => days / one <= room) ?? 3660;
  return step < 30 ? dayTicks(from, to, step) : monthTicks(from, to, step);
}

/** @param {number} from @param {number} to @param {number} step */
function dayTicks(from, to, step) {
  const first = Math.ceil(from / (step * day)) * step * day;
  const count = Math.max(0, Math.floor((to - first) / (step * day)) + 1);
  return Array.from({ length: count }, (_, index) => {
    const at = first + index * step * day;
    const date = new Date(at);
    const label = `${date.getUTCDate()} ${months[date.getUTCMonth()] ?? ""}`;
    return { at, label };
  });
}

/** @param {number} from @param {number} to @param {number} step */
function monthTicks(from, to, step) {
  const every = Math.round(step / 30.5);
  const start = new Date(from);
  const ticks = [];
  const first = Math.ceil((start.getUTCMonth() + 1) / every) * every;
  for (let month = first; ; month += every) {
    const at = Date.UTC(start.getUTCFullYear(), month, 1);
    if (at > to) return ticks;
    const isYear = month % 12 === 0;
    const label = isYear
      ? String(new Date(at).getUTCFullYear())
      : (months[month % 12] ?? "");
    ticks.push({ at, label });
  }
}

const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** @param {readonly Judged[]} judged @param {Span} span @param {number} now */
function drawRows(judged, span, now) {
  const wanted = element("filter");
  const words = /** @type {HTMLInputElement} */ (wanted).value
    .trim()
    .toLowerCase();
  const shown = judged.filter(({ report }) => isMeant(report, words));
  const kept = new Set(shown.map(({ report }) => report.path));
  for (const [path, row] of rows)
    if (!kept.has(path)) {
      row.item.remove();
      rows.delete(path);
    }
  element("chart").classList.toggle("empty", judged.length === 0);
  const list = element("rows");
  shown.forEach((one, index) => {
    const row = rows.get(one.report.path) ?? new Row();
    rows.set(one.report.path, row);
    row.draw(one, span, now);
    const there = list.children[index] ?? null;
    if (there !== row.item) list.insertBefore(row.item, there);
  });
  const nothing = element("nothing");
  nothing.hidden = shown.length > 0;
  say(
    "nothing",
    shown.length > 0
      ? ""
      : words === ""
        ? "None yet: Nginx's configuration names no certificate, and Certbot has no lineage."
        : "No name has these letters.",
  );
}

/** @param {Report} report @param {string} words */
function isMeant({ name, path, leaf }, words) {
  const names = [name ?? "", path, ...(leaf?.subjectAltNames ?? [])];
  return words === "" || names.some((one) => one.toLowerCase().includes(words));
}

/** One certificate. */
class Row {
  item = make("li", "");
  #details = /** @type {HTMLDetailsElement} */ (make("details", ""));
  #summary = make("summary", "");
  #name = make("bdi", "name");
  #names = make("span", "names");
  #track = make("div", "track");
  #pill = make("span", "pill");
  #when = make("span", "when");
  /** @type {Judged | null} */
  #judged = null;
  #drawn = "";

  constructor() {
    this.#track.setAttribute("role", "img");
    this.#summary.append(
      make("div", "who", this.#name, this.#names),
      this.#track,
      make("div", "state", this.#pill, this.#when),
    );
    this.#details.append(this.#summary);
    this.item.append(this.#details);
    this.#details.addEventListener("toggle", () => this.#drawMore());
  }

  /** @param {Judged} judged @param {Span} span @param {number} now */
  draw(judged, span, now) {
    const { report, tone, word, ends } = judged;
    const others = otherNames(report);
    this.#judged = judged;
    this.#name.textContent = nameOf(report);
    this.#name.title = nameOf(report);
    this.#names.replaceChildren(isolated(others));
    this.#pill.textContent = word;
    this.#when.textContent = Number.isFinite(ends)
      ? `${ends <= now ? "expired" : "expires"} ${relative(ends, now)}`
      : "";
    const lives = livesOf(report);
    this.#summary.className = lives.length > 1 ? `${tone} two` : tone;
    this.#track.replaceChildren(
      ...lives.map((life) => lifeBar(life, report.renewalDue, span, now)),
    );
    this.#track.setAttribute("aria-label", spoken(report));
    this.#drawMore();
  }

  /** Only for whoever opens it. */
  #drawMore() {
    if (!this.#details.open || this.#judged === null) return;
    const { report } = this.#judged;
    const drawn = JSON.stringify([report, this.#judged.word]);
    if (drawn === this.#drawn && this.#details.lastChild !== this.#summary)
      return;
    this.#drawn = drawn;
    for (const old of this.#details.querySelectorAll(".more")) old.remove();
    this.#details.append(moreAbout(this.#judged));
  }
}

/** @param {Report} report */
function bareNames({ leaf }) {
  return (leaf?.subjectAltNames ?? []).map((name) =>
    name.replace(/^(?:DNS|IP):/, ""),
  );
}

/** @param {Report} report */
function otherNames(report) {
  const names = bareNames(report).filter((name) => name !== nameOf(report));
  const shown = names.slice(0, 3).join(", ");
  const more = names.length - 3;
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** @typedef {{ kind: "served" | "disk", from: number, to: number }} Life */

/** The file's own bar stands beside the served one only where they differ. @param {Report} report @returns {Life[]} */
function livesOf({ served, leaf, outcome }) {
  const [first] = served;
  const isOther =
    leaf !== null &&
    first !== undefined &&
    first.fingerprint256 !== leaf.fingerprint256;
  /** @type {(kind: Life["kind"], dates: { notBefore: string, notAfter: string }) => Life} */
  const life = (kind, { notBefore, notAfter }) => ({
    kind,
    from: Date.parse(notBefore),
    to: Date.parse(notAfter),
  });
  if (first === undefined)
    return leaf === null
      ? []
      : [
          life(
            outcome !== null && failures.has(outcome) ? "disk" : "served",
            leaf,
          ),
        ];
  return isOther
    ? [life("disk", leaf), life("served", first)]
    : [life("served", first)];
}

/** @param {Life} life @param {string | null} due @param {Span} span @param {number} now */
function lifeBar({ kind, from, to }, due, span, now) {
  const bar = make("div", kind === "disk" ? "life disk" : "life");
  const shownFrom = Math.max(from, span.from);
  const shownTo = Math.min(to, span.to);
  const within = { from: shownFrom, to: shownTo };
  bar.style.setProperty("--from", percent(share(shownFrom, span)));
  bar.style.setProperty("--to", percent(share(shownTo, span)));
  bar.style.setProperty("--now-at", percent(share(now, within)));
  const dueAt = due === null ? 1 : share(Date.parse(due), within);
  bar.style.setProperty("--due-at", percent(dueAt));
  bar.style.setProperty(
    "--late-at",
    percent(Math.max(dueAt, share(now, within))),
  );
  if (kind === "served") bar.append(make("i", "late"));
  return bar;
}

/** @param {Report} report */
function spoken(report) {
  const dates = datesOf(report);
  if (dates === null) return "no dates are known";
  const due =
    report.renewalDue === null
      ? ""
      : `, renewal due ${dated(report.renewalDue)}`;
  return `issued ${dated(dates.notBefore)}${due}, expires ${dated(dates.notAfter)}`;
}

/** For what is not renewed and has no other remedy. @param {Judged} judged */
function renewalRemedy({ word, report: { name } }) {
  if (!["expired", "about to expire", "overdue"].includes(word)) return null;
  return name === null
    ? "renew it with the program that made it, then livecert deploy"
    : `certbot renew --cert-name ${/^[\w.*-]+$/.test(name) ? name : `'${name.replaceAll("'", String.raw`'\''`)}'`} --dry-run tells why`;
}

/** @param {Judged} judged */
function moreAbout(judged) {
  const { report } = judged;
  const { leaf, served, renewalDue, reason, remedy, findings, last } = report;
  const list = make("dl", "more");
  /** @type {(title: string, ...content: readonly (Node | string)[]) => void} */
  const add = (title, ...content) => {
    if (content.length > 0)
      list.append(make("dt", "", title), make("dd", "", ...content));
  };
  add("Why", ...(reason === null ? [] : [reason]));
  const what = remedy ?? renewalRemedy(judged);
  add("What to do", ...(what === null ? [] : [make("code", "do", what)]));
  add(
    "Findings",
    ...findings.map(({ rule, message }) =>
      make("div", "", make("code", "", rule), ` ${message}`),
    ),
  );
  add("Where", ...report.probes.map(pointLine));
  const names = bareNames(report);
  if (names.length > 0)
    add("Names", make("div", "chips", ...names.map(isolated)));
  if (leaf !== null)
    add(
      "On disk",
      make("div", "", ...lifetime(leaf)),
      make("div", "", `${leaf.keyType}, by `, isolated(leaf.issuer)),
      make("div", "", make("code", "", leaf.fingerprint256)),
    );
  for (const one of served)
    if (one.fingerprint256 !== leaf?.fingerprint256)
      add(
        "Served",
        make("div", "", ...lifetime(one)),
        make("div", "", make("code", "", one.fingerprint256)),
      );
  add("Renewal due", ...(renewalDue === null ? [] : [dated(renewalDue)]));
  add(
    "Last run",
    ...(last === null ? [] : [`${dated(last.at)}: ${last.outcome}`]),
  );
  add("Path", make("code", "", report.path));
  return list;
}

/** @param {{ notBefore: string, notAfter: string }} dates */
function lifetime({ notBefore, notAfter }) {
  return [
    make("span", "date", `issued ${dated(notBefore)}`),
    ", ",
    make("span", "date", `expires ${dated(notAfter)}`),
  ];
}

/** @type {Record<Report["probes"][number]["verdict"], Tone>} */
const verdictTones = { live: "good", stale: "bad", unverified: "warn" };

/** @param {Report["probes"][number]} probe */
function pointLine({ target, address, servername, verdict, error }) {
  const asked = servername === null ? "without a name" : servername;
  return make(
    "div",
    `point ${verdictTones[verdict]}`,
    make("span", "pill", verdict),
    make("code", "", address),
    isolated(asked),
    ...(target === "host" ? [] : [make("span", "detail", target)]),
    ...(error === null ? [] : [make("span", "detail", error)]),
  );
}

function failedPublications() {
  return (status?.publications ?? []).filter(
    ({ outcome }) => outcome !== null && failures.has(outcome),
  );
}

/** @type {Record<Status["publications"][number]["state"], Tone>} */
const publicationTones = {
  ...{ published: "good", unchanged: "good", due: "idle", held: "warn" },
  ...{ "rolled-back": "warn", rejected: "bad", failed: "bad" },
};

/** @param {Status} status */
function drawPublications({ publications }) {
  element("published").hidden = publications.length === 0;
  element("publications").replaceChildren(
    ...publications.map(({ name, files, state, reason, remedy }) =>
      make(
        "li",
        publicationTones[state],
        isolated(name),
        make("span", "pill", state),
        make(
          "span",
          "what",
          make("span", "detail", reason ?? files.join(", ")),
          ...(remedy === null ? [] : [" ", make("code", "do", remedy)]),
        ),
      ),
    ),
  );
}

/** @param {Status} status @param {number} now */
function drawRetries({ watcher }, now) {
  const retries = watcher?.retries ?? [];
  element("retrying").hidden = retries.length === 0;
  element("retries").replaceChildren(
    ...retries
      .toSorted((one, other) => Date.parse(one.at) - Date.parse(other.at))
      .map(({ name, outcome, attempts, at }) =>
        make(
          "li",
          "bad",
          instant(at, now),
          make("span", "pill", outcome === "" ? "failed" : outcome),
          make(
            "span",
            "what",
            isolated(name),
            make(
              "span",
              "detail",
              ` failed ${attempts === 1 ? "once" : `${attempts} times`}`,
            ),
          ),
        ),
      ),
  );
}

/** @type {Record<string, Tone>} */
const outcomeTones = {
  live: "good",
  deployed: "good",
  published: "good",
  unverified: "warn",
  unused: "idle",
  deferred: "idle",
};

/** @param {Status} status @param {number} now */
function drawEvents({ events }, now) {
  element("quiet").hidden = events.length > 0;
  element("events").replaceChildren(
    ...events
      .slice(0, 20)
      .map(({ at, name, outcome, detail, command }) =>
        make(
          "li",
          outcomeTones[outcome] ?? "bad",
          instant(at, now),
          make("span", "pill", outcome),
          make(
            "span",
            "what",
            isolated(name),
            make(
              "span",
              "detail",
              ` by ${command}`,
              ...(detail === null ? [] : [`: ${detail}`]),
            ),
          ),
        ),
      ),
  );
}

/** @param {Status} status */
function drawWarnings({ warnings }) {
  element("warned").hidden = warnings.length === 0;
  element("warnings").replaceChildren(
    ...warnings.map((warning) => make("li", "", warning)),
  );
}

/** @param {string} at @param {number} now */
function instant(at, now) {
  const made = /** @type {HTMLTimeElement} */ (
    make("time", "", relative(Date.parse(at), now))
  );
  made.dateTime = at;
  made.title = dated(at);
  return made;
}

/** In the largest unit that says enough: `in 63 days`, `5 minutes ago`. @param {number} at @param {number} now */
function relative(at, now) {
  const distance = Math.abs(at - now);
  /** @type {[number, string]} */
  const [length, unit] =
    distance >= 2 * day
      ? [day, "day"]
      : distance >= 2 * hour
        ? [hour, "hour"]
        : distance >= minute
          ? [minute, "minute"]
          : [1_000, "second"];
  const count = Math.floor(distance / length);
  if (unit === "second" && count < 10) return at < now ? "just now" : "now";
  return at < now
    ? `${counted(count, unit)} ago`
    : `in ${counted(count, unit)}`;
}

/** @param {number} count @param {string} unit */
function counted(count, unit) {
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

/** `2026-11-24 03:12 UTC` @param {string} at */
function dated(at) {
  return `${at.slice(0, 10)} ${at.slice(11, 16)} UTC`;
}

element("filter").addEventListener("input", draw);
window.addEventListener("resize", draw);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) void refresh();
});
setInterval(() => {
  if (!document.hidden) void refresh();
}, refreshMs);
void refresh();
