// Opens pages that `winsessions report` writes in a real browser, and asks them what an analyst would.
//
//   node test.mjs WINSESSIONS MODULES WORK     the program; where playwright-core is installed; a folder to work in
//
// Screenshots stay in WORK. Times are printed, never judged.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { ACCOUNTS, LOGONS, MACHINES, ROUNDS, scenario } from "./many.mjs";

const [winsessions, modules, work] = process.argv.slice(2).map((one) => path.resolve(one));
const { chromium } = createRequire(path.join(modules, "x.js"))("playwright-core");
const here = path.dirname(fileURLToPath(import.meta.url)), fixtures = path.join(here, "../../fixtures");
const run = (...words) => execFileSync(winsessions, words, { encoding: "utf8", maxBuffer: 1 << 30, stdio: ["ignore", "pipe", "pipe"] });
mkdirSync(work, { recursive: true });

function report(name, ...words) {
  const page = path.join(work, name);
  run("report", "--quiet", "-o", page, ...words);
  return page;
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const tests = [];
const test = (claim, body) => tests.push([claim, body]);

// A page of which every complaint is kept, and every request but that for itself.
async function open(file, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1500, height: 950 }, ...options });
  const page = await context.newPage(), address = pathToFileURL(file).href;
  page.complaints = [];
  page.on("console", (message) => { if (["error", "warning"].includes(message.type())) page.complaints.push(message.text()); });
  page.on("pageerror", (error) => page.complaints.push(String(error)));
  page.on("dialog", async (dialog) => { page.complaints.push(`dialog: ${dialog.message()}`); await dialog.dismiss(); });
  page.on("request", (request) => { if (request.url() !== address) page.complaints.push(`request: ${request.url()}`); });
  await page.addInitScript(() => addEventListener("securitypolicyviolation", (event) => console.error("policy:", event.violatedDirective)));
  await page.goto(address);
  if (options.javaScriptEnabled !== false) await page.waitForFunction(() => performance.getEntriesByName("ready").length > 0);
  if (options.javaScriptEnabled !== false) await page.$eval("#controls", (one) => one.scrollIntoView());
  return page;
}
async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}
const range = (page) => page.$eval("#plot", (plot) => [Number(plot.dataset.from), Number(plot.dataset.to)]);
const lanes = (page) => page.$eval("#plot", (plot) => Number(plot.dataset.lanes));
const settled = (page) => page.waitForTimeout(300);
const status = (page) => page.textContent("#status");
const inView = async (page) => Number((await page.textContent("#listtitle")).match(/[\d,]+/)[0].replaceAll(",", ""));
const words = (text) => text.replace(/\s+/g, " ").trim();

// Clicks the first bar of the lane whose name begins so; gives what is told.
async function clickIn(page, lane, wanted = /./) {
  const box = await page.locator(".lane:not(.machine)", { hasText: lane }).first().boundingBox();
  const plot = await page.locator("#plot .u-over").boundingBox();
  for (let y = box.y + 8; y < box.y + box.height; y += 12) {
    for (let x = plot.x + 4; x < plot.x + plot.width; x += 4) {
      await page.mouse.move(x, y);
      if (await page.isHidden("#tip") || !wanted.test(await page.textContent("#tip"))) continue;
      await page.mouse.click(x, y);
      await page.waitForSelector("#story h3");
      return page.textContent("#story");
    }
  }
  assert.fail(`no bar in the lane ${lane} that says ${wanted}`);
}
function told(id, ...evidence) {
  return words(run("explain", "--quiet", id, ...evidence));
}

const folders = readdirSync(fixtures, { withFileTypes: true }).filter((one) => one.isDirectory() && !["traps", "hostile"].includes(one.name));
const evidence = folders.map((one) => path.join(fixtures, one.name, "evidence"));
const workday = path.join(fixtures, "workday/evidence"), server = path.join(fixtures, "server/evidence");

test("all fixtures are drawn, a lane a machine and account, and nothing is complained of", async () => {
  const page = await open(report("fixtures.html", ...evidence));
  const rows = run("sessions", "--quiet", "--format", "jsonl", ...evidence).trim().split("\n").map((row) => JSON.parse(row));
  const wanted = new Set(rows.map((row) => `${row.host} ${row.account_sid ?? row.account_name}`)).size + new Set(rows.map((row) => row.host)).size;
  assert.equal(await lanes(page), wanted);
  await page.click("#whole");
  await settled(page);
  assert.equal(await inView(page), rows.length);
  await page.screenshot({ path: path.join(work, "fixtures.png") });
  await close(page);
});

test("wheel, drag, buttons, keys and the fields of time change what is in view", async () => {
  const page = await open(report("zoom.html", workday));
  const whole = await range(page), span = ([from, to]) => to - from;
  const plot = await page.locator("#plot .u-over").boundingBox(), middle = [plot.x + plot.width / 2, plot.y + 30];
  const changed = async (act) => { const before = await range(page); await act(); await settled(page); return [before, await range(page)]; };
  await page.mouse.move(...middle);
  let [before, after] = await changed(() => page.mouse.wheel(0, -300));
  assert.ok(span(after) < span(before) * 0.8, "wheel");
  [before, after] = await changed(() => page.click("#whole"));
  assert.ok(span(after) >= span(whole) * 0.99, "all");
  [before, after] = await changed(async () => {
    await page.mouse.move(plot.x + plot.width * 0.25, middle[1]);
    await page.mouse.down();
    await page.mouse.move(plot.x + plot.width * 0.5, middle[1], { steps: 5 });
    await page.mouse.up();
  });
  assert.ok(Math.abs(span(after) / span(before) - 0.25) < 0.02, "drag");
  [before, after] = await changed(async () => {
    await page.keyboard.down("Shift");
    await page.mouse.down();
    await page.mouse.move(plot.x + plot.width * 0.25, middle[1], { steps: 5 });
    await page.mouse.up();
    await page.keyboard.up("Shift");
  });
  assert.ok(Math.abs(span(after) - span(before)) < 5 && after[0] > before[0], "shift and drag");
  await page.focus("#plot");
  for (const [key, fits] of [["+", (b, a) => span(a) < span(b)], ["-", (b, a) => span(a) > span(b)], ["ArrowRight", (b, a) => a[0] > b[0]],
    ["ArrowLeft", (b, a) => a[0] < b[0]]]) {
    [before, after] = await changed(() => page.keyboard.press(key));
    assert.ok(fits(before, after), key);
  }
  for (const [button, fits] of [["#zoomin", (b, a) => span(a) < span(b)], ["#zoomout", (b, a) => span(a) > span(b)], ["#later", (b, a) => a[0] > b[0]]]) {
    [before, after] = await changed(() => page.click(button));
    assert.ok(fits(before, after), button);
  }
  await page.fill("#from", "2024-03-04 18:00");
  await page.keyboard.press("Enter");
  await page.fill("#to", "2024-03-04 19:00:30");
  await page.keyboard.press("Enter");
  await settled(page);
  assert.deepEqual(await range(page), [Date.UTC(2024, 2, 4, 18), Date.UTC(2024, 2, 4, 19, 0, 30)]);
  await page.fill("#to", "tomorrow");
  await page.keyboard.press("Enter");
  assert.equal(await page.getAttribute("#to", "aria-invalid"), "true");
  await close(page);
});

test("search and filters narrow lanes, list and count, and say so", async () => {
  const page = await open(report("filters.html", workday, server));
  const rows = run("sessions", "--quiet", "--format", "jsonl", workday, server).trim().split("\n").map((row) => JSON.parse(row));
  const all = await lanes(page);
  const filtered = async (act, fits) => {
    await act();
    await settled(page);
    await page.click("#whole");
    await settled(page);
    const wanted = rows.filter(fits).length;
    assert.ok(wanted > 0 && wanted < rows.length);
    assert.equal(await inView(page), wanted);
    assert.match(await status(page), new RegExp(`${rows.length - wanted} filtered out`));
    assert.ok(await lanes(page) < all);
    await page.click("#clear");
    await settled(page);
    assert.equal(await lanes(page), all);
  };
  await filtered(() => page.fill("#search", "BOB.kern"), (row) => row.account_name === "bob.kern");
  await filtered(() => page.fill("#search", "birch"), (row) => row.host.startsWith("SRV-BIRCH") || /BIRCH/.test(`${row.account_domain} ${row.workstation}`));
  await filtered(() => page.fill("#address", "192.0.2.44"), (row) => row.source_address === "192.0.2.44");
  await filtered(() => page.click("#people"), (row) => row.interactivity === "interactive");
  await filtered(() => page.click("#noservice"), (row) => row.interactivity !== "non-interactive");
  await filtered(async () => {
    await page.click("#kinds summary");
    await page.click("#kinds button:text('None')");
    await page.click("#kinds label:has-text('rdp')");
    await page.keyboard.press("Escape");
  }, (row) => row.kind === "rdp");
  await filtered(async () => {
    await page.click("#classes summary");
    await page.click("#classes button:text('None')");
    await page.click("#classes label:has-text('domain-user')");
    await page.keyboard.press("Escape");
  }, (row) => row.account_class === "domain-user");
  await filtered(() => page.selectOption("#look", "start"), (row) => row.start_source !== "recorded");
  const one = rows.find((row) => row.kind === "rdp");
  await filtered(() => page.fill("#search", one.session_id), (row) => row.session_id === one.session_id);
  await page.fill("#search", "nobody is called so");
  await settled(page);
  assert.equal(await inView(page), 0);
  await close(page);
});

test("a click tells a session in the words of explain, with its records", async () => {
  const page = await open(report("story.html", workday));
  const rows = run("sessions", "--quiet", "--format", "jsonl", workday).trim().split("\n").map((row) => JSON.parse(row));
  const rdp = rows.find((row) => row.kind === "rdp");
  const story = words(await clickIn(page, "bob.kern", /: rdp/));
  for (const record of rdp.records) assert.ok(story.includes(`record ${record.record_id}`), `record ${record.record_id}`);
  const shown = await page.$$eval("#story .hint ~ *", (all) => all.map((one) => one.textContent).join(" "));
  assert.equal(words(shown), told(rdp.session_id, workday));
  await page.screenshot({ path: path.join(work, "story.png") });
  // The marks of a machine tell their records, too.
  await page.keyboard.press("Escape");
  assert.ok(await page.isHidden("#details"));
  await close(page);
});

test("the page can be used by keyboard alone", async () => {
  const page = await open(report("keyboard.html", workday));
  await page.focus("#search");
  await page.keyboard.type("alice");
  await settled(page);
  await page.focus("#plot");
  assert.equal(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), "solid");
  await page.keyboard.press("n");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#story h3");
  assert.match(await page.textContent("#story h2"), /alice/);
  assert.equal(await page.evaluate(() => document.activeElement.id), "details");
  await page.keyboard.press("Escape");
  assert.equal(await page.evaluate(() => document.activeElement.id), "plot");
  // The list's rows are buttons, each with a name.
  await page.focus("#list tbody button");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#story h3");
  const unnamed = await page.$$eval("button, input, select", (all) => all.filter((one) => one.offsetParent !== null
    && !(one.ariaLabel || one.textContent.trim() || one.labels?.[0]?.textContent.trim())).length);
  assert.equal(unnamed, 0);
  await close(page);
});

test("names that would be markup stay text", async () => {
  const folder = path.join(work, "hostile");
  rmSync(folder, { recursive: true, force: true });
  run("synth", path.join(here, "hostile.toml"), folder);
  const names = path.join(fixtures, "hostile/names/evidence"), file = report("hostile.html", folder, names);
  for (const javaScriptEnabled of [true, false]) {
    const page = await open(file, { javaScriptEnabled });
    if (javaScriptEnabled) {
      const story = await clickIn(page, "<img src=x onerror=alert(1)>");
      assert.ok(story.includes("<img src=x onerror=alert(1)>"));
      await page.fill("#search", "<");
      await settled(page);
      for (const button of await page.$$("#list tbody button")) { await button.click(); await page.waitForSelector("#story h3"); }
      const made = await page.$$eval("img, iframe, svg, b, [autofocus], [onfocus], [onerror], [onload]", (all) => all.length);
      assert.equal(made, 0);
      assert.equal(await page.$$eval("script:not([type])", (all) => all.length), 2);
    } else assert.equal(await page.locator("img, iframe, b").count(), 0);
    const text = await page.textContent("body");
    assert.ok(!/[\u202e\u200b\u009b]/.test(text), "what acts or hides is escaped");
    assert.ok(text.includes("\\u{202e}nimda"));
    await page.screenshot({ path: path.join(work, `hostile-${javaScriptEnabled}.png`) });
    await close(page);
  }
});

test("light and dark, by the system and by the switch", async () => {
  const file = report("theme.html", workday);
  const paper = (page) => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await open(file, { colorScheme: "light" }), dark = await open(file, { colorScheme: "dark" });
  const [bright, black] = [await paper(light), await paper(dark)];
  assert.notEqual(bright, black);
  await light.click("#theme");
  assert.equal(await paper(light), black);
  await light.click("#theme");
  assert.equal(await paper(light), bright);
  await dark.screenshot({ path: path.join(work, "dark.png") });
  await close(light);
  await close(dark);
});

test("it prints light, without what cannot be pressed on paper", async () => {
  const page = await open(report("print.html", workday), { colorScheme: "dark" });
  await page.emulateMedia({ media: "print" });
  await settled(page);
  assert.ok(await page.isHidden("#search"));
  assert.ok(await page.isVisible("#summary"));
  assert.ok(await page.isVisible("#plot canvas"));
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor), "rgb(255, 255, 255)");
  const printed = await page.pdf({ path: path.join(work, "print.pdf"), preferCSSPageSize: true });
  assert.ok(printed.length > 10000);
  await close(page);
});

test("without scripts there is a summary, a still picture and the sessions", async () => {
  const page = await open(report("still.html", workday), { javaScriptEnabled: false });
  assert.ok(await page.isVisible("#summary"));
  assert.ok(await page.isHidden("#application"));
  assert.ok(await page.isVisible("svg rect"));
  assert.ok((await page.textContent("noscript table")).includes("bob.kern"));
  const dates = await page.$$eval("svg text.tick", (all) => all.map((one) => one.textContent));
  assert.ok(dates.length > 1 && dates.every((one) => /^2024-03-0[45]/.test(one)), dates.join());
  await page.screenshot({ path: path.join(work, "still.png"), fullPage: true });
  await close(page);
});

test("a state since nobody knows when is drawn as nothing else is, and the legend tells it", async () => {
  const folder = path.join(work, "vague");
  rmSync(folder, { recursive: true, force: true });
  run("synth", path.join(here, "vague.toml"), folder);
  const page = await open(report("vague.html", folder));
  const entries = await page.$$eval("#legend li", (all) => all.map((one) => [one.textContent, one.querySelector("canvas")?.toDataURL() ?? ""]));
  const drawn = new Map(entries);
  assert.ok(drawn.has("locked") && drawn.has("opening angle: so at its end, nobody knows since when"), [...drawn.keys()].join("; "));
  assert.equal(new Set(drawn.values()).size, drawn.size, "every sign is another");
  await page.screenshot({ path: path.join(work, "vague.png") });
  await close(page);
  const without = await open(report("without.html", workday));
  assert.ok(!(await without.textContent("#legend")).includes("opening angle"));
  await close(without);
});

test("starts and ends are told as they are recorded, also where the clock was set back", async () => {
  const folder = path.join(work, "back");
  rmSync(folder, { recursive: true, force: true });
  run("synth", path.join(here, "back.toml"), folder);
  const rows = run("sessions", "--quiet", "--format", "jsonl", folder, ...evidence).trim().split("\n").map((row) => JSON.parse(row));
  const time = (text) => text.slice(0, 19).replace("T", " ");
  const end = ({ end: at, end_min: least, end_max: most, end_source: source }) => at ? (source === "recorded" ? "" : "~") + time(at)
    : least && most ? `${time(least)} to ${time(most)}` : least ? ">" + time(least) : most ? "<" + time(most) : "not known";
  const start = ({ start: at, start_source: source, start_max: most }) => at ? (source === "recorded" ? "" : "~") + time(at) : "<" + time(most);
  const setBack = rows.filter((row) => row.end_min && row.start && row.end_min < row.start);
  assert.ok(setBack.some((row) => row.end && row.account_name === "alice") && setBack.some((row) => !row.end_max), "ends and bounds before the start");
  const page = await open(report("back.html", folder, ...evidence));
  await page.click("#whole");
  await settled(page);
  while (await page.isVisible("#more")) await page.click("#more");
  const told = await page.$$eval("#list tbody tr", (all) => all.map((one) => [one.cells[0].textContent, one.cells[1].textContent].join(" | ")));
  assert.deepEqual(told.sort(), rows.map((row) => [start(row), end(row)].join(" | ")).sort());
  for (const row of setBack) {
    await page.fill("#search", row.session_id);
    await settled(page);
    await page.click("#list tbody button");
    await page.waitForSelector("#story h3");
    const story = await page.textContent("#story");
    assert.ok(story.includes(`Session ${row.session_id}`) && story.includes(`End: ${end(row)} (`), `${row.session_id}: ${end(row)}`);
  }
  await close(page);
});

test("the logs reach over what their clock showed before it was set back", async () => {
  const page = await open(report("reach.html", path.join(work, "back")));
  assert.match(await page.textContent("header.top"), /the logs reach from 2024-05-06 07:00 to 2024-05-06 10:00 UTC/);
  await page.click("#whole");
  await settled(page);
  const [from, to] = await range(page);
  assert.ok(from <= Date.UTC(2024, 4, 6, 7) && to >= Date.UTC(2024, 4, 6, 10));
  await close(page);
});

test("suspicious names are marked in lanes, the summary, the list and the details, and others are not", async () => {
  const names = path.join(fixtures, "hostile/names/evidence"), page = await open(report("suspicious.html", names));
  const lanes = await page.$$eval(".lane:not(.machine)", (all) => all.filter((one) => !one.hidden)
    .map((one) => [one.querySelector(".name").textContent, !one.querySelector(".suspicious").hidden, one.title]));
  const marked = (name) => lanes.find(([label]) => label.includes(name));
  assert.ok(marked("\\u{202e}nimda")[1] && marked("\\u{202e}nimda")[2].includes("suspicious name: "));
  assert.ok(!marked("SYSTEM")[1]);
  for (const place of ["#summary td", "#list td"]) {
    const cells = await page.$$eval(place, (all) => all.map((one) => [one.textContent, !!one.querySelector(".suspicious")]));
    assert.ok(cells.find(([text]) => text.includes("\\u{202e}nimda"))[1], place);
    assert.ok(!cells.find(([text]) => text.includes("SYSTEM"))[1], place);
  }
  await clickIn(page, "\\u{202e}nimda");
  assert.equal(await page.textContent("#story h2 .suspicious"), "suspicious name");
  await close(page);
});

test("tables of the summary need no scrolling sideways at 1,400 pixels, and break no number or time", async () => {
  const names = path.join(fixtures, "hostile/names/evidence"), file = report("wide.html", ...evidence, names);
  for (const width of [1400, 800]) {
    const page = await open(file, { viewport: { width, height: 900 } });
    const cards = await page.$$eval(".card", (all) => all.map((one) => [one.querySelector("h2").textContent, one.scrollWidth - one.clientWidth]));
    assert.deepEqual(cards.filter(([, beyond]) => beyond > 0), [], `at ${width}`);
    // Times may be two, one below the other.
    const broken = () => page.$$eval("#summary td.number, #summary td.time", (all) => all
      .filter((one) => { const range = document.createRange(); range.selectNodeContents(one); return new Set([...range.getClientRects()].map((box) => box.top)).size > one.textContent.split("\n").length; })
      .map((one) => one.textContent));
    assert.deepEqual(await broken(), []);
    await page.emulateMedia({ media: "print" });
    assert.deepEqual(await broken(), []);
    await page.screenshot({ path: path.join(work, `print-${width}.png`), fullPage: true });
    await close(page);
  }
});

test("where most sessions lie in little of the time that is what is shown first, and said", async () => {
  const page = await open(report("first.html", ...evidence));
  const all = Number((await status(page)).match(/of ([\d,]+) sessions/)[1]);
  const first = await inView(page);
  assert.ok(first < all && first >= 0.9 * all, `${first} of ${all}`);
  assert.match(await status(page), /these are most of them, “All” shows the whole time/);
  const before = await range(page);
  await page.click(".lane.machine .fit >> nth=0");
  await settled(page);
  assert.ok((await range(page))[1] - (await range(page))[0] < 0.1 * (before[1] - before[0]), "a machine's own time");
  await page.click("#whole");
  await settled(page);
  assert.equal(await inView(page), all);
  assert.ok(!(await status(page)).includes("most of them"));
  await close(page);
  const whole = await open(report("even.html", workday));
  assert.ok(!(await status(whole)).includes("most of them"));
  await close(whole);
});

test("a search that nothing fits says what it is", async () => {
  const page = await open(report("nothing.html", workday));
  await page.fill("#search", "bob.kern nobdy");
  await settled(page);
  assert.match(await status(page), /^No session fits “nobdy”\. /);
  await page.fill("#search", "bob.kern");
  await page.fill("#address", "10.99");
  await settled(page);
  assert.match(await status(page), /^No session fits the address “10\.99”\. /);
  await page.fill("#search", "alice.berg");
  await page.fill("#address", "192.0.2.44");
  await settled(page);
  assert.match(await status(page), /^No session fits “alice\.berg” together with the address “192\.0\.2\.44”\. /);
  await page.click("#clear");
  await settled(page);
  assert.ok(!(await status(page)).includes("No session"));
  await close(page);
});

test("local time is shown where it is proven and only there", async () => {
  const machines = readdirSync(path.join(fixtures, "traps"), { withFileTypes: true }).filter((one) => one.isDirectory());
  const folder = machines.map((one) => path.join(fixtures, "traps", one.name, "evidence")).find((one) => {
    try { return run("sessions", "--quiet", "--format", "jsonl", one).split("\n").some((row) => row && JSON.parse(row).start_local); } catch { return false; }
  });
  const none = await open(report("utc.html", workday));
  assert.ok(await none.isDisabled("#times"), "no record of the workday proves an offset");
  await close(none);
  if (!folder) return;
  const page = await open(report("local.html", folder));
  const rows = run("sessions", "--quiet", "--format", "jsonl", folder).trim().split("\n").map((row) => JSON.parse(row));
  const row = rows.find((one) => one.start_local && one.start_source === "recorded");
  await page.selectOption("#times", "local");
  await page.fill("#search", row.session_id);
  await settled(page);
  const wanted = row.start_local.slice(0, 19).replace("T", " ") + " " + row.start_local.slice(-6);
  assert.equal(await page.textContent("#list tbody button"), wanted);
  await close(page);
});

test("100,000 sessions are drawn, zoomed, searched and told", async () => {
  const folder = path.join(work, "many"), toml = path.join(work, "many.toml");
  rmSync(folder, { recursive: true, force: true });
  writeFileSync(toml, scenario());
  run("synth", toml, folder);
  const before = performance.now(), file = report("many.html", folder), made = performance.now() - before;
  rmSync(folder, { recursive: true });
  const page = await open(file);
  const number = Number((await status(page)).match(/of ([\d,]+) sessions/)[1].replaceAll(",", ""));
  assert.ok(number >= MACHINES * ACCOUNTS * ROUNDS * LOGONS);
  assert.ok(await lanes(page) >= MACHINES * (1 + ACCOUNTS));
  const marks = await page.evaluate(() => Object.fromEntries([...performance.getEntriesByType("mark"), ...performance.getEntriesByType("paint")]
    .map((one) => [one.name, Math.round(one.startTime)])));
  const timed = async (act) => page.evaluate(async (source) => {
    const started = performance.now();
    document.querySelector(source).click();
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    return Math.round(performance.now() - started);
  }, act);
  const zoomed = [await timed("#zoomin"), await timed("#zoomin"), await timed("#later"), await timed("#whole")];
  await page.screenshot({ path: path.join(work, "many.png") });
  await page.fill("#search", "person7");
  await page.waitForFunction(() => / filtered out/.test(document.querySelector("#status").textContent));
  assert.equal(await inView(page), MACHINES * ROUNDS * LOGONS);
  await page.click("#list tbody button");
  await page.waitForSelector("#story h3");
  assert.match(await page.textContent("#story"), /This starts the session/);
  const size = statSync(file).size;
  console.log(`    ${number} sessions: ${(size / 1e6).toFixed(1)} MB, ${Math.round(size / number)} bytes a session, written in ${(made / 1000).toFixed(1)} s; `
    + `first paint ${marks["first-paint"]} ms, first drawing ${marks["first-drawing"]} ms, ready ${marks.ready} ms; `
    + `zoom in, in, later, all: ${zoomed.join(", ")} ms with two frames`);
  await close(page);
  rmSync(file);
});

let failed = 0;
for (const [claim, body] of tests) {
  try {
    await body();
    console.log(`ok   ${claim}`);
  } catch (error) {
    failed++;
    console.log(`FAIL ${claim}\n${error.stack}`);
  }
}
await browser.close();
console.log(`${tests.length - failed} of ${tests.length} claims hold in ${chromium.name()} ${browser.version()}`);
process.exit(failed ? 1 : 0);
