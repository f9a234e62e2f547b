// What all charts share: where they stand, their colours, how they are drawn anew.

const PHASES = ["forward", "backward to data", "backward to weights", "update"];
const PHASE_COLOURS = ["--forward", "--data", "--weights", "--update"];
const PHASE_POINTS = ["circle", "triangle", "rectRot", "rect"];

const charts = [];

// A canvas under a title. `make(colour)` returns Chart.js's configuration; it is asked again when
// the colours change. `description` is what a screen reader says in place of the picture.
function figure(title, description, height, make) {
  const canvas = element("canvas", { role: "img", "aria-label": title + ". " + description },
                         title + ". " + description);
  charts.push({ canvas, make, chart: null });
  return element("figure", {}, element("h3", {}, title), element("p", { class: "note" }, description),
                 element("div", { class: "chart", style: "height:" + height + "px" }, canvas));
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// "#rrggbb" with an opacity.
function pale(hex, opacity) {
  return hex + Math.round(opacity * 255).toString(16).padStart(2, "0");
}

function drawAll() {
  Chart.defaults.color = colour("--text");
  Chart.defaults.borderColor = colour("--line");
  Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
  Chart.defaults.animation = false;
  Chart.defaults.maintainAspectRatio = false;
  Chart.defaults.plugins.legend.labels.usePointStyle = true;
  Chart.defaults.plugins.legend.labels.boxHeight = 7;
  for (const entry of charts) {
    if (entry.chart) entry.chart.destroy();
    entry.chart = new Chart(entry.canvas, entry.make());
  }
}

// How many characters of a name fit beside a chart of that width.
function nameLength(chart) {
  return chart.width < 600 ? 16 : 34;
}

// Names on the axis of a bar chart, shortened or in several lines.
function nameTicks(names, wrap) {
  return {
    autoSkip: false,
    callback(value) {
      const length = nameLength(this.chart);
      return wrap ? lines(names[value], length) : shortened(names[value], length);
    },
  };
}

// A logarithmic axis in whole decades around the values, with a label at each.
function decades(values, title, margin = 1) {
  const positive = values.filter((value) => isNumber(value) && value > 0);
  const low = positive.length ? Math.min(...positive) : 1;
  const high = positive.length ? Math.max(...positive) : 10;
  const first = Math.floor(Math.log10(low / margin));
  const last = Math.max(Math.ceil(Math.log10(high * margin)), first + 1);
  return {
    type: "logarithmic",
    min: 10 ** first,
    max: 10 ** last,
    title: { display: true, text: title },
    ticks: {
      autoSkip: false,
      maxRotation: 0,
      callback(value) {
        const exponent = Math.log10(value);
        return Math.abs(exponent - Math.round(exponent)) < 1e-6 ? compactPower(exponent) : null;
      },
    },
  };
}

function compactPower(exponent) {
  const power = Math.round(exponent);
  return power < 0 ? (10 ** power).toFixed(-power)
                   : 10 ** (power % 3) + ["", "k", "M", "G", "T", "P"][Math.floor(power / 3)];
}

// A horizontal bar per name, one value each, in one colour each.
function bars(names, values, colours, axis, describe) {
  return {
    type: "bar",
    data: {
      labels: names,
      datasets: [{ data: values, backgroundColor: colours, maxBarThickness: 26 }],
    },
    options: {
      indexAxis: "y",
      plugins: {
        legend: { display: false },
        tooltip: {
          callbacks: {
            title: (items) => lines(names[items[0].dataIndex], 40),
            label: (item) => describe(item.dataIndex),
          },
        },
      },
      scales: { x: axis, y: { ticks: nameTicks(names, true), grid: { display: false } } },
    },
  };
}

// Room for the names as they are broken on a phone.
function barsHeight(names, each = 40) {
  const most = Math.max(1, ...names.map((name) => lines(name, 16).length));
  return 70 + names.length * Math.max(each, 14 * most + 12);
}
