// Two models: the ratio of their steps, taken apart.

// The factors one on top of the other: each bar leads from the product of those before to its own
// product with them, on a logarithmic scale, where factors are lengths; the last bar is the whole.
function factorsChart(comparison) {
  const factors = comparison.factors;
  const names = [...factors.map((factor) => factor.name + " " + times(factor.ratio)),
                 (comparison.measured ? "step time, measured " : "step time, predicted ") +
                 times(comparison.ratio)];
  const description = "Each bar multiplies what stands above it; together they are the ratio of the " +
                      "step times of " + comparison.b.model + " and " + comparison.a.model + ", " +
                      times(comparison.ratio) + ".";
  return figure("What the ratio is made of", description, barsHeight(names), () => {
    const log = (ratio) => (ratio > 0 ? Math.log2(ratio) : 0);
    let sum = 0;
    const spans = factors.map((factor) => {
      const from = sum;
      sum += log(factor.ratio);
      return [from, sum];
    });
    spans.push([0, log(comparison.ratio)]);
    const colours = factors.map((factor) => colour(factor.ratio >= 1 ? "--up" : "--down"));
    const ends = spans.flat();
    const low = Math.floor(Math.min(0, ...ends));
    const high = Math.max(Math.ceil(Math.max(0, ...ends)), low + 1);
    return bars(names, spans, [...colours, colour("--total")],
                {
                  min: low,
                  max: high,
                  title: { display: true, text: "times as long" },
                  ticks: {
                    stepSize: Math.ceil((high - low) / 6),
                    maxRotation: 0,
                    callback: (value) => "×" + compact(2 ** value),
                  },
                },
                (index) => index < factors.length
                    ? [times(factors[index].ratio), ...lines(factors[index].what, 40)]
                    : times(comparison.ratio));
  });
}

function factorsTable(comparison) {
  const quantity = (number) => (!isNumber(number) || number === 0 ? "-"
                                : Number.isInteger(number) ? count(number)
                                : Math.abs(number) < 1e-3 ? number.toExponential(2)
                                : compact(number));
  const product = comparison.factors.reduce((sum, factor) => sum * factor.ratio, 1);
  return table("Factors",
               [["factor"], [comparison.a.model, "number"], [comparison.b.model, "number"],
                ["ratio", "number"]],
               [...comparison.factors.map((factor) =>
                    [named(factor.name, factor.what),
                     quantity(factor.a), quantity(factor.b), factor.ratio.toFixed(3)]),
                ["their product", "", "", product.toFixed(3)],
                [comparison.measured ? "step time, measured" : "step time, predicted",
                 duration(comparison.a.step_seconds), duration(comparison.b.step_seconds),
                 comparison.ratio.toFixed(3)]], 2);
}

function differencesChart(comparison) {
  // Of deep models the layers that matter.
  const shown = comparison.layers.filter((layer) => Math.abs(layer.share) >= 0.005);
  const names = shown.map((layer) => layer.model + " " + layer.layer);
  const left_out = comparison.layers.length - shown.length;
  const description = "Milliseconds of a step: layers of " + comparison.b.model + " add, those of " +
                      comparison.a.model + " subtract." +
                      (left_out ? " " + left_out + " of less than 0.5% are in the table." : "");
  return figure("Which layers the difference comes from", description, barsHeight(names),
                () => bars(names, shown.map((layer) => 1e3 * layer.seconds),
                           shown.map((layer) => colour(layer.seconds >= 0 ? "--up" : "--down")),
                           { title: { display: true, text: "ms" } },
                           (index) => [duration(shown[index].seconds),
                                       percent(shown[index].share) + " of the difference"]));
}

function comparisonSection(comparison, id) {
  const section = element("section", { id },
                          element("h2", {}, comparison.a.model + " and " + comparison.b.model));
  for (const text of [comparison.paragraph, comparison.of_parameters, comparison.of_threads])
    if (text) section.append(element("p", {}, text));
  section.append(factorsChart(comparison), factorsTable(comparison));
  if (comparison.layers.length) {
    section.append(differencesChart(comparison),
                   element("details", {}, element("summary", {}, "All layers' differences"),
                           table("Differences by layer",
                                 [["layer"], ["model"], ["ms", "number"],
                                  ["of the difference", "number"]],
                                 comparison.layers.map((layer) => [
                                   layer.layer, layer.model, milliseconds(layer.seconds),
                                   percent(layer.share)]))));
  }
  return section;
}
