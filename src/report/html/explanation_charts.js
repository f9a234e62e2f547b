// The charts of one explanation.

function seconds(cost) {
  return cost.measured ? cost.measured.median_seconds : cost.predicted.seconds;
}

// A level's name on its line; each begins further right than the one before, so that lines close to
// each other don't have their names on top of each other.
const nameRoofs = {
  id: "nameRoofs",
  afterDatasetsDraw(chart) {
    const { ctx, chartArea, scales } = chart;
    ctx.save();
    ctx.font = "11px " + Chart.defaults.font.family;
    ctx.lineWidth = 3;
    ctx.lineJoin = "round";
    ctx.strokeStyle = colour("--ground");
    ctx.fillStyle = colour("--quiet");
    let left = chartArea.left + 4;
    for (const dataset of chart.data.datasets) {
      if (!dataset.roof) continue;
      const flat = dataset.roof === "peak";
      ctx.textAlign = flat ? "right" : "left";
      const x = flat ? chartArea.right - 4 : left;
      const start = dataset.data[0];
      const y = scales.y.getPixelForValue(start.y * (flat ? 1 : scales.x.getValueForPixel(x) / start.x));
      ctx.strokeText(dataset.roof, x, y - 5);
      ctx.fillText(dataset.roof, x, y - 5);
      if (!flat) left += ctx.measureText(dataset.roof).width + 4;
    }
    ctx.restore();
  },
};

// Roofs: what the step's threads compute at best, and what each level of memory lets them compute.
function rooflineChart(explanation) {
  const team = explanation.team;
  const ops = explanation.ops.filter((op) => op.work.flops > 0 && op.work.bytes > 0 && seconds(op) > 0);
  const step = explanation.step_seconds;
  const point = (op) => ({
    x: op.work.flops_per_byte,
    y: op.work.flops / seconds(op),
    op,
  });
  const intensities = ops.map((op) => op.work.flops_per_byte);
  const low = 10 ** Math.floor(Math.log10(Math.min(0.1, ...intensities)));
  const high = 10 ** Math.ceil(Math.log10(Math.max(1000, ...intensities)));
  const left_out = explanation.ops.length - ops.length;
  const description =
      "Each point is an op: flops a second over flops per byte, both of what it needs (a " +
      "multiply-accumulate is 2 flops); " +
      (explanation.profile ? "measured" : "predicted") + " times; the larger, the more of the step. " +
      "Lines are what " + team.threads + (team.threads === 1 ? " thread reaches" : " threads reach") +
      " in arithmetic and from each level of memory." +
      (left_out > 0 ? " " + left_out + " ops that compute nothing are left out." : "");
  return figure("Roofline", description, 420, () => {
    const roofs = [];
    const dashes = [[8, 3], [5, 3], [3, 3], [1, 3]];
    team.bandwidth.forEach((level, number) => {
      const rate = level.copy_bytes_per_second || level.read_bytes_per_second;
      if (!(rate > 0) || !(team.peak_flops_per_second > 0)) return;
      const ridge = Math.min(team.peak_flops_per_second / rate, high);
      roofs.push({
        label: level.level + " " + compact(rate) + "B/s",
        roof: level.level,
        data: [{ x: low, y: low * rate }, { x: ridge, y: ridge * rate }],
        borderDash: dashes[number],
      });
    });
    if (team.peak_flops_per_second > 0) {
      roofs.push({
        label: "peak " + compact(team.peak_flops_per_second) + " flops/s",
        roof: "peak",
        data: [{ x: low, y: team.peak_flops_per_second }, { x: high, y: team.peak_flops_per_second }],
        borderDash: [],
      });
    }
    const points = PHASES.map((phase, number) => ({
      label: phase,
      data: ops.filter((op) => op.phase === phase).map(point),
      pointStyle: PHASE_POINTS[number],
      radius: (context) => {
        const op = context.raw && context.raw.op;
        return op ? 3.5 + 9 * Math.sqrt(Math.min(1, seconds(op) / (step || 1))) : 4;
      },
      hoverRadius: (context) => 5 + (context.raw ? 9 * Math.sqrt(seconds(context.raw.op) / step) : 0),
      backgroundColor: pale(colour(PHASE_COLOURS[number]), 0.65),
      borderColor: colour(PHASE_COLOURS[number]),
    })).filter((dataset) => dataset.data.length > 0);
    const rates = points.flatMap((dataset) => dataset.data.map((value) => value.y));
    const y = decades([...rates, team.peak_flops_per_second], "flops/s");
    return {
      type: "scatter",
      data: {
        datasets: [...points, ...roofs.map((roof) => ({
          ...roof,
          showLine: true,
          borderColor: colour("--quiet"),
          borderWidth: 1.5,
          pointRadius: 0,
          pointHitRadius: 0,
          pointHoverRadius: 0,
          pointStyle: "line",
        }))],
      },
      options: {
        scales: { x: { ...decades([low, high], "flops per byte") }, y },
        plugins: {
          legend: { position: "bottom" },
          tooltip: {
            callbacks: {
              title: (items) => items.length && items[0].raw.op ? opTitle(items[0].raw.op) : "",
              label: (item) => item.raw.op ? opLines(item.raw.op) : "",
            },
          },
        },
      },
      plugins: [nameRoofs],
    };
  });
}

function opTitle(op) {
  return lines((op.layer ? op.layer + ": " : "") + op.kind, 40);
}

function opLines(op) {
  return [
    op.phase + ", " + duration(seconds(op)),
    compact(op.work.multiply_accumulates) + " multiply-accumulates, " + compact(op.work.flops) + " flops",
    compact(op.work.flops / seconds(op)) + " flops/s, " + compact(op.work.flops_per_byte) + " flops/byte",
    percent(op.share_of_peak) + " of peak, bound by " + op.predicted.bound,
    ...lines(op.kernel, 40),
  ];
}

// A bar per layer, of its phases; measured under predicted where both are there.
function layersChart(explanation) {
  const layers = explanation.layers.filter((layer) => seconds(layer) > 0);
  const measured = explanation.profile !== null;
  const names = layers.map((layer) => layer.name);
  const description = measured
      ? "Milliseconds of a step by layer and phase: predicted pale above, measured below."
      : "Predicted milliseconds of a step by layer and phase.";
  return figure("Where the time of a step goes", description,
                90 + layers.length * (measured ? 34 : 24), () => {
    const kinds = measured ? ["predicted", "measured"] : ["predicted"];
    const datasets = kinds.flatMap((kind) => PHASES.map((phase, number) => ({
      label: phase,
      kind,
      stack: kind,
      data: layers.map((layer) => 1e3 * (layer.by_phase[number][kind + "_seconds"] || 0)),
      backgroundColor: pale(colour(PHASE_COLOURS[number]), measured && kind === "predicted" ? 0.4 : 1),
      borderColor: colour(PHASE_COLOURS[number]),
      borderWidth: measured && kind === "predicted" ? 1 : 0,
      pointStyle: "rect",
      maxBarThickness: 22,
    })));
    return {
      type: "bar",
      data: { labels: names, datasets },
      options: {
        indexAxis: "y",
        interaction: { mode: "nearest", axis: "y", intersect: false },
        plugins: {
          legend: {
            position: "top",
            // One entry a phase; it hides predicted and measured together.
            labels: { filter: (item) => item.datasetIndex >= datasets.length - PHASES.length },
            onClick: (event, item, legend) => {
              const phase = item.datasetIndex % PHASES.length;
              for (let i = phase; i < datasets.length; i += PHASES.length)
                legend.chart.setDatasetVisibility(i, !legend.chart.isDatasetVisible(i));
              legend.chart.update();
            },
          },
          tooltip: {
            filter: (item) => item.raw > 0,
            callbacks: {
              title: (items) => items.length ? lines(names[items[0].dataIndex], 40) : "",
              label: (item) => item.dataset.label + ", " + item.dataset.kind + ": " +
                               threeDigits(item.raw) + " ms",
            },
          },
        },
        scales: {
          x: { stacked: true, title: { display: true, text: "ms" } },
          y: { stacked: true, ticks: nameTicks(names, false), grid: { display: false } },
        },
      },
    };
  });
}

// Of a pointer's place, the rectangle that it is in; Chart.js knows points and bars alone.
Chart.Interaction.modes.block = function (chart, event) {
  const blocks = chart.data.datasets.flatMap((dataset, datasetIndex) =>
      dataset.data.map((value, index) => ({ value, datasetIndex, index })));
  const op = chart.scales.x.getValueForPixel(event.x);
  const offset = chart.scales.y.getValueForPixel(event.y);
  const hit = blocks.find(({ value, datasetIndex }) =>
      chart.isDatasetVisible(datasetIndex) && op >= value.block.first_op &&
      op < value.block.last_op + 1 && offset >= value.block.offset_bytes &&
      offset < value.block.offset_bytes + value.block.bytes);
  if (!hit) return [];
  const { datasetIndex, index } = hit;
  return [{ element: chart.getDatasetMeta(datasetIndex).data[index], datasetIndex, index }];
};

const drawBlocks = {
  id: "drawBlocks",
  beforeDatasetsDraw(chart) {
    const { ctx, chartArea, scales } = chart;
    ctx.save();
    ctx.beginPath();
    ctx.rect(chartArea.left, chartArea.top, chartArea.width, chartArea.height);
    ctx.clip();
    chart.data.datasets.forEach((dataset, number) => {
      if (!chart.isDatasetVisible(number)) return;
      for (const { block } of dataset.data) {
        const left = scales.x.getPixelForValue(block.first_op);
        const right = scales.x.getPixelForValue(block.last_op + 1);
        const bottom = scales.y.getPixelForValue(block.offset_bytes);
        const top = scales.y.getPixelForValue(block.offset_bytes + block.bytes);
        // At least a line where a block is thinner than one.
        const height = Math.max(bottom - top, 0.5);
        ctx.fillStyle = dataset.blockColour;
        ctx.fillRect(left, bottom - height, Math.max(right - left, 1), height);
        if (height > 3) {
          ctx.strokeStyle = colour("--ground");
          ctx.lineWidth = 1;
          ctx.strokeRect(left, bottom - height, right - left, height);
        }
      }
    });
    ctx.restore();
  },
};

function arenaChart(explanation) {
  const blocks = explanation.arena.filter((block) => block.bytes > 0);
  const phase_of = (block) => (explanation.ops[block.first_op] || {}).phase || PHASES[0];
  const description =
      "One arena of " + compact(explanation.arena_bytes) + "B holds all values of a step. Each " +
      "rectangle is a value: its place, from the op that writes it to the last that reads it.";
  return figure("Memory over a step", description, 420, () => ({
    type: "scatter",
    data: {
      datasets: PHASES.map((phase, number) => ({
        label: "written " + (number === 3 ? "by the update" : phase),
        data: blocks.filter((block) => phase_of(block) === phase).map((block) => ({
          x: (block.first_op + block.last_op + 1) / 2,
          y: block.offset_bytes + block.bytes / 2,
          block,
        })),
        pointRadius: 0,
        pointHoverRadius: 0,
        pointStyle: "rect",
        blockColour: pale(colour(PHASE_COLOURS[number]), 0.8),
        backgroundColor: pale(colour(PHASE_COLOURS[number]), 0.8),
        borderColor: colour(PHASE_COLOURS[number]),
      })).filter((dataset) => dataset.data.length > 0),
    },
    options: {
      interaction: { mode: "block" },
      plugins: {
        legend: { position: "bottom" },
        tooltip: {
          callbacks: {
            title: (items) => items.length ? lines(items[0].raw.block.name || "a value", 40) : "",
            label: ({ raw: { block } }) => [
              compact(block.bytes) + "B at " + compact(block.offset_bytes) + "B",
              "ops " + block.first_op + " to " + block.last_op,
            ],
          },
        },
      },
      scales: {
        x: {
          min: 0,
          max: Math.max(explanation.ops.length, 1),
          title: { display: true, text: "op of the step" },
          ticks: { precision: 0, maxRotation: 0, includeBounds: false },
        },
        y: {
          min: 0,
          max: Math.max(explanation.arena_bytes, 1),
          title: { display: true, text: "bytes" },
          ticks: { includeBounds: false, callback: (value) => compact(value) },
        },
      },
    },
    plugins: [drawBlocks],
  }));
}

function threadsChart(explanation) {
  const points = explanation.by_threads;
  const best = points.reduce((a, b) => (b.predicted_seconds < a.predicted_seconds ? b : a));
  const description = "Predicted milliseconds of a step; the best number is " + best.threads +
                      " (" + duration(best.predicted_seconds) + ").";
  return figure("Threads", description, 300, () => ({
    type: "line",
    data: {
      labels: points.map((point) => point.threads),
      datasets: [{
        data: points.map((point) => 1e3 * point.predicted_seconds),
        borderColor: colour("--forward"),
        backgroundColor: points.map((point) => colour(point === best ? "--up" : "--forward")),
        pointRadius: points.map((point) => (point === best ? 7 : 4)),
      }],
    },
    options: {
      plugins: {
        legend: { display: false },
        tooltip: { callbacks: { label: (item) => threeDigits(item.raw) + " ms a step" } },
      },
      scales: {
        x: { title: { display: true, text: "threads" } },
        y: { min: 0, title: { display: true, text: "ms" } },
      },
    },
  }));
}

function ladderChart(explanation) {
  const rungs = explanation.ladder;
  const times_ms = rungs.map((rung) => 1e3 * rung.predicted_seconds);
  return figure("What better kernels divide the step by",
                "Milliseconds of a step, predicted, on a logarithmic scale.", barsHeight(rungs.map((rung) => rung.name)),
                () => bars(rungs.map((rung) => rung.name), times_ms,
                           rungs.map(() => colour("--forward")), decades(times_ms, "ms", 1.5),
                           (index) => [duration(rungs[index].predicted_seconds),
                                       ...lines(rungs[index].what, 40)]));
}

function variantsChart(variants) {
  const possible = variants.filter((variant) => variant.impossible === null);
  return figure("What if", "Predicted milliseconds of a step.", barsHeight(possible.map((variant) => variant.name)), () =>
      bars(possible.map((variant) => variant.name),
           possible.map((variant) => 1e3 * variant.step_seconds),
           possible.map((variant, number) => colour(number === 0 ? "--total" : "--forward")),
           { min: 0, title: { display: true, text: "ms a step" } },
           (index) => [duration(possible[index].step_seconds) + " a step",
                       duration(possible[index].epoch_seconds) + " an epoch"]));
}
