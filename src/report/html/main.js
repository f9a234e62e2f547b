// Builds the page from its documents.

function isDark() {
  return document.documentElement.dataset.theme === "dark";
}

// The system's choice until the reader's; a page whose root already has a theme keeps it.
function setUpTheme() {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const button = document.getElementById("theme");
  let chosen = root.dataset.theme !== undefined;
  const show = (dark) => {
    root.dataset.theme = dark ? "dark" : "light";
    button.textContent = dark ? "Light" : "Dark";
    button.setAttribute("aria-label", "Switch to " + (dark ? "light" : "dark") + " colours");
  };
  show(chosen ? isDark() : system.matches);
  button.addEventListener("click", () => {
    chosen = true;
    show(!isDark());
    drawAll();
  });
  system.addEventListener("change", () => {
    if (chosen) return;
    show(system.matches);
    drawAll();
  });
}

function build() {
  const documents = [...document.querySelectorAll("script.document")]
      .map((script) => JSON.parse(script.textContent));
  const report = document.getElementById("report");
  const parts = [];  // [id, title, answer, section]
  for (const each of documents) {
    const number = parts.length + 1;
    if (each.schema.startsWith("pronghorn.comparison/")) {
      parts.push(["part" + number, each.a.model + " and " + each.b.model, each.answer,
                  comparisonSection(each, "part" + number)]);
      for (const side of [each.a, each.b]) {
        const id = "part" + (parts.length + 1);
        parts.push([id, side.model, side.answer, explanationSection(side, id, false)]);
      }
    } else {
      const id = "part" + number;
      parts.push([id, each.model, each.answer,
                  explanationSection(each, id, documents.length === 1)]);
    }
  }
  // The answer first; of several independent models the index holds theirs.
  report.append(element("h1", {}, documents.length === 1 ? documents[0].answer
                                                         : "Where the time of a training step goes"));
  if (parts.length > 1) {
    report.append(element("nav", { "aria-label": "Contents" }, element("ul", {},
        parts.map(([id, title, answer], number) => element(
            "li", {}, element("a", { href: "#" + id }, title),
            documents.length > 1 || number > 0 ? element("span", {}, " " + answer) : null)))));
  }
  report.append(...parts.map((part) => part[3]));
}

setUpTheme();
build();
drawAll();
// For tests: everything was drawn. What is wider than the window would be cut or scroll.
document.documentElement.dataset.drawn = charts.length;
document.documentElement.dataset.tooWide =
    document.documentElement.scrollWidth - document.documentElement.clientWidth;
