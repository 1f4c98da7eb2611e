//! How costs grow, as `make bench-scale` measured it: `bench/growth.json` as a table in
//! docs/figures.md and drawn in docs/growth.svg.

use plotters::coord::Shift;
use plotters::coord::combinators::IntoLogRange;
use plotters::prelude::*;
use serde::Deserialize;

use crate::markdown::table;
use crate::{File, read};

/// What `make bench-scale` wrote.
const MEASURED: &str = "bench/growth.json";
const PICTURE: &str = "docs/growth.svg";

const SIZE: (u32, u32) = (960, 420);

/// Reloader's memory, by how many sources: measured beside 6,000 of 47 MB and 35,000 of
/// 800 MB, which all are in its memory.
const RELOADER: [(f64, f64); 2] = [(6_000.0, 130.0), (35_000.0, 1_218.0)];

/// Of the lines; they differ in brightness, too.
const COLOURS: [RGBColor; 3] = [
    RGBColor(0, 90, 160),
    RGBColor(213, 94, 0),
    RGBColor(80, 170, 90),
];

const HEADER: [&str; 11] = [
    "sources",
    "workloads",
    "namespaces",
    "MB at rest",
    "anonymous",
    "peak",
    "CPU s",
    "requests at start",
    "rolls of a change",
    "requests",
    "kB",
];

#[derive(Deserialize)]
struct Point {
    sources: u32,
    workloads: u32,
    namespaces: u32,
    resting: f64,
    cpu: f64,
    cells: Vec<String>,
}

/// The picture.
pub(crate) fn files() -> Vec<File> {
    vec![File::new(PICTURE, picture(&points()).unwrap())]
}

fn points() -> Vec<Point> {
    serde_json::from_str(&read(MEASURED)).unwrap()
}

/// The table.
pub(crate) fn rows() -> String {
    let mut text = String::from("\n");
    table(
        &mut text,
        HEADER,
        points().into_iter().map(|point| point.cells),
    );
    text + "\n"
}

/// With two digits behind the point where there are any.
fn short(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

type Drawn<T> = Result<T, Box<dyn std::error::Error>>;

fn picture(points: &[Point]) -> Drawn<String> {
    let mut svg = String::new();
    {
        let whole = SVGBackend::with_string(&mut svg, SIZE).into_drawing_area();
        whole.fill(&WHITE)?;
        let (left, right) = whole.split_horizontally(SIZE.0 / 2);
        draw(
            &left,
            "Memory at rest, MB",
            points,
            |point| point.resting,
            &RELOADER,
        )?;
        draw(
            &right,
            "CPU seconds until all is on record",
            points,
            |point| point.cpu,
            &[],
        )?;
        whole.present()?;
    }
    Ok(svg)
}

/// One chart: by sources, a line for each number of workloads in one namespace.
fn draw(
    area: &DrawingArea<SVGBackend<'_>, Shift>,
    title: &str,
    points: &[Point],
    value: impl Fn(&Point) -> f64,
    others: &[(f64, f64)],
) -> Drawn<()> {
    let in_one: Vec<_> = points
        .iter()
        .filter(|point| point.namespaces == 1)
        .collect();
    let values = in_one.iter().map(|point| value(point));
    let all: Vec<_> = values.chain(others.iter().map(|(_, y)| *y)).collect();
    let low = all.iter().copied().fold(f64::MAX, f64::min) / 1.5;
    let high = all.iter().copied().fold(0.0, f64::max) * 1.5;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(36)
        .y_label_area_size(52)
        .build_cartesian_2d((800.0..130_000.0).log_scale(), (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .x_label_formatter(&|sources| format!("{sources}"))
        .y_label_formatter(&|value| short(*value))
        .x_desc("ConfigMaps and Secrets")
        .draw()?;
    let mut sizes: Vec<_> = in_one.iter().map(|point| point.workloads).collect();
    sizes.sort_unstable();
    sizes.dedup();
    for (n, workloads) in sizes.into_iter().enumerate() {
        let colour = COLOURS[n % COLOURS.len()];
        let line = in_one.iter().filter(|point| point.workloads == workloads);
        let line: Vec<_> = line.map(|p| (f64::from(p.sources), value(p))).collect();
        chart
            .draw_series(LineSeries::new(line.clone(), colour.stroke_width(2)).point_size(3))?
            .label(format!("{workloads} workloads"))
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    // What the lines are, the first chart says for both.
    if !others.is_empty() {
        let marks = others
            .iter()
            .map(|at| TriangleMarker::new(*at, 6, BLACK.filled()));
        chart
            .draw_series(marks)?
            .label("Reloader")
            .legend(|(x, y)| TriangleMarker::new((x + 8, y), 6, BLACK.filled()));
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::MiddleRight)
            .background_style(WHITE)
            .border_style(BLACK.mix(0.3))
            .draw()?;
    }
    Ok(())
}
