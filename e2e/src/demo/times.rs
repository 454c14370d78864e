//! The table of times at the end.

use std::time::Duration;

use super::track::{Track, between};

/// A line for each Application: how long the bridge took, as opposed to Flux.
pub(super) fn table(tracks: &[Track]) -> String {
    let heads = [
        "application",
        "created → Flux objects exist",
        "Flux Ready → Healthy",
        "created → Healthy",
        "delete → all gone",
    ]
    .map(str::to_owned);
    let rows = tracks.iter().map(|track| {
        [
            track.name.clone(),
            shown(between(track.created, track.generated)),
            shown(between(track.ready, track.healthy)),
            shown(between(track.created, track.healthy)),
            shown(between(track.deleted, track.gone)),
        ]
    });
    let rows: Vec<_> = std::iter::once(heads).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 5] = std::array::from_fn(width);
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
        cells.collect::<Vec<_>>().join("   ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn shown(time: Option<Duration>) -> String {
    time.map_or_else(|| "-".to_owned(), |time| format!("{:.2} s", time.as_secs_f32()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::time::Instant;

    #[test]
    fn what_was_not_reached_has_no_time() {
        let mut track = Track::of(&json!({ "metadata": { "name": "web" } }));
        let now = Instant::now();
        (track.created, track.healthy) = (Some(now), Some(now + Duration::from_millis(1250)));
        let table = table(&[track]);
        let cells: Vec<_> =
            table.lines().last().unwrap().split("   ").map(str::trim).filter(|c| !c.is_empty()).collect();
        assert_eq!(cells, ["web", "-", "-", "1.25 s", "-"]);
    }
}
