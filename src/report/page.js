// Draws the sessions of the page and answers questions about them: lanes by machine and account on uPlot's time axis, filters, a
// list, and what `explain` says of one. All text goes into the page as text, never as markup; positions are set as properties, which
// the page's policy allows. Times are milliseconds since 1970.
(() => {
"use strict";

const byId = (id) => document.getElementById(id);
const make = (tag, className, text) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text !== undefined) element.textContent = text;
  return element;
};
const many = (count, one, more) => `${count.toLocaleString("en")} ${count === 1 ? one : more}`;

// ---- what the page holds ----

const data = JSON.parse(byId("data").textContent);
const texts = data.texts;
const columns = data.sessions;
const count = columns.account.length;
const names = (list) => list.map((pair) => pair[0]);
const kindNames = names(data.kinds), classNames = names(data.classes), flagNames = names(data.flags);
const reasonNames = names(data.reasons), stateNames = names(data.states), whoNames = names(data.interactivities);

const machineOf = new Int32Array(count);
const begins = new Float64Array(count);   // when it is first known to be there
const leasts = new Float64Array(count);   // the earliest end by its clock, which lies before the beginning where that was set back
const mosts = new Float64Array(count);    // the latest end by its clock
const ends = new Float64Array(count);     // how far it is drawn for sure: never less far than its beginning
const lasts = new Float64Array(count);    // the latest moment that is drawn of it
{
  let at = 0;
  data.machines.forEach((machine, number) => {
    let before = 0;
    for (let left = machine.sessions; left > 0; left--, at++) {
      machineOf[at] = number;
      before = begins[at] = before + columns.begin[at];
      leasts[at] = before + (columns.end[at] ?? 0);
      mosts[at] = columns.latest[at] === undefined ? leasts[at] : before + columns.latest[at];
      ends[at] = Math.max(before, leasts[at]);
      lasts[at] = Math.max(ends[at], mosts[at]);
    }
  });
}

// Kinds by colour. Every kind is in one of them.
const FAMILIES = [
  ["console", "at the machine", ["console", "console-cached", "unlock"]],
  ["rdp", "Remote Desktop", ["rdp", "rdp-cached", "rdp-reconnect"]],
  ["ssh", "SSH", ["ssh"]],
  ["network", "network", ["network", "anonymous"]],
  ["cleartext", "network, password in clear", ["network-cleartext"]],
  ["runas", "other credentials, programs", ["runas", "runas-netonly", "new-credentials", "elevation", "program", "password-change"]],
  ["service", "services, scheduled tasks", ["service", "batch", "lsa-refresh"]],
  ["system", "the system, window manager, font driver", ["system", "window-manager", "font-driver"]],
  ["unknown", "unknown, other", ["unknown", "other"]],
];
const UNKNOWN = FAMILIES.length - 1, MIXED = FAMILIES.length;
const familyOfKind = kindNames.map((name) => {
  const found = FAMILIES.findIndex((family) => family[2].includes(name));
  return found < 0 ? UNKNOWN : found;
});
const families = new Uint8Array(count);
for (let i = 0; i < count; i++) families[i] = familyOfKind[columns.kind[i]];

// People first, as in the summary.
const CLASS_ORDER = ["local-user", "domain-user", "entra-user", "unknown", "null", "computer", "anonymous", "iusr", "openssh-virtual-user",
  "winrm-virtual-user", "virtual-machine", "app-pool", "virtual-service", "local-system", "local-service", "network-service",
  "window-manager", "font-driver"];
const classRank = classNames.map((name) => CLASS_ORDER.indexOf(name));

const label = (i) => texts[data.accounts[columns.account[i]][0]];
const sid = (i) => { const place = data.accounts[columns.account[i]][1]; return place === null ? "" : texts[place]; };
const classOf = (i) => data.accounts[columns.account[i]][2];
const kind = (i) => kindNames[columns.kind[i]];
const host = (machine) => texts[data.machines[machine].host];
const id = (i) => columns.ids.slice(16 * i, 16 * i + 16);
const came = (i) => { const place = columns.address[i] ?? columns.workstation[i]; return place === null ? "" : texts[place]; };
const flagsOf = (i) => flagNames.filter((_, bit) => columns.flags[i] >> bit & 1);

// A name, and the word for it where it is made to be taken for another; nothing if it is not.
const whySuspicious = (place) => { const why = data.suspicious[place]; return why === undefined ? null : texts[why]; };
function suspicious(why, word = "suspicious name") {
  const mark = make("span", "suspicious", word);
  mark.title = `Suspicious name: ${why}`;
  if (word === "!") mark.setAttribute("aria-label", "suspicious name");
  return mark;
}
function named(tag, ...parts) {
  const made = make(tag);
  for (const part of parts) {
    if (typeof part === "string") { made.append(part); continue; }
    // A line may break behind what parts a name.
    texts[part].split(/(?<=[\\.:@_/])/).forEach((piece, at) => { if (at) made.append(make("wbr")); made.append(piece); });
    const why = whySuspicious(part);
    if (why !== null) made.append(" ", suspicious(why));
  }
  return made;
}
const labelPlace = (i) => data.accounts[columns.account[i]][0];

// Accounts that every machine has go by other names elsewhere.
const STANDING = { "local-system": "SYSTEM", "local-service": "LOCAL SERVICE", "network-service": "NETWORK SERVICE" };

// The lanes of each machine: its accounts, by their SIDs, else by their names.
const lanesOf = data.machines.map(() => new Map());
for (let i = 0; i < count; i++) {
  const account = data.accounts[columns.account[i]];
  const nobody = account[1] === null || texts[account[1]] === "S-1-0-0";
  const key = nobody ? "name " + texts[account[0]].toLowerCase() : "sid " + account[1];
  const lanes = lanesOf[machineOf[i]];
  let lane = lanes.get(key);
  if (!lane) lanes.set(key, lane = { machine: machineOf[i], labels: new Map(), classes: account[2], sessions: [] });
  lane.labels.set(account[0], (lane.labels.get(account[0]) ?? 0) + 1);
  lane.sessions.push(i);
}
const accountLanes = lanesOf.map((lanes) => {
  const list = [...lanes.values()];
  for (const lane of list) {
    // The most frequent of its names; what points at it tells all.
    lane.names = [...lane.labels].sort((a, b) => b[1] - a[1]).map(([place]) => texts[place]);
    lane.why = [...lane.labels.keys()].map(whySuspicious).find((why) => why !== null) ?? null;
    const standing = STANDING[classNames[lane.classes]];
    if (standing) lane.names = [standing, ...lane.names.filter((name) => !name.endsWith("\\" + standing))];
    lane.label = lane.names[0] + (lane.names.length > 1 ? ` +${lane.names.length - 1}` : "");
    const starts = lane.sessions;
    if (starts.some((i, at) => at > 0 && begins[starts[at - 1]] > begins[i])) starts.sort((a, b) => begins[a] - begins[b]);
  }
  return list.sort((a, b) => classRank[a.classes] - classRank[b.classes] || (a.label < b.label ? -1 : a.label > b.label ? 1 : 0));
});

// What each machine's log of sessions reaches over: Security, else whatever there is.
for (const machine of data.machines) {
  const security = machine.channels.filter((channel) => texts[channel.name] === "Security");
  const told = security.length ? security : machine.channels;
  machine.covered = told.length ? [Math.min(...told.map((c) => c.first)), Math.max(...told.map((c) => c.last))] : null;
  machine.covers = security.length ? "Security log" : "logs (no Security log)";
}

let whole = [Infinity, -Infinity], reached;
{
  const reach = (from, to) => { whole[0] = Math.min(whole[0], from); whole[1] = Math.max(whole[1], to); };
  for (let i = 0; i < count; i++) reach(begins[i], lasts[i]);
  for (const machine of data.machines) {
    for (const channel of machine.channels) reach(channel.first, channel.last);
    for (const mark of machine.marks) reach(mark.at, mark.to ?? mark.at);
  }
  if (!(whole[0] <= whole[1])) whole = [0, 86400000];
  reached = whole;
  const margin = Math.max(1000, (whole[1] - whole[0]) * 0.02);
  whole = [whole[0] - margin, whole[1] + margin];
}
// At first all sessions are in view; logs may reach further. Where nine of ten lie in a quarter of their time or less, those are,
// so that bars are no slivers; the line above the lanes says so.
let view = whole.slice(), isFirstOfMost = false;
function around(some) {
  let from = Infinity, to = -Infinity;
  for (const i of some) { from = Math.min(from, begins[i]); to = Math.max(to, lasts[i]); }
  const margin = Math.max(1000, (to - from) * 0.02);
  return [from - margin, to + margin];
}
if (count) {
  const all = Array.from({ length: count }, (_, i) => i).sort((a, b) => begins[a] - begins[b]), most = Math.ceil(count * 0.9);
  view = around(all);
  let least = Infinity, at = 0;
  for (let first = 0; first + most <= count; first++) {
    const length = begins[all[first + most - 1]] - begins[all[first]];
    if (length < least) { least = length; at = first; }
  }
  // What lasts much longer than the others does not stretch it.
  const some = all.slice(at, at + most), until = some.map((i) => lasts[i]).sort((a, b) => a - b)[Math.ceil(most * 0.9) - 1];
  const span = [begins[some[0]], Math.max(begins[some.at(-1)], until)], margin = Math.max(1000, (span[1] - span[0]) * 0.02);
  const dense = [span[0] - margin, span[1] + margin];
  if ((dense[1] - dense[0]) * 4 <= view[1] - view[0]) { view = dense; isFirstOfMost = true; }
}
const firstView = view;

// ---- times ----

let localTimes = false;

function offsetAt(machine, time) {
  for (const [from, to, minutes] of data.machines[machine].offsets) if (from <= time && time < to) return minutes;
  return null;
}
const two = (number) => String(number).padStart(2, "0");
const offsetText = (minutes) => (minutes < 0 ? "-" : "+") + two(Math.floor(Math.abs(minutes) / 60)) + ":" + two(Math.abs(minutes) % 60);
function plain(time, digits) {
  const date = new Date(time);
  return Number.isNaN(date.getTime()) ? "?" : date.toISOString().slice(0, digits).replace("T", " ");
}
// A time as it is asked for: UTC, or the machine's local time where that is proven, which is then told by the offset.
function shown(time, machine, digits = 19) {
  if (!localTimes) return plain(time, digits);
  const minutes = offsetAt(machine, time);
  return minutes === null ? plain(time, digits) + " Z" : plain(time + minutes * 60000, digits) + " " + offsetText(minutes);
}
function parsed(text, machine) {
  const found = /^\s*(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3}))?)?)?\s*Z?\s*$/.exec(text);
  if (!found) return null;
  const [, year, month, day, hour = 0, minute = 0, second = 0, fraction = "0"] = found;
  const time = Date.UTC(year, month - 1, day, hour, minute, second, Number(fraction.padEnd(3, "0")));
  if (!localTimes || text.includes("Z")) return time;
  for (const [, , minutes] of data.machines[machine].offsets) {
    const moved = time - minutes * 60000;
    if (offsetAt(machine, moved) === minutes) return moved;
  }
  return time;
}
function spoken(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000), days = Math.floor(seconds / 86400), hours = Math.floor(seconds / 3600) % 24;
  const minutes = Math.floor(seconds / 60) % 60;
  if (seconds < 1) return "<1s";
  if (days) return `${days}d ${two(hours)}h`;
  if (hours) return `${hours}h ${two(minutes)}m`;
  return minutes ? `${minutes}m ${two(seconds % 60)}s` : `${seconds}s`;
}
// How a start and an end are known, in words and in the marks of the terminal.
function startText(i, digits) {
  const time = shown(begins[i], machineOf[i], digits);
  return ["", "~", "<", "?"][columns.start[i]] + time;
}
const START_WORDS = ["recorded", "inferred, not recorded", "began before that, nobody knows when", "not known; drawn at the first that is known of it"];
function endText(i, digits) {
  const least = shown(leasts[i], machineOf[i], digits), most = shown(mosts[i], machineOf[i], digits);
  return [least, "~" + least, `${least} to ${most}`, ">" + least, "<" + most, "not known"][columns.ending[i]];
}
const END_WORDS = ["recorded", "inferred, not recorded", "at some time in that range", "not before that; nothing tells that it ended",
  "by then; nothing bounds it from below", "nothing tells"];
function lastedText(i) {
  const exact = columns.ending[i] < 2, known = columns.duration[i];
  if (exact && known !== null) return spoken(known ?? leasts[i] - begins[i]);
  if (exact || columns.ending[i] > 3 || flagsOf(i).includes("clock-changed")) return "not known";
  const least = leasts[i] - begins[i];
  return least < 1000 ? "not known" : ">" + spoken(least);
}

// ---- filters ----

const passes = new Uint8Array(count).fill(1);
let passing = count;
const kindOn = new Uint8Array(kindNames.length).fill(1);
const classOn = new Uint8Array(classNames.length).fill(1);
let who = "everybody", look = "";
const looks = new Map([
  ["", ["anything", () => true]],
  ["start", ["start not recorded", (i) => columns.start[i] > 0]],
  ["end", ["end not recorded", (i) => columns.ending[i] > 0]],
  ["open", ["may have gone on", (i) => columns.ending[i] === 3 || columns.ending[i] === 5]],
  ["refused", ["refused logons just before", (i) => i in columns.failures_before]],
]);
flagNames.forEach((name, bit) => looks.set("flag " + name, [name, (i) => (columns.flags[i] >> bit & 1) === 1]));

let lowered = null;
function matcher(word) {
  lowered ??= texts.map((text) => text.toLowerCase());
  const text = Uint8Array.from(lowered, (one) => one.includes(word) ? 1 : 0);
  const among = (all) => Uint8Array.from(all, (name) => name.includes(word) ? 1 : 0);
  const kinds = among(kindNames), classes = among(classNames), reasons = among(reasonNames), flags = among(flagNames);
  const bits = flags.reduce((sum, on, bit) => sum | on << bit, 0);
  const machines = data.machines.map((machine) => text[machine.host] || machine.aliases.some((alias) => text[alias]));
  const hex = /^[0-9a-f]{4,16}$/.test(word), logon = /^0x[0-9a-f]+$/.test(word) ? word : null;
  return (i) => {
    const account = data.accounts[columns.account[i]];
    return text[account[0]] || account[1] !== null && text[account[1]] || machines[machineOf[i]] || kinds[columns.kind[i]]
      || classes[account[2]] || reasons[columns.reason[i]] || columns.flags[i] & bits || from(text, i)
      || hex && columns.ids.startsWith(word, 16 * i) || logon !== null && logonId(i) === logon;
  };
}
function logonId(i) {
  const given = columns.logon_id[i];
  return typeof given === "number" ? "0x" + given.toString(16) : given ?? "";
}
// Whether it came from, or somebody came back to it from, a place that fits.
function from(text, i) {
  const address = columns.address[i], workstation = columns.workstation[i];
  return address !== null && text[address] || workstation !== null && text[workstation]
    || (columns.intervals[i] ?? []).some((interval) => interval[4] !== null && text[interval[4]]);
}

// What is asked for: in words, and whether a session fits.
function filterTests() {
  const tests = byId("search").value.toLowerCase().split(/\s+/).filter((word) => word).map((word) => [`“${word}”`, matcher(word)]);
  const place = byId("address").value.trim().toLowerCase();
  if (place) {
    lowered ??= texts.map((text) => text.toLowerCase());
    const text = Uint8Array.from(lowered, (one) => one.includes(place) ? 1 : 0);
    tests.push([`the address “${place}”`, (i) => from(text, i)]);
  }
  if (look) { const [name, fits] = looks.get(look); tests.push([`“${name}”`, fits]); }
  const people = whoNames.indexOf("interactive"), services = whoNames.indexOf("non-interactive");
  if (who === "people") tests.push(["“Interactive only”", (i) => columns.interactivity[i] === people]);
  if (who === "noservice") tests.push(["“Without services”", (i) => columns.interactivity[i] !== services]);
  if (kindOn.includes(0)) tests.push(["the kinds that are chosen", (i) => kindOn[columns.kind[i]]]);
  if (classOn.includes(0)) tests.push(["the account classes that are chosen", (i) => classOn[classOf(i)]]);
  return tests;
}

function filter() {
  const tests = filterTests().map(([, fits]) => fits);
  passing = 0;
  for (let i = 0; i < count; i++) {
    const keep = tests.every((fits) => fits(i));
    passes[i] = keep ? 1 : 0;
    passing += passes[i];
  }
  layout();
  refresh();
}
const isFiltered = () => passing < count;

// ---- lanes ----

const ROW = 14, PAD = 4, HEADER = 50, MOST_ROWS = 6, AXIS = 44;
const folded = new Set();
let lanes = [], total = 0;

// Sessions of one account that overlap stand below each other; those for which there is no room are in a last row, merged.
function pack(sessions) {
  const rows = [], until = [], over = [];
  for (const i of sessions) {
    if (!passes[i]) continue;
    let row = 0;
    while (row < rows.length && until[row] > begins[i]) row++;
    if (row === MOST_ROWS) { over.push(i); continue; }
    if (row === rows.length) rows.push([]);
    rows[row].push(i);
    until[row] = Math.max(lasts[i], begins[i] + 1);
  }
  return { rows, over };
}

function layout() {
  lanes = [];
  let y = 0;
  data.machines.forEach((_, machine) => {
    const packed = [];
    let kept = 0;
    for (const lane of accountLanes[machine]) {
      const { rows, over } = pack(lane.sessions);
      const sessions = rows.reduce((sum, row) => sum + row.length, over.length);
      if (sessions) packed.push({ lane, rows, over, sessions });
      kept += sessions;
    }
    if (!kept && isFiltered()) return;
    lanes.push({ y, height: HEADER, machine, kept, isHeader: true });
    y += HEADER;
    if (folded.has(machine)) return;
    for (const { lane, rows, over, sessions } of packed) {
      const height = Math.max(24, (rows.length + (over.length ? 1 : 0)) * ROW + 2 * PAD);
      lanes.push({ y, height, machine, lane, rows, over, sessions });
      y += height;
    }
  });
  total = y;
}

// The first of `list` for which `isPast` holds; it holds for all behind that.
function first(list, isPast) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = low + high >> 1;
    if (isPast(list[middle])) high = middle; else low = middle + 1;
  }
  return low;
}

// ---- colours ----

const root = document.documentElement;
let colours = {};
let patterns = new Map();
function readColours() {
  const style = getComputedStyle(root);
  const value = (name) => style.getPropertyValue("--" + name).trim();
  colours = { family: [...FAMILIES.map((family) => value(family[0])), value("mixed")] };
  for (const name of ["paper", "panel", "ink", "faint", "line", "strong", "accent", "shade", "grid", "bad", "good"]) colours[name] = value(name);
  colours.on = colours.family.map(readable);
  patterns = new Map();
}
// Black or white, whichever is read better on a colour.
function readable(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const part = parseInt(colour.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.2 ? "#000000" : "#ffffff";
}
// What a part of a bar is filled with: lines across where nobody is connected, lines along where it is locked, points under a
// screen saver.
function pattern(context, look, colour) {
  const key = look + colour;
  if (!patterns.has(key)) {
    const tile = document.createElement("canvas"), ratio = 2, size = look === "locked" ? 4 : 6;
    tile.width = tile.height = size * ratio;
    const paint = tile.getContext("2d");
    paint.scale(ratio, ratio);
    paint.fillStyle = colours.paper;
    paint.fillRect(0, 0, size, size);
    paint.strokeStyle = paint.fillStyle = colour;
    paint.lineWidth = 1.4;
    paint.beginPath();
    if (look === "locked") {
      paint.globalAlpha = 0.3;
      paint.fillRect(0, 0, size, size);
      paint.globalAlpha = 1;
      paint.moveTo(0, 2); paint.lineTo(size, 2);
    } else if (look === "screen-saver") {
      paint.globalAlpha = 0.25;
      paint.fillRect(0, 0, size, size);
      paint.globalAlpha = 1;
      paint.fillRect(1, 1, 1.6, 1.6); paint.fillRect(4, 4, 1.6, 1.6);
    } else {
      for (const shift of [-size, 0, size]) { paint.moveTo(shift - 1, size + 1); paint.lineTo(shift + size + 1, -1); }
    }
    paint.stroke();
    const made = context.createPattern(tile, "repeat");
    made.setTransform(new DOMMatrix().scale(1 / ratio));
    patterns.set(key, made);
  }
  return patterns.get(key);
}

// A part since nobody knows when, to its end: an opening angle, as it may have begun anywhere in there, and a short end of the part.
function vaguePart(context, left, right, y, height, look, colour) {
  const shownPart = Math.min(right - left, 8), from = left + 1, to = right - shownPart;
  if (to > from) {
    context.strokeStyle = colours.paper;
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(to, y + 1); context.lineTo(from, y + height / 2); context.lineTo(to, y + height - 1);
    context.stroke();
  }
  context.fillStyle = pattern(context, look, colour);
  context.fillRect(right - shownPart, y + 0.5, shownPart, height - 1);
}

// ---- drawing ----

let plot = null, plotWidth = 600, plotHeight = 300, labelWidth = 220;
let hits = [], selected = -1, hovered = null;
const scroller = byId("scroller"), pane = byId("pane"), plotBox = byId("plot"), labelBox = byId("labels");
const corner = make("div"); corner.id = "corner"; labelBox.append(corner);
const place = (time) => (time - view[0]) / (view[1] - view[0]) * plotWidth;

function draw(u) {
  const context = u.ctx, ratio = uPlot.pxRatio;
  context.save();
  context.beginPath();
  context.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  context.clip();
  context.translate(u.bbox.left, u.bbox.top);
  context.scale(ratio, ratio);
  context.textBaseline = "alphabetic";
  hits = [];
  const top = scroller.scrollTop, bottom = top + plotHeight - AXIS;
  const from = first(lanes, (lane) => lane.y + lane.height > top);
  for (let at = from; at < lanes.length && lanes[at].y < bottom; at++) {
    const lane = lanes[at];
    if (lane.isHeader) drawMachine(context, lane, lane.y - top);
    else drawLane(context, lane, lane.y - top);
  }
  context.restore();
  showLabels(from, top, bottom);
}

function shadeOutside(context, machine, y, height) {
  const covered = data.machines[machine].covered;
  context.fillStyle = colours.shade;
  if (!covered) { context.fillRect(0, y, plotWidth, height); return; }
  const x0 = place(covered[0]), x1 = place(covered[1]);
  if (x0 > 0) context.fillRect(0, y, Math.min(x0, plotWidth), height);
  if (x1 < plotWidth) context.fillRect(Math.max(0, x1), y, plotWidth - Math.max(0, x1), height);
}

function line(context, x0, y0, x1, y1) {
  context.beginPath();
  context.moveTo(x0, y0);
  context.lineTo(x1, y1);
  context.stroke();
}

const MARK_ROWS = [8, 20, 32];

function drawMachine(context, lane, y) {
  const machine = data.machines[lane.machine];
  context.fillStyle = colours.panel;
  context.fillRect(0, y, plotWidth, lane.height);
  context.strokeStyle = colours.line;
  context.lineWidth = 1;
  line(context, 0, y + 0.5, plotWidth, y + 0.5);
  // What ran, and what the logs reach over.
  const strip = (from, to, offset, colour) => {
    const x0 = Math.max(-2, place(from)), x1 = Math.min(plotWidth + 2, place(to));
    if (x1 < 0 || x0 > plotWidth) return;
    context.fillStyle = colour;
    context.fillRect(x0, y + offset, Math.max(1.5, x1 - x0), 2.5);
  };
  for (const [from, to] of machine.boots) if (to !== null) strip(from, to, 40, colours.good);
  for (const channel of machine.channels) {
    const security = texts[channel.name] === "Security";
    strip(channel.first, channel.last, security ? 43.5 : 47, security ? colours.accent : colours.strong);
  }
  // Marks of one kind that are less than a mark apart are one, with their number.
  const open = new Map(), groups = [];
  for (const mark of machine.marks) {
    const x0 = place(mark.at), x1 = place(mark.to ?? mark.at);
    if (x1 < -8 || x0 > plotWidth + 8) continue;
    const group = open.get(mark.kind);
    if (group && x0 - group.x1 < (mark.kind === "refused" ? 26 : 14)) {
      group.marks.push(mark); group.x1 = Math.max(group.x1, x1); group.total += mark.count;
    } else {
      const made = { kind: mark.kind, x0, x1, marks: [mark], total: mark.count };
      open.set(mark.kind, made);
      groups.push(made);
    }
  }
  // Each group goes into the first row where it has room; where none has, it is counted with the last one there.
  const rows = MARK_ROWS.map(() => []);
  for (const group of groups.sort((one, other) => one.x0 - other.x0)) {
    const lasts = group.kind === "gap" || group.kind === "refused";
    group.left = lasts ? group.x0 : group.x0 - 6;
    const number = group.kind === "refused" ? group.total : group.marks.length;
    group.number = number > 1 ? number.toLocaleString("en") : "";
    group.edge = lasts ? Math.max(group.x1, group.x0 + 3) : (group.x0 + group.x1) / 2 + 6;
    group.right = group.edge + (group.number ? 4 + 6 * group.number.length : 0);
    const row = rows.find((placed) => !placed.length || placed.at(-1).right + 2 < group.left);
    if (row) { row.push(group); continue; }
    const crowded = rows.at(-1).at(-1);
    crowded.marks = crowded.marks.concat(group.marks);
    crowded.number = "+" + (crowded.marks.length - 1).toLocaleString("en");
    crowded.right = Math.max(crowded.right, crowded.edge + 4 + 6 * crowded.number.length);
  }
  rows.forEach((placed, row) => {
    const middle = y + MARK_ROWS[row];
    for (const group of placed) {
      glyph(context, group.kind, group.x0, Math.max(group.x1, group.x0), middle);
      if (group.number) {
        context.font = "10px system-ui, sans-serif";
        context.fillStyle = colours.ink;
        context.textAlign = "left";
        context.fillText(group.number, group.edge + 2, middle + 3.5);
      }
      hits.push({ x0: group.left - 1, x1: group.right + 1, y0: middle - 6, y1: middle + 6, marks: group.marks, machine: lane.machine });
    }
  });
}

// A mark: its shape tells its kind, not its colour alone.
function glyph(context, kindName, x0, x1, y) {
  const x = (x0 + x1) / 2;
  context.lineWidth = 1.6;
  context.beginPath();
  if (kindName === "boot") {
    context.fillStyle = colours.good;
    context.moveTo(x - 5, y + 4.5); context.lineTo(x + 5, y + 4.5); context.lineTo(x, y - 5);
    context.fill();
  } else if (kindName === "stop") {
    context.strokeStyle = colours.faint;
    context.moveTo(x - 4.5, y - 4); context.lineTo(x + 4.5, y - 4); context.lineTo(x, y + 4.5); context.closePath();
    context.stroke();
  } else if (kindName === "crash") {
    context.strokeStyle = colours.bad;
    context.lineWidth = 2.4;
    context.moveTo(x - 4, y - 4); context.lineTo(x + 4, y + 4); context.moveTo(x + 4, y - 4); context.lineTo(x - 4, y + 4);
    context.stroke();
  } else if (kindName === "clear") {
    context.fillStyle = colours.bad;
    context.fillRect(x - 5.5, y - 5.5, 11, 11);
    context.fillStyle = colours.paper;
    context.font = "bold 9px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText("C", x, y + 3.3);
  } else if (kindName === "clock") {
    context.strokeStyle = colours.ink;
    context.arc(x, y, 4.8, 0, 2 * Math.PI);
    context.moveTo(x, y - 3.2); context.lineTo(x, y); context.lineTo(x + 2.6, y);
    context.stroke();
  } else if (kindName === "loss") {
    context.fillStyle = colours.bad;
    context.font = "bold 13px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText("!", x, y + 4.5);
  } else if (kindName === "gap") {
    const width = Math.max(3, x1 - x0);
    context.fillStyle = pattern(context, "disconnected", colours.bad);
    context.strokeStyle = colours.bad;
    context.lineWidth = 1;
    context.fillRect(x0, y - 6, width, 12);
    context.strokeRect(x0 + 0.5, y - 5.5, Math.max(2, width - 1), 11);
  } else {
    context.fillStyle = colours.bad;
    context.fillRect(x0, y - 4, Math.max(3, x1 - x0), 8);
  }
}

function drawLane(context, lane, y) {
  shadeOutside(context, lane.machine, y, lane.height);
  context.strokeStyle = colours.grid;
  context.lineWidth = 1;
  line(context, 0, y + lane.height - 0.5, plotWidth, y + lane.height - 0.5);
  lane.rows.forEach((row, number) => drawRow(context, row, y + PAD + number * ROW));
  if (lane.over.length) drawOver(context, lane.over, y + PAD + lane.rows.length * ROW);
}

// Bars of a row, which do not overlap: those narrower than three pixels that touch are one, with their number.
function drawRow(context, row, y) {
  let merged = null;
  const flush = () => { if (merged) drawMerged(context, merged, y); merged = null; };
  for (let at = first(row, (i) => lasts[i] >= view[0]); at < row.length; at++) {
    const i = row[at], x0 = place(begins[i]);
    if (x0 > plotWidth) break;
    const x1 = place(lasts[i]);
    if (x1 - x0 >= 3) { flush(); drawBar(context, i, x0, y); continue; }
    if (merged && x0 - merged.x1 < 1) {
      merged.sessions.push(i);
      merged.x1 = Math.max(merged.x1, x1, x0 + 2);
      if (merged.family !== families[i]) merged.family = MIXED;
    } else {
      flush();
      merged = { x0, x1: Math.max(x1, x0 + 2), sessions: [i], family: families[i] };
    }
  }
  flush();
  // What began before the view and whose edge is told by an arrow is drawn by its bar; nothing else reaches into it.
}

const isOpen = (i) => columns.start[i] >= 2 || columns.ending[i] >= 2;

function drawMerged(context, merged, y) {
  const height = ROW - 3, width = merged.x1 - merged.x0, number = merged.sessions.length;
  // However short it is: what is not known of its bounds is drawn.
  if (number === 1 && isOpen(merged.sessions[0])) { drawBar(context, merged.sessions[0], place(begins[merged.sessions[0]]), y); return; }
  context.fillStyle = colours.family[merged.family];
  context.fillRect(merged.x0, y, width, height);
  if (number > 1) {
    // A line along the top says that it is more than one.
    context.fillStyle = colours.ink;
    context.fillRect(merged.x0, y - 1, width, 1.5);
    if (width > 8 + 6 * String(number).length) {
      context.font = "10px system-ui, sans-serif";
      context.textAlign = "center";
      context.fillStyle = colours.on[merged.family];
      context.fillText(number, (Math.max(0, merged.x0) + Math.min(plotWidth, merged.x1)) / 2, y + height - 2);
    }
  }
  if (merged.sessions.includes(selected)) outline(context, merged.x0, merged.x1, y, height);
  hits.push({ x0: merged.x0 - 1, x1: merged.x1 + 1, y0: y - 1, y1: y + height + 1, sessions: merged.sessions });
}

// The row of what has no row of its own: merged wherever it overlaps.
function drawOver(context, over, y) {
  let merged = null;
  const flush = () => { if (merged && merged.x1 >= 0) drawMerged(context, merged, y); };
  for (const i of over) {
    if (lasts[i] < view[0]) continue;
    const x0 = place(begins[i]), x1 = Math.max(place(lasts[i]), x0 + 2);
    if (x0 > plotWidth) break;
    if (merged && x0 - merged.x1 < 1) {
      merged.sessions.push(i);
      merged.x1 = Math.max(merged.x1, x1);
      if (merged.family !== families[i]) merged.family = MIXED;
    } else {
      flush();
      merged = { x0, x1, sessions: [i], family: families[i] };
    }
  }
  flush();
}

function outline(context, x0, x1, y, height) {
  context.strokeStyle = colours.ink;
  context.lineWidth = 2;
  context.strokeRect(x0 - 2, y - 2, x1 - x0 + 4, height + 4);
}

const FADE = 18;

function drawBar(context, i, begin, y) {
  const height = ROW - 3, family = families[i], colour = colours.family[family], ending = columns.ending[i], start = columns.start[i];
  const far = plotWidth + 30, within = (x) => Math.max(-30, Math.min(far, x));
  const x0 = within(begin), x1 = within(place(ends[i])), x2 = within(place(lasts[i]));
  const sure = ending === 4 || ending === 5 ? x0 : x1;
  context.fillStyle = colour;
  if (family === UNKNOWN) context.globalAlpha = 0.6;
  if (sure > x0) context.fillRect(x0, y, sure - x0, height);
  context.globalAlpha = 1;
  // Parts that were not in use.
  let text = sure;
  let known = x0;
  for (const [state, from, to, recorded] of columns.intervals[i] ?? []) {
    const vague = from === null;
    const left = vague ? known : within(place(begins[i] + from)), right = to === null ? sure : within(place(begins[i] + to));
    known = Math.max(known, right);
    if (right - left < 0.5) continue;
    if (vague) {
      // From when on is not known: nothing is claimed but that it was so at the end.
      vaguePart(context, left, right, y, height, stateNames[state], colour);
      text = Math.min(text, left);
      continue;
    }
    context.fillStyle = pattern(context, stateNames[state], colour);
    context.fillRect(left, y + 0.5, right - left, height - 1);
    context.strokeStyle = colour;
    context.lineWidth = 1;
    if (!recorded) context.setLineDash([2.5, 2]);
    context.strokeRect(left + 0.5, y + 0.5, Math.max(0, right - left - 1), height - 1);
    context.setLineDash([]);
    text = Math.min(text, left);
  }
  // What it may have lasted: a dashed frame.
  if (x2 > sure + 0.5) {
    context.strokeStyle = colour;
    context.lineWidth = 1.2;
    context.setLineDash([3, 2.5]);
    context.strokeRect(sure, y + 1, x2 - sure, height - 2);
    context.setLineDash([]);
  }
  // A fading arrow where it goes on nobody knows how far.
  const fade = (x, direction) => {
    const gradient = context.createLinearGradient(x, 0, x + direction * FADE, 0);
    gradient.addColorStop(0, colour);
    gradient.addColorStop(1, "rgba(128,128,128,0)");
    context.fillStyle = gradient;
    context.beginPath();
    context.moveTo(x, y); context.lineTo(x + direction * FADE, y + height / 2); context.lineTo(x, y + height);
    context.fill();
    context.strokeStyle = colour;
    context.lineWidth = 1.6;
    context.beginPath();
    context.moveTo(x + direction * (FADE - 6), y + 1.5); context.lineTo(x + direction * FADE, y + height / 2);
    context.lineTo(x + direction * (FADE - 6), y + height - 1.5);
    context.stroke();
  };
  if (start >= 2) fade(x0, -1);
  if (ending === 3 || ending === 5) fade(sure, 1);
  // Edges: a full line is recorded, a broken one inferred.
  const edge = (x, inferred) => {
    context.strokeStyle = colours.ink;
    context.lineWidth = sure - x0 < 10 ? 1 : 2;
    if (inferred) context.setLineDash([2.5, 2]);
    line(context, x, y - 1, x, y + height + 1);
    context.setLineDash([]);
  };
  if (start < 2) edge(x0 + 1, start === 1);
  if (ending < 2) edge(Math.max(x1 - 1, x0 + 1), ending === 1);
  if (ending === 2 || ending === 4) edge(x2 - 1, true);
  if (i in columns.failures_before) {
    context.fillStyle = colours.bad;
    context.beginPath();
    context.moveTo(x0 - 9, y + 1); context.lineTo(x0 - 1, y + height / 2); context.lineTo(x0 - 9, y + height - 1);
    context.fill();
  }
  // Its kind, where there is room for the word.
  const left = Math.max(x0, 0) + 5, room = Math.min(text, plotWidth) - left - 5;
  if (room > 34) {
    context.font = "10.5px system-ui, sans-serif";
    context.textAlign = "left";
    const where = came(i), long = where ? `${kind(i)}  ${where}` : kind(i);
    const fits = (words) => context.measureText(words).width <= room;
    const words = fits(long) ? long : fits(kind(i)) ? kind(i) : "";
    context.fillStyle = colours.on[family];
    if (words) context.fillText(words, left, y + height - 2.2);
  }
  const from = start >= 2 ? x0 - FADE : x0, to = Math.max(x2, ending === 3 || ending === 5 ? sure + FADE : x2);
  if (i === selected) outline(context, from, to, y, height);
  hits.push({ x0: from - 1, x1: to + 1, y0: y - 1, y1: y + height + 1, sessions: [i] });
}

// ---- the names of the lanes ----

const labelNodes = [];
function showLabels(from, top, bottom) {
  let used = 0;
  for (let at = from; at < lanes.length && lanes[at].y < bottom; at++, used++) {
    const lane = lanes[at];
    let node = labelNodes[used];
    if (!node) {
      node = { box: make("div", "lane"), fold: make("button"), name: make("span", "name"), mark: suspicious("", "!"), note: make("span", "note"),
        fit: make("button", "fit", "↔") };
      node.fold.type = node.fit.type = "button";
      node.box.append(node.fold, node.name, node.mark, node.note, node.fit);
      node.fold.addEventListener("click", () => fold(node.machine));
      node.fit.addEventListener("click", () => zoomTo(...around(machineSessions(node.machine))));
      labelBox.append(node.box);
      labelNodes.push(node);
    }
    node.machine = lane.machine;
    const box = node.box;
    box.hidden = false;
    box.classList.toggle("machine", !!lane.isHeader);
    box.style.top = `${AXIS + lane.y - top}px`;
    box.style.height = `${lane.height}px`;
    node.fold.hidden = !lane.isHeader;
    node.fit.hidden = !lane.isHeader || !lane.kept;
    let why = lane.isHeader ? null : lane.lane.why;
    if (lane.isHeader) {
      const machine = data.machines[lane.machine], open = !folded.has(lane.machine);
      why = [machine.host, ...machine.aliases].map(whySuspicious).find((one) => one !== null) ?? null;
      node.fit.title = "Zoom to its sessions";
      node.fit.setAttribute("aria-label", `Zoom to the sessions of ${host(lane.machine)}`);
      node.fold.textContent = open ? "▾" : "▸";
      node.fold.setAttribute("aria-expanded", String(open));
      node.fold.setAttribute("aria-label", `${open ? "Fold" : "Unfold"} ${host(lane.machine)}`);
      node.name.textContent = host(lane.machine);
      const former = machine.aliases.map((alias) => texts[alias]);
      box.title = host(lane.machine) + (former.length ? `, formerly ${former.join(", ")}` : "");
      node.note.textContent = lane.kept.toLocaleString("en");
      box.title += `; ${many(lane.kept, "session", "sessions")}`;
    } else {
      node.name.textContent = labelWidth < 200 ? lane.lane.label.slice(lane.lane.label.lastIndexOf("\\") + 1) : lane.lane.label;
      node.note.textContent = lane.over.length ? `${lane.sessions} (${lane.over.length} in the last row)` : String(lane.sessions);
      box.title = `${lane.lane.names.join(", also ")}; ${classNames[lane.lane.classes]}, ${many(lane.sessions, "session", "sessions")}`;
    }
    node.mark.hidden = why === null;
    if (why !== null) box.title += `; suspicious name: ${why}`;
    node.mark.title = box.title;
  }
  for (; used < labelNodes.length; used++) labelNodes[used].box.hidden = true;
}
const machineSessions = (machine) => accountLanes[machine].flatMap((lane) => lane.sessions.filter((i) => passes[i]));
function fold(machine) {
  if (!folded.delete(machine)) folded.add(machine);
  layout();
  refresh();
}

// ---- the time axis ----

const SECOND = 1000, MINUTE = 60000, HOUR = 3600000, DAY = 86400000;
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 30 * SECOND, MINUTE, 2 * MINUTE, 5 * MINUTE,
  10 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY];
const MONTHS = [1, 2, 3, 6, 12, 24, 60, 120, 600, 1200, 6000, 12000];

// The machine whose local time the axis shows: that of the topmost lane.
function axisMachine() {
  const at = first(lanes, (lane) => lane.y + lane.height > scroller.scrollTop);
  return lanes[at]?.machine ?? 0;
}
function axisShift() {
  if (!localTimes || !data.machines.length) return null;
  return offsetAt(axisMachine(), (view[0] + view[1]) / 2);
}
function ticks() {
  const [from, to] = view, shift = (axisShift() ?? 0) * MINUTE, wanted = Math.max(2, plotWidth / 95), span = to - from;
  const found = [];
  const step = STEPS.find((one) => span / one <= wanted);
  if (step) {
    for (let tick = Math.ceil((from + shift) / step) * step; tick <= to + shift; tick += step) found.push(tick - shift);
    return found;
  }
  const months = MONTHS.find((one) => span / (one * 30.4 * DAY) <= wanted) ?? 12000;
  const start = new Date(from + shift);
  let month = Math.floor((start.getUTCFullYear() * 12 + start.getUTCMonth()) / months) * months;
  for (let guard = 0; guard < 500; guard++, month += months) {
    const date = new Date(0);
    date.setUTCFullYear(Math.floor(month / 12), month % 12, 1);
    const tick = date.getTime() - shift;
    if (tick > to) break;
    if (tick >= from) found.push(tick);
  }
  return found;
}
function tickTexts(found) {
  const shift = (axisShift() ?? 0) * MINUTE, gap = found.length > 1 ? found[1] - found[0] : DAY;
  let before = "";
  return found.map((tick) => {
    // One that would be cut at the edge says nothing; the next one says the day.
    if (place(tick) < 34 || place(tick) > plotWidth - 34) return "";
    const text = plain(tick + shift, 23), day = text.slice(0, 10);
    if (gap >= DAY) return "\n" + (gap >= 28 * DAY ? text.slice(0, 7) : day);
    const time = gap >= MINUTE ? text.slice(11, 16) : gap >= SECOND ? text.slice(11, 19) : text.slice(14, 23);
    const told = (day === before ? "" : day) + "\n" + time;
    before = day;
    return told;
  });
}
function zoneText() {
  if (!localTimes) return "UTC";
  const shift = axisShift();
  if (shift === null) return `UTC (local time of ${host(axisMachine())} is not proven here)`;
  const changes = [view[0], view[1]].some((time) => offsetAt(axisMachine(), time) !== shift);
  return `local time of ${host(axisMachine())}, ${offsetText(shift)}${changes ? "; not proven for all of the view, or another" : ""}`;
}

// ---- the plot ----

function sizes(printing) {
  const width = printing ? 1040 : scroller.clientWidth;
  labelWidth = Math.round(Math.max(130, Math.min(300, width * 0.24)));
  const most = printing ? 2400 : Math.max(340, Math.round(window.innerHeight * 0.62));
  const height = Math.max(150, Math.min(total + AXIS + 2, most));
  plotWidth = Math.max(120, width - labelWidth);
  plotHeight = height;
  scroller.style.height = pane.style.height = `${height}px`;
  pane.style.width = printing ? `${width}px` : "";
  labelBox.style.width = corner.style.width = `${labelWidth}px`;
  corner.style.height = `${AXIS}px`;
  plotBox.style.left = `${labelWidth}px`;
  plotBox.style.width = `${plotWidth}px`;
  byId("spacer").style.height = `${Math.max(0, total + AXIS + 2 - height)}px`;
}

function build() {
  readColours();
  sizes(false);
  const axis = {
    side: 0, size: AXIS, gap: 18, font: "11px system-ui, sans-serif", lineGap: 1.25,
    stroke: () => colours.faint, grid: { stroke: () => colours.grid, width: 1 }, ticks: { stroke: () => colours.strong, size: 5, width: 1 },
    splits: ticks, values: (u, found) => tickTexts(found),
  };
  plot = new uPlot({
    width: plotWidth, height: plotHeight, padding: [0, 0, 0, 0], ms: 1, legend: { show: false },
    scales: { x: { time: false, min: view[0], max: view[1] }, y: { range: [0, 1] } },
    series: [{}, {}],
    axes: [axis, { show: false }],
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    select: { show: true },
    hooks: { draw: [draw], setSelect: [(u) => { if (u.select.width >= 4) zoomTo(u.posToVal(u.select.left, "x"), u.posToVal(u.select.left + u.select.width, "x")); u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false); }] },
  }, [whole, [null, null]], plotBox);
  // A double click shows all, as the button does.
  plot.over.addEventListener("dblclick", (event) => { event.stopPropagation(); event.preventDefault(); zoomTo(...whole); }, true);
}

let waiting = false;
function redraw() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => { waiting = false; drawNow(); });
}
function drawNow() {
  if (plot.width !== plotWidth || plot.height !== plotHeight) plot.setSize({ width: plotWidth, height: plotHeight });
  const started = performance.now();
  plot.setScale("x", { min: view[0], max: view[1] });
  plot.redraw(false, true);
  plotBox.dataset.from = view[0];
  plotBox.dataset.to = view[1];
  plotBox.dataset.lanes = lanes.length;
  plotBox.dataset.drawn = hits.length;
  plotBox.dataset.took = (performance.now() - started).toFixed(1);
  corner.textContent = byId("zone").textContent = zoneText();
  corner.title = corner.textContent;
}
function refresh() {
  sizes(printing);
  redraw();
  listSoon();
}

const LEAST = 20;
function zoomTo(from, to) {
  const limit = (whole[1] - whole[0]) * 1.5, span = Math.min(limit, Math.max(LEAST, to - from));
  let start = from + (to - from - span) / 2;
  start = Math.max(whole[0] - limit / 3, Math.min(start, whole[1] + limit / 3 - span));
  view = [start, start + span];
  showRange();
  redraw();
  listSoon();
}
function zoom(factor, centre = (view[0] + view[1]) / 2) {
  zoomTo(centre - (centre - view[0]) * factor, centre + (view[1] - centre) * factor);
}
function pan(part) {
  const by = (view[1] - view[0]) * part;
  zoomTo(view[0] + by, view[1] + by);
}
function showRange() {
  const machine = localTimes ? axisMachine() : 0;
  for (const [input, time] of [[byId("from"), view[0]], [byId("to"), view[1]]]) {
    const shift = localTimes && data.machines.length ? offsetAt(machine, time) : 0;
    if (document.activeElement !== input) input.value = plain(time + (shift ?? 0) * MINUTE, 19) + (shift === null ? " Z" : "");
    input.removeAttribute("aria-invalid");
  }
}

// ---- mouse and keys ----

function hitAt(x, y) {
  let best = null;
  for (const hit of hits) {
    if (x < hit.x0 || x > hit.x1 || y < hit.y0 || y > hit.y1) continue;
    const size = (hit.x1 - hit.x0) * (hit.y1 - hit.y0);
    if (!best || size < best.size) best = { size, hit };
  }
  return best?.hit ?? null;
}
const inside = (event) => { const box = plot.over.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };

const tip = byId("tip");
function showTip(hit, event) {
  hovered = hit;
  tip.hidden = !hit;
  if (!hit) return;
  tip.replaceChildren(...tipLines(hit).map((text) => make("p", "", text)));
  const box = tip.getBoundingClientRect();
  const left = event.clientX + 14 + box.width > window.innerWidth ? event.clientX - box.width - 10 : event.clientX + 14;
  const top = event.clientY + 16 + box.height > window.innerHeight ? event.clientY - box.height - 10 : event.clientY + 16;
  tip.style.left = `${Math.max(4, left)}px`;
  tip.style.top = `${Math.max(4, top)}px`;
}
function tipLines(hit) {
  if (hit.marks) {
    const said = hit.marks.slice(0, 4).flatMap((mark) => mark.said.slice(0, 3).map((place) => texts[place]));
    const more = hit.marks.length - 4;
    return [host(hit.machine), ...said, ...(more > 0 ? [`and ${more} more: click for all`] : [])];
  }
  if (hit.sessions.length > 1) {
    const kinds = new Map();
    for (const i of hit.sessions) kinds.set(kind(i), (kinds.get(kind(i)) ?? 0) + 1);
    const told = [...kinds].sort((a, b) => b[1] - a[1]).map(([name, number]) => `${name} ${number}`).join(", ");
    const open = hit.sessions.filter(isOpen).length;
    return [`${many(hit.sessions.length, "session", "sessions")}, too close to draw apart`, told,
      ...(open ? [`${open.toLocaleString("en")} of them with a start or end that is not exactly known`] : []), "Click to list them, or zoom in."];
  }
  const i = hit.sessions[0], where = came(i), flags = flagsOf(i);
  const lines = [`${label(i)}: ${kind(i)}${where ? " from " + where : ""}`,
    `Start: ${startText(i)} (${START_WORDS[columns.start[i]]})`,
    `End: ${endText(i)} (${END_WORDS[columns.ending[i]]})`,
    `${reasonNames[columns.reason[i]]}; lasted ${lastedText(i)}`];
  const states = new Set((columns.intervals[i] ?? []).map((interval) => stateNames[interval[0]]));
  if (states.size) lines.push(`At times ${[...states].join(", ")}`);
  if (i in columns.failures_before) lines.push(`${many(columns.failures_before[i], "logon", "logons")} of the account refused just before`);
  if (flags.length) lines.push(flags.join(", "));
  return lines;
}

function listen() {
  const over = plot.over;
  let pressed = null;
  plotBox.addEventListener("mousedown", (event) => {
    pressed = [event.clientX, event.clientY];
    if (!event.shiftKey || event.button !== 0) return;
    event.stopPropagation();
    event.preventDefault();
    plotBox.focus({ preventScroll: true });
    plotBox.classList.add("panning");
    const from = view.slice(), x = event.clientX;
    const move = (moved) => { const by = (x - moved.clientX) / plotWidth * (from[1] - from[0]); zoomTo(from[0] + by, from[1] + by); };
    const up = () => { plotBox.classList.remove("panning"); removeEventListener("mousemove", move); removeEventListener("mouseup", up); };
    addEventListener("mousemove", move);
    addEventListener("mouseup", up);
  }, true);
  over.addEventListener("mousemove", (event) => showTip(event.buttons ? null : hitAt(...inside(event)), event));
  over.addEventListener("mouseleave", () => showTip(null));
  over.addEventListener("click", (event) => {
    if (pressed && Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 3) return;
    plotBox.focus({ preventScroll: true });
    const hit = hitAt(...inside(event));
    if (hit) tellHit(hit);
  });
  over.addEventListener("wheel", (event) => {
    event.preventDefault();
    const sideways = event.shiftKey ? event.deltaX || event.deltaY : Math.abs(event.deltaX) > Math.abs(event.deltaY) ? event.deltaX : 0;
    const unit = event.deltaMode === 1 ? 16 : 1;
    if (sideways) { pan(sideways * unit / plotWidth); return; }
    const [x] = inside(event);
    zoom(Math.exp(Math.max(-200, Math.min(200, event.deltaY * unit)) * 0.0022), view[0] + x / plotWidth * (view[1] - view[0]));
  }, { passive: false });
  scroller.addEventListener("scroll", () => { showTip(null); redraw(); if (localTimes) showRange(); });
  new ResizeObserver(() => { if (!printing) { sizes(false); redraw(); } }).observe(scroller);
  addEventListener("resize", () => { if (!printing) { sizes(false); redraw(); } });

  plotBox.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const act = {
      ArrowLeft: () => pan(-0.15), ArrowRight: () => pan(0.15), ArrowUp: () => { scroller.scrollTop -= 60; }, ArrowDown: () => { scroller.scrollTop += 60; },
      PageUp: () => { scroller.scrollTop -= plotHeight - AXIS; }, PageDown: () => { scroller.scrollTop += plotHeight - AXIS; },
      "+": () => zoom(0.6), "=": () => zoom(0.6), "-": () => zoom(1 / 0.6), 0: () => zoomTo(...whole), Home: () => zoomTo(...whole),
      n: () => step(1), p: () => step(-1), Enter: () => { if (selected >= 0) tell(selected, true); },
    }[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName ?? "");
    if (event.key === "/" && !typing) { event.preventDefault(); byId("search").focus(); }
    if (event.key === "Escape") {
      const menu = document.querySelector(".menu[open]");
      if (menu) { menu.open = false; menu.querySelector("summary").focus(); } else if (!byId("details").hidden) closeDetails();
    }
  });
  addEventListener("click", (event) => {
    for (const menu of document.querySelectorAll(".menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  });
}

// The next or previous session in the list's order: of those in view, else of all that pass.
function step(by) {
  const inView = listed();
  const among = inView.length ? inView : ordered().filter((i) => passes[i]);
  if (!among.length) return;
  const at = among.indexOf(selected);
  const next = at < 0 ? (by > 0 ? 0 : among.length - 1) : Math.max(0, Math.min(among.length - 1, at + by));
  select(among[next]);
  byId("status").textContent = tipLines({ sessions: [selected] }).join(". ");
}
function select(i) {
  selected = i;
  const lane = lanes.find((one) => !one.isHeader && one.machine === machineOf[i] && one.lane.sessions.includes(i));
  if (lane) {
    const row = lane.rows.findIndex((one) => one.includes(i));
    const y = lane.y + PAD + (row < 0 ? lane.rows.length : row) * ROW, height = plotHeight - AXIS;
    if (y < scroller.scrollTop || y + ROW > scroller.scrollTop + height) scroller.scrollTop = Math.max(0, y - height / 2);
  }
  if (lasts[i] < view[0] || begins[i] > view[1]) {
    const span = view[1] - view[0];
    zoomTo(begins[i] - span / 2, begins[i] + span / 2);
  }
  for (const row of byId("list").querySelectorAll("tbody tr")) row.setAttribute("aria-selected", String(row.dataset.session === String(i)));
  redraw();
}

// ---- the list ----

let order = null, listTimer = 0, listLength = 50;
const LIST_STEP = 200;
function ordered() {
  order ??= Array.from({ length: count }, (_, i) => i).sort((a, b) => begins[a] - begins[b] || a - b);
  return order;
}
const listed = () => ordered().filter((i) => passes[i] && begins[i] <= view[1] && lasts[i] >= view[0]);
function listSoon() {
  clearTimeout(listTimer);
  listTimer = setTimeout(showList, 120);
}
function showList() {
  clearTimeout(listTimer);
  const found = listed(), rows = found.slice(0, listLength).map(listRow);
  byId("list").querySelector("tbody").replaceChildren(...rows);
  byId("listtitle").textContent = `Sessions in view: ${found.length.toLocaleString("en")}`;
  const left = found.length - rows.length;
  byId("listmore").textContent = (left > 0 ? `${left.toLocaleString("en")} more are in view and not listed. ` : "")
    + "~ inferred, < no later than, > no earlier than or at least, ? not known; times are "
    + (localTimes ? "each machine's local time with its offset, or UTC (Z) where no record proves one." : "UTC.");
  byId("more").hidden = left <= 0;
  const outside = passing - found.length;
  byId("status").textContent = nothingFits() ?? `${found.length.toLocaleString("en")} of ${many(count, "session", "sessions")} in view`
    + (isFiltered() ? `; ${(count - passing).toLocaleString("en")} filtered out` : "") + (outside ? `; ${outside.toLocaleString("en")} at other times` : "")
    + hiddenMachines() + (isFirstOfMost && view === firstView && outside ? "; these are most of them, “All” shows the whole time" : "") + (view[0] > reached[0] || view[1] < reached[1] ? "; the evidence reaches beyond the view" : "");
}
// Which of the filters nothing fits, if nothing fits them all.
function nothingFits() {
  if (passing || !count) return null;
  const asked = filterTests();
  const alone = asked.filter(([, fits]) => begins.every((_, i) => !fits(i)));
  const told = (alone.length ? alone : asked).map(([words]) => words).join(alone.length ? ", nor " : " together with ");
  return `No session fits ${told}. “Clear filters” shows all ${count.toLocaleString("en")} again.`;
}
function hiddenMachines() {
  const hidden = data.machines.length - lanes.filter((lane) => lane.isHeader).length;
  return hidden ? `; ${many(hidden, "machine", "machines")} without any` : "";
}
function listRow(i) {
  const row = make("tr");
  row.dataset.session = i;
  row.setAttribute("aria-selected", String(i === selected));
  const open = make("button", "", startText(i));
  open.type = "button";
  open.title = START_WORDS[columns.start[i]];
  open.setAttribute("aria-label", `${startText(i)}, ${label(i)}, ${kind(i)}: tell`);
  open.addEventListener("click", () => { select(i); tell(i, true); });
  const cell = (text, title) => { const made = make("td", "", text); if (title) made.title = title; return made; };
  const cellOf = (place, title = "") => { const made = place === null ? make("td") : named("td", place); made.title = title; return made; };
  const start = make("td"); start.append(open);
  const what = make("td"); what.append(make("span", "swatch k-" + FAMILIES[families[i]][0]), kind(i));
  what.title = data.kinds[columns.kind[i]][1];
  row.append(start, cell(endText(i), END_WORDS[columns.ending[i]]), cell(lastedText(i)),
    cell(reasonNames[columns.reason[i]], data.reasons[columns.reason[i]][1]), cellOf(labelPlace(i), sid(i)),
    cellOf(data.machines[machineOf[i]].host), what, cellOf(columns.address[i] ?? columns.workstation[i]),
    cell([...flagsOf(i), ...(i in columns.failures_before ? [`${columns.failures_before[i]} refused before`] : [])].join(", ")));
  return row;
}

// ---- details ----

const stories = new Map();
const storyPlaces = data.stories.of === null ? null : data.stories.of.reduce((list, by) => { list.push((list.at(-1) ?? 0) + by); return list; }, []);

// What explain says of a session, in lines; nothing if the page does not hold it.
async function storyOf(i) {
  let at = i;
  if (storyPlaces) {
    at = first(storyPlaces, (place) => place >= i);
    if (storyPlaces[at] !== i) return null;
  }
  const block = Math.floor(at / data.stories.together);
  if (!stories.has(block)) {
    if (!byId(`stories-${block}`) && document.readyState === "loading") {
      await new Promise((done) => document.addEventListener("DOMContentLoaded", done, { once: true }));
    }
    const packed = atob(byId(`stories-${block}`).textContent), bytes = new Uint8Array(packed.length);
    for (let byte = 0; byte < packed.length; byte++) bytes[byte] = packed.charCodeAt(byte);
    const text = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
    if (stories.size > 20) stories.clear();
    stories.set(block, text.split("\n\n"));
  }
  return stories.get(block)[at % data.stories.together].split("\n").filter((one) => one);
}

const details = byId("details"), story = byId("story");
let cameFrom = null;
function openDetails(nodes, focus) {
  showTip(null);
  if (details.hidden) cameFrom = document.activeElement;
  story.replaceChildren(...nodes);
  details.hidden = false;
  details.scrollTop = 0;
  if (focus) details.focus({ preventScroll: true });
  sizes(printing);
  redraw();
}
function closeDetails() {
  details.hidden = true;
  selected = -1;
  (cameFrom?.isConnected ? cameFrom : plotBox).focus({ preventScroll: true });
  refresh();
}
const button = (text, act, className) => {
  const made = make("button", className, text);
  made.type = "button";
  made.addEventListener("click", act);
  return made;
};

async function tell(i, focus) {
  select(i);
  const title = named("h2", labelPlace(i), " on ", data.machines[machineOf[i]].host);
  const chips = make("div", "chips");
  const chip = (text, meaning, className = "chip") => { const made = make("span", className, text); made.title = meaning; chips.append(made); };
  chip(kind(i), data.kinds[columns.kind[i]][1]);
  chip(classNames[classOf(i)], data.classes[classOf(i)][1]);
  chip(whoNames[columns.interactivity[i]], data.interactivities[columns.interactivity[i]][1]);
  chip(reasonNames[columns.reason[i]], data.reasons[columns.reason[i]][1]);
  flagNames.forEach((name, bit) => { if (columns.flags[i] >> bit & 1) chip(name, data.flags[bit][1], "chip flag"); });
  const acts = make("div", "chips");
  acts.append(
    button("Zoom to it", () => { const margin = Math.max(1000, (lasts[i] - begins[i]) * 0.3); zoomTo(begins[i] - margin, lasts[i] + margin); }),
    button("Only this account", () => { byId("search").value = (sid(i) || label(i)); filter(); }),
    button("Copy its id", () => navigator.clipboard?.writeText(id(i))));
  const facts = [
    `Start: ${startText(i)} (${START_WORDS[columns.start[i]]})`, `End: ${endText(i)} (${END_WORDS[columns.ending[i]]})`,
  ].map((text) => make("p", "", text));
  const head = [title, chips, acts, ...facts];
  openDetails([...head, make("p", "hint", "…")], focus);
  let lines = null, why = "This page does not hold its story: there are too many sessions.";
  try {
    lines = await storyOf(i);
  } catch (error) {
    why = `Its story cannot be unpacked by this browser (${error.message}).`;
  }
  if (selected !== i) return;
  if (!lines) {
    story.replaceChildren(...head, make("p", "warn", `${why} The same evidence tells it:`), make("code", "", `winsessions explain ${id(i)} PATH`));
    return;
  }
  const told = [make("p", "hint", "What follows are the words of winsessions explain; its times are UTC.")];
  let records = false;
  for (const one of lines) {
    const text = one.slice(1);
    if (one[0] === "h") {
      records = text.startsWith("The records it rests on");
      told.push(make("h3", "", text));
    } else told.push(make("p", `step${one[0]}${records && one[0] === "1" ? " record" : ""}`, text));
  }
  story.replaceChildren(...head, ...told);
}

const LISTED = 100;
function tellHit(hit) {
  if (hit.marks) {
    selected = -1;
    const said = hit.marks.slice(0, LISTED).flatMap((mark) => {
      const [name, meaning] = data.marks.find((pair) => pair[0] === mark.kind);
      const when = mark.to === undefined ? shown(mark.at, hit.machine) : `${shown(mark.at, hit.machine)} to ${shown(mark.to, hit.machine)}`;
      const heading = make("h3", "", `${when}: ${name}`);
      heading.title = meaning;
      return [heading, ...mark.said.map((place) => make("p", "record", texts[place]))];
    });
    const more = hit.marks.length - LISTED;
    if (more > 0) said.push(make("p", "more", `and ${more} more: zoom in`));
    openDetails([named("h2", data.machines[hit.machine].host), ...said], false);
    return;
  }
  if (hit.sessions.length === 1) { tell(hit.sessions[0], false); return; }
  selected = -1;
  const shownSessions = hit.sessions.slice(0, LISTED);
  const list = shownSessions.map((i) => button(`${startText(i)}  ${label(i)}  ${kind(i)}  ${came(i)}`, () => tell(i, true), "choice"));
  const from = Math.min(...hit.sessions.map((i) => begins[i])), to = Math.max(...hit.sessions.map((i) => lasts[i]));
  const more = hit.sessions.length - LISTED;
  openDetails([make("h2", "", `${many(hit.sessions.length, "session", "sessions")} here`),
    button("Zoom to them", () => { const margin = Math.max(500, (to - from) * 0.1); zoomTo(from - margin, to + margin); }), ...list,
    ...(more > 0 ? [make("p", "more", `and ${more} more: zoom in, or filter`)] : [])], false);
}

// ---- controls ----

function menu(box, all, counts, on, swatch) {
  const choices = box.querySelector(".choices"), inputs = [];
  const group = make("div", "group");
  const set = (value) => { inputs.forEach(([input, place]) => { input.checked = value; on[place] = value ? 1 : 0; }); changed(); };
  group.append(button("All", () => set(true)), button("None", () => set(false)));
  choices.append(group);
  const summary = box.querySelector("summary"), title = summary.textContent;
  const changed = () => {
    const off = inputs.filter(([input]) => !input.checked).length;
    summary.textContent = off ? `${title} (${inputs.length - off} of ${inputs.length})` : title;
    filter();
  };
  all.forEach(([name, meaning], place) => {
    if (!counts[place]) return;
    const row = make("label"), input = make("input");
    input.type = "checkbox";
    input.checked = true;
    input.addEventListener("change", () => { on[place] = input.checked ? 1 : 0; changed(); });
    row.title = meaning;
    row.append(input);
    if (swatch) row.append(make("span", "swatch k-" + FAMILIES[familyOfKind[place]][0]));
    row.append(make("span", "", name), make("span", "count", counts[place].toLocaleString("en")));
    choices.append(row);
    inputs.push([input, place]);
  });
  return () => { inputs.forEach(([input, place]) => { input.checked = true; on[place] = 1; }); summary.textContent = title; };
}

function controls() {
  const kindCounts = new Array(kindNames.length).fill(0), classCounts = new Array(classNames.length).fill(0), places = new Map();
  for (let i = 0; i < count; i++) {
    kindCounts[columns.kind[i]]++;
    classCounts[classOf(i)]++;
    const address = columns.address[i];
    if (address !== null) places.set(address, (places.get(address) ?? 0) + 1);
  }
  const resets = [menu(byId("kinds"), data.kinds, kindCounts, kindOn, true), menu(byId("classes"), data.classes, classCounts, classOn, false)];
  const frequent = [...places].sort((a, b) => b[1] - a[1]).slice(0, 100);
  byId("addresses").append(...frequent.map(([address]) => { const option = make("option"); option.value = texts[address]; return option; }));
  for (const [value, [name, fits]] of looks) {
    let number = 0;
    if (value) for (let i = 0; i < count; i++) if (fits(i)) number++;
    if (value && !number) continue;
    const option = make("option", "", value ? `${name} (${number.toLocaleString("en")})` : name);
    option.value = value;
    byId("look").append(option);
  }
  byId("look").addEventListener("change", (event) => { look = event.target.value; filter(); });
  let timer = 0;
  for (const name of ["search", "address"]) {
    byId(name).addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(filter, 150); });
  }
  const pressWho = (chosen) => {
    who = chosen;
    for (const name of ["everybody", "people", "noservice"]) byId(name).setAttribute("aria-pressed", String(name === chosen));
  };
  for (const name of ["everybody", "people", "noservice"]) byId(name).addEventListener("click", () => { pressWho(name); filter(); });
  byId("clear").addEventListener("click", () => {
    byId("search").value = byId("address").value = byId("look").value = look = "";
    resets.forEach((reset) => reset());
    pressWho("everybody");
    filter();
  });
  byId("zoomin").addEventListener("click", () => zoom(0.5));
  byId("zoomout").addEventListener("click", () => zoom(2));
  byId("earlier").addEventListener("click", () => pan(-0.5));
  byId("later").addEventListener("click", () => pan(0.5));
  byId("whole").addEventListener("click", () => zoomTo(...whole));
  byId("more").addEventListener("click", () => { listLength += LIST_STEP; showList(); });
  byId("close").addEventListener("click", closeDetails);
  for (const name of ["from", "to"]) {
    const input = byId(name);
    const take = () => {
      const time = parsed(input.value, axisMachine());
      const next = name === "from" ? [time, view[1]] : [view[0], time];
      if (time === null || next[0] >= next[1]) { input.setAttribute("aria-invalid", "true"); return; }
      zoomTo(...next);
    };
    input.addEventListener("change", take);
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") take(); });
    input.addEventListener("blur", () => { if (!input.hasAttribute("aria-invalid")) showRange(); });
  }
  tools();
}

function tools() {
  const box = byId("tools");
  const times = make("select");
  times.id = "times";
  for (const [value, text] of [["utc", "Times: UTC"], ["local", "Times: local to each machine"]]) {
    const option = make("option", "", text);
    option.value = value;
    times.append(option);
  }
  times.setAttribute("aria-label", "Times");
  if (!data.machines.some((machine) => machine.offsets.length)) {
    times.disabled = true;
    times.title = "No record in the evidence proves a machine's offset from UTC.";
  }
  times.addEventListener("change", () => { localTimes = times.value === "local"; showRange(); redraw(); showList(); });
  const theme = button("", () => {
    const next = { "": "dark", dark: "light", light: "" }[root.dataset.theme ?? ""];
    if (next) root.dataset.theme = next; else delete root.dataset.theme;
    say();
    repaint();
  });
  theme.id = "theme";
  const say = () => { theme.textContent = `Theme: ${root.dataset.theme ?? "as the system"}`; };
  say();
  const fold = button("Fold the summary", () => {
    const summary = byId("summary");
    summary.hidden = !summary.hidden;
    fold.textContent = summary.hidden ? "Show the summary" : "Fold the summary";
    fold.setAttribute("aria-expanded", String(!summary.hidden));
    sizes(printing); redraw();
  });
  fold.id = "fold";
  fold.setAttribute("aria-expanded", "true");
  box.append(times, theme, fold, button("Print", () => window.print()));
  box.hidden = false;
}
function repaint() {
  readColours();
  legend();
  redraw();
}
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", repaint);

// ---- legend: drawn by what draws the lanes ----

function legend() {
  const list = byId("legend").querySelector("ul");
  const entry = (text, paint, width = 46) => {
    const item = make("li"), canvas = make("canvas"), ratio = window.devicePixelRatio || 1;
    canvas.width = width * ratio;
    canvas.height = 16 * ratio;
    canvas.style.width = `${width}px`;
    canvas.style.height = "16px";
    canvas.setAttribute("aria-hidden", "true");
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    paint(context);
    item.append(canvas, make("span", "", text));
    return item;
  };
  const bar = (colour, from = 4, to = 42) => (context) => { context.fillStyle = colour; context.fillRect(from, 3, to - from, 11); };
  const rdp = colours.family[1];
  const present = new Set(families);
  const items = [];
  FAMILIES.forEach((family, number) => {
    if (present.has(number)) items.push(entry(family[1], bar(colours.family[number], 2, 18), 20));
  });
  const ends = (paint) => (context) => { bar(rdp, 2, 27)(context); paint(context); };
  const dashed = (context, x) => { context.strokeStyle = colours.ink; context.lineWidth = 2; context.setLineDash([2.5, 2]); line(context, x, 2, x, 15); };
  const states = new Set(Object.values(columns.intervals).flat().map((interval) => stateNames[interval[0]]));
  for (const state of ["disconnected", "locked", "screen-saver"]) {
    if (!states.has(state)) continue;
    items.push(entry(state === "screen-saver" ? "under its screen saver" : state, (context) => {
      bar(rdp)(context);
      context.fillStyle = pattern(context, state, rdp);
      context.fillRect(14, 3.5, 18, 10);
    }));
  }
  if (Object.values(columns.intervals).flat().some((interval) => interval[1] === null)) {
    items.push(entry("opening angle: so at its end, nobody knows since when", (context) => {
      bar(rdp)(context);
      vaguePart(context, 10, 38, 3, 11, "locked", rdp);
    }));
  }
  items.push(
    entry("full edge: recorded", ends((context) => { context.strokeStyle = colours.ink; context.lineWidth = 2; line(context, 26, 2, 26, 15); }), 30),
    entry("broken edge: inferred", ends((context) => dashed(context, 26)), 30),
    entry("dashed frame: ended in this range", ends((context) => { context.strokeStyle = rdp; context.setLineDash([3, 2.5]); context.strokeRect(27, 4, 13, 9); context.setLineDash([]); dashed(context, 41); }), 44),
    entry("arrow: began before, or went on, nobody knows how far", ends((context) => { context.strokeStyle = rdp; context.lineWidth = 1.6; context.beginPath(); context.moveTo(31, 4.5); context.lineTo(37, 8.5); context.lineTo(31, 12.5); context.stroke(); }), 40),
    entry("line on top: several, too close to draw apart", (context) => { bar(colours.family[MIXED])(context); context.fillStyle = colours.ink; context.fillRect(4, 2, 38, 1.5); }),
    entry("refused logons just before", (context) => { bar(rdp, 16, 42)(context); context.fillStyle = colours.bad; context.beginPath(); context.moveTo(7, 4); context.lineTo(15, 8.5); context.lineTo(7, 13); context.fill(); }),
    entry("outside of the machine's Security log: nothing can be said", (context) => { context.fillStyle = colours.shade; context.fillRect(2, 1, 42, 14); context.strokeStyle = colours.line; context.strokeRect(2.5, 1.5, 41, 13); }));
  const kindsOfMarks = new Set(data.machines.flatMap((machine) => machine.marks.map((mark) => mark.kind)));
  for (const [name, meaning] of data.marks) {
    if (!kindsOfMarks.has(name)) continue;
    const lasts = name === "gap" || name === "refused";
    items.push(entry(meaning.replace(/\.$/, ""), (context) => glyph(context, name, lasts ? 3 : 10, lasts ? 17 : 10, 8), 20));
  }
  const strip = (colour) => (context) => { context.fillStyle = colour; context.fillRect(1, 7, 18, 2.5); };
  items.push(entry("Windows ran, to a clean stop", strip(colours.good), 20), entry("reach of the Security log", strip(colours.accent), 20),
    entry("reach of other logs", strip(colours.strong), 20));
  if (Object.keys(data.suspicious).length) {
    const item = make("li");
    item.append(suspicious("it hides something, or mixes letters that look alike", "!"), make("span", "", "name that hides something, or mixes letters that look alike"));
    items.push(item);
  }
  list.replaceChildren(...items);
}

// ---- printing: light, all lanes as far as a page can have them ----

let printing = false, themeBefore;
function print(on) {
  if (on === printing) return;
  printing = on;
  if (on) {
    themeBefore = root.dataset.theme;
    root.dataset.theme = "light";
    scroller.scrollTop = 0;
  } else if (themeBefore) root.dataset.theme = themeBefore;
  else delete root.dataset.theme;
  readColours();
  legend();
  sizes(on);
  drawNow();
  showList();
  if (on && total + AXIS + 2 > plotHeight) {
    byId("status").textContent += `; ${many(lanes.filter((lane) => lane.y > plotHeight - AXIS).length, "lane", "lanes")} below are not printed: filter to print them`;
  }
}
addEventListener("beforeprint", () => print(true));
addEventListener("afterprint", () => print(false));
matchMedia("print").addEventListener("change", (event) => print(event.matches));

// ---- start ----

byId("application").hidden = false;
layout();
build();
listen();
showRange();
drawNow();
performance.mark("first-drawing");
setTimeout(() => {
  controls();
  legend();
  showList();
  performance.mark("ready");
}, 0);
})();
