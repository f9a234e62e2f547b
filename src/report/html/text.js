// Numbers as words, in the same ways as the terminal prints them (src/report/text.cc), and elements
// made of text. Whatever a name contains is text: no string becomes markup.

function threeDigits(number) {
  const size = Math.abs(number);
  if (size === 0) return "0";
  return number.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : size >= 0.9995 ? 2 : 3);
}

function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

function compact(number) {
  if (!isNumber(number)) return "-";
  const units = ["", "k", "M", "G", "T"];
  let unit = 0;
  while (Math.abs(number) >= 999.5 && unit + 1 < units.length) {
    number /= 1000;
    ++unit;
  }
  if (unit === 0 && Number.isInteger(number)) return String(number);
  return threeDigits(number) + units[unit];
}

function count(number) {
  return isNumber(number) ? number.toLocaleString("en-US") : "-";
}

function duration(seconds) {
  if (!isNumber(seconds)) return "-";
  const size = Math.abs(seconds);
  if (size >= 0.9995 || size === 0)
    return (size >= 999.5 ? count(Math.round(seconds)) : threeDigits(seconds)) + " s";
  if (size >= 0.9995e-3) return threeDigits(seconds * 1e3) + " ms";
  return threeDigits(seconds * 1e6) + " µs";
}

function milliseconds(seconds) {
  if (!isNumber(seconds)) return "-";
  const number = seconds * 1e3;
  return Math.abs(number) >= 999.5 ? count(Math.round(number)) : threeDigits(number);
}

function percent(share) {
  if (!isNumber(share)) return "-";
  if (Math.abs(share) < 0.0005) share = 0;
  return (share * 100).toFixed(Math.abs(share) < 0.0995 ? 1 : 0) + "%";
}

function times(ratio) {
  return isNumber(ratio) ? "×" + (ratio >= 999.5 ? compact(ratio) : threeDigits(ratio)) : "-";
}

function multiplyAccumulates(number) {
  return count(number) + " multiply-accumulates";
}

// The middle of a long name gives way: names differ at their ends.
function shortened(name, length) {
  if (name.length <= length) return name;
  const kept = length - 1;
  return name.slice(0, Math.floor(kept / 2)) + "…" + name.slice(name.length - Math.ceil(kept / 2));
}

// Lines of at most `length` characters, broken behind spaces, hyphens and underscores where that is
// enough.
function lines(text, length) {
  const result = [""];
  for (const word of text.match(/[^ _-]*[ _-]?/g)) {
    const last = result.length - 1;
    if (result[last].length + word.trimEnd().length <= length) result[last] += word;
    else result.push(word.trimEnd().length <= length ? word : shortened(word, length));
  }
  return result.map((line) => line.trimEnd()).filter((line) => line !== "");
}

// A name that may be broken behind its underscores, rather than anywhere.
function breakable(name) {
  return name.split(/(?<=[_.])/).flatMap((part, number) =>
      number > 0 ? [document.createElement("wbr"), part] : [part]);
}

function element(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) node.setAttribute(name, value);
  for (const child of children.flat())
    if (child !== null && child !== undefined) node.append(child);
  return node;
}

// A name in a table's first column, with what it is under it.
function named(name, what) {
  return element("div", {}, breakable(name), element("small", {}, what));
}

// columns: [title, "number" | "text" | "", group]; columns side by side of one group share it as a
// heading above their own. rows: arrays of text; the last `totals` rows are totals. Scrolls in a box
// of its own where it is wider than the page.
function table(label, columns, rows, totals = 0) {
  const heading = ([title, kind]) => element("th", { scope: "col", class: kind || "" }, title);
  const heads = [element("tr", {}, columns.map(heading))];
  if (columns.some((column) => column[2])) {
    const groups = [];  // [group, columns]
    for (const [, , group] of columns) {
      const last = groups[groups.length - 1];
      if (last && group && last[0] === group) ++last[1];
      else groups.push([group || "", 1]);
    }
    heads.unshift(element("tr", {}, groups.map(([group, span]) =>
        element(group ? "th" : "td", group ? { scope: "colgroup", colspan: span, class: "group" } : {},
                group))));
  }
  const body = rows.map((row, number) =>
      element("tr", { class: number >= rows.length - totals ? "total" : "" },
              row.map((cell, column) => element("td", { class: columns[column][1] || "" },
                      // A break is taken in what must not wrap, too.
                      typeof cell === "string" && !columns[column][1] ? breakable(cell) : cell))));
  return element("div", { class: "scroll", role: "region", tabindex: "0", "aria-label": label },
                 element("table", {}, element("thead", {}, heads), element("tbody", {}, body)));
}

function list(sentences) {
  return element("ul", {}, sentences.map((sentence) => element("li", {}, sentence)));
}
