// One explanation: answer, facts, findings, charts, tables.

function facts(explanation) {
  const pairs = [];
  const fact = (term, value, small) =>
      pairs.push(element("div", {}, element("dt", {}, term),
                         element("dd", {}, value, small ? element("small", {}, small) : null)));
  const epoch = (step) => duration(step * explanation.steps_per_epoch) + " an epoch of " +
                          count(explanation.steps_per_epoch) + " steps";
  if (explanation.profile) {
    const step = explanation.profile.step;
    fact("A step, measured", duration(step.median_seconds), epoch(step.median_seconds));
  }
  if (explanation.untrainable === null) {
    fact("A step, predicted", duration(explanation.predicted.seconds),
         epoch(explanation.predicted.seconds));
  }
  fact("Parameters", count(explanation.parameters));
  fact("Forward, per image", multiplyAccumulates(explanation.forward_multiply_accumulates),
       count(2 * explanation.forward_multiply_accumulates) + " flops");
  if (explanation.untrainable === null) {
    fact("In training, per image", multiplyAccumulates(explanation.training_multiply_accumulates),
         count(2 * explanation.training_multiply_accumulates) + " flops");
    fact("Of the machine's peak", percent(explanation.share_of_peak),
         compact(explanation.team.peak_flops_per_second) + " flops/s on " +
         explanation.threads + (explanation.threads === 1 ? " thread" : " threads"));
    fact("Memory", compact(explanation.arena_bytes) + "B of values",
         compact(4 * explanation.parameters) + "B of parameters, " +
         compact(explanation.optimizer_bytes) + "B of optimizer slots");
  }
  fact("Batch size, threads", explanation.batch_size + ", " + explanation.threads,
       [explanation.optimizer, explanation.loss, "kernels " + explanation.kernels, explanation.precision].join(", "));
  fact("Machine", explanation.machine.cpu, explanation.machine.instruction_set);
  return element("dl", { class: "facts" }, pairs);
}

const WORK_NOTE =
    "Multiply-accumulates (one is 2 flops) and bytes are those of a step, the whole batch. Flops " +
    "per byte and % of peak count what a layer needs, not what its kernels do. Uses per weight: how " +
    "often an image uses each weight, forward.";

function layersTable(explanation) {
  const untrainable = explanation.untrainable !== null;
  const measured = explanation.profile !== null;
  const columns = [["layer"], ["parameters", "number"],
                   ["uses per weight", "number"],
                   ["forward", "number", "multiply-accumulates"]];
  if (!untrainable) {
    columns.push(["to data", "number", "multiply-accumulates"],
                 ["to weights", "number", "multiply-accumulates"]);
  }
  columns.push(["flops", "number"], ["bytes", "number"], ["flops per byte", "number"]);
  if (!untrainable) {
    columns.push(["bound by"], ["predicted ms", "number"]);
    if (measured) columns.push(["measured ms", "number"]);
    columns.push(["share of step", "number"], ["% of peak", "number"]);
  }
  const row = (layer, name, uses, measured_seconds, share) => {
    const cells = [name, count(layer.parameters), uses];
    for (let phase = 0; phase < (untrainable ? 1 : 3); ++phase)
      cells.push(compact(layer.by_phase[phase].work.multiply_accumulates));
    cells.push(compact(layer.work.flops), compact(layer.work.bytes),
               compact(layer.work.flops_per_byte));
    if (!untrainable) {
      const some = layer.predicted.seconds > 0;
      cells.push(some ? layer.predicted.bound : "-", milliseconds(layer.predicted.seconds));
      if (measured) cells.push(measured_seconds);
      cells.push(percent(share), some ? percent(layer.share_of_peak) : "-");
    }
    return cells;
  };
  const rows = explanation.layers.map((layer) =>
      row(layer, named(layer.name, layer.type + " " + layer.output_shape),
          layer.uses_per_weight > 0 ? compact(layer.uses_per_weight) : "-",
          layer.measured ? milliseconds(layer.measured.median_seconds) : "-", layer.share_of_step));
  rows.push(row(explanation, untrainable ? "forward" : "step", "",
                milliseconds(explanation.step_seconds), 1));
  return [element("h3", {}, "Layers"), element("p", { class: "note" }, WORK_NOTE),
          table("Layers", columns, rows, 1)];
}

function opsTable(explanation) {
  const measured = explanation.profile !== null;
  const columns = [["op"], ["layer"], ["phase", "shape"], ["output", "shape"], ["kernel", "shape"],
                   ["needed", "number", "multiply-accumulates"],
                   ["executed", "number", "multiply-accumulates"], ["flops", "number"],
                   ["bytes", "number"], ["bound by"], ["predicted ms", "number"]];
  if (measured) columns.push(["measured ms", "number"]);
  columns.push(["% of peak", "number"], ["not these kernels, because", "text"]);
  const rows = explanation.ops.map((op, number) => {
    const cells = [number + " " + op.kind + (op.epilogue ? " + " + op.epilogue : ""), op.layer,
                   op.phase, op.output, op.kernel, compact(op.work.multiply_accumulates),
                   compact(op.work.executed_multiply_accumulates), compact(op.work.flops),
                   compact(op.work.bytes), op.predicted.bound, milliseconds(op.predicted.seconds)];
    if (measured) cells.push(op.measured ? milliseconds(op.measured.median_seconds) : "-");
    cells.push(percent(op.share_of_peak),
               element("div", {}, op.refused.map((refused) =>
                   element("div", {}, refused.kernel + ": " + refused.reason))));
    return cells;
  });
  return element("details", {},
                 element("summary", {}, "All " + rows.length + " ops, their kernels, and why not others"),
                 element("p", { class: "note" },
                         "Multiply-accumulates (one is 2 flops): what the op needs, and those that " +
                         "its kernel executes, where Winograd saves some."),
                 table("Ops", columns, rows));
}

function machineTables(explanation) {
  const machine = explanation.machine;
  const teams = machine.teams.map((team) =>
      [String(team.threads), (team.clock_hertz / 1e9).toFixed(2),
       compact(team.peak_flops_per_second / 2), compact(team.peak_flops_per_second),
       duration(team.region_seconds), duration(team.wake_seconds),
       ...team.bandwidth.flatMap((level) =>
           [level.read_bytes_per_second, level.write_bytes_per_second, level.copy_bytes_per_second]
               .map((rate) => (rate > 0 ? compact(rate) : "-")))]);
  const levels = machine.teams.length ? machine.teams[0].bandwidth : [];
  return element(
      "details", {}, element("summary", {}, "The machine: " + machine.cpu),
      table("Teams of threads",
            [["threads"], ["clock GHz", "number"], ["multiply-accumulates/s", "number"],
             ["flops/s", "number"], ["a parallel loop costs", "number"], ["where threads sleep", "number"],
             ...levels.flatMap((level) => ["read", "write", "copy"].map((kind) =>
                 [kind, "number", level.level + " bytes/s"]))],
            teams),
      table("Peak of one thread by instruction set",
            [["instruction set"], ["multiply-accumulates/s", "number"], ["flops/s", "number"]],
            machine.peaks.map((peak) => [peak.instruction_set,
                                         compact(peak.peak_flops_per_second / 2),
                                         compact(peak.peak_flops_per_second)])));
}

function ladderTable(explanation) {
  return table("Kernels, each better than the one before",
               [["kernels"], ["ms a step", "number"], ["measured ms", "number"],
                ["an epoch", "number"]],
               explanation.ladder.map((rung) => [
                 named(rung.name, rung.what), milliseconds(rung.predicted_seconds),
                 milliseconds(rung.measured_seconds),
                 duration(rung.predicted_seconds * explanation.steps_per_epoch)]));
}

function variantsTable(variants) {
  return table("What if",
               [["what if"], ["batch size", "number"], ["threads", "number"],
                ["parameters", "number"],
                ["per image in training", "number", "multiply-accumulates (one is 2 flops)"],
                ["ms a step", "number"], ["an epoch", "number"]],
               variants.map((variant) => variant.impossible === null
                   ? [variant.name, count(variant.batch_size), count(variant.threads),
                      count(variant.parameters), count(variant.training_multiply_accumulates),
                      milliseconds(variant.step_seconds), duration(variant.epoch_seconds)]
                   : [named(variant.name, "no such model: " + variant.impossible),
                      "-", "-", "-", "-", "-", "-"]));
}

// `lead`: the answer is the page's first line already.
function explanationSection(explanation, id, lead) {
  const trainable = explanation.untrainable === null;
  const section = element("section", { id }, element("h2", {}, explanation.model));
  if (!lead) section.append(element("p", { class: "answer" }, explanation.answer));
  if (!trainable) {
    section.append(element("p", { class: "warning" },
                           "It can't be trained: " + explanation.untrainable));
  }
  section.append(facts(explanation));
  if (explanation.findings.length)
    section.append(element("h3", {}, "Findings"), list(explanation.findings));
  if (trainable && explanation.layers.length) section.append(layersChart(explanation));
  section.append(...layersTable(explanation));
  if (trainable) {
    const grid = element("div", { class: "charts" }, rooflineChart(explanation));
    if (explanation.arena.length) grid.append(arenaChart(explanation));
    if (explanation.by_threads.length > 1) grid.append(threadsChart(explanation));
    section.append(grid);
    if (explanation.ladder.length)
      section.append(ladderChart(explanation), ladderTable(explanation));
  }
  if (explanation.variants.length)
    section.append(variantsChart(explanation.variants), variantsTable(explanation.variants));
  if (explanation.ops.length) section.append(opsTable(explanation));
  section.append(machineTables(explanation));
  if (explanation.assumptions.length)
    section.append(element("h3", {}, "Assumptions"), list(explanation.assumptions));
  return section;
}
