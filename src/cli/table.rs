//! Columns as kubectl prints them.

/// Gap between columns.
const GAP: usize = 3;

/// `rows` below their `header`, each column as wide as its longest text; an empty text becomes a dash.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) -> String {
    let shown = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let header: Vec<String> = header.iter().map(|text| (*text).to_owned()).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|row| row.iter().map(|text| shown(text)).collect()).collect();
    let all = || std::iter::once(&header).chain(&rows);
    let width = |column: usize| {
        all().filter_map(|row| row.get(column)).map(|text| text.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(text, width)| format!("{text:<0$}", width + GAP));
        format!("{}\n", cells.collect::<String>().trim_end())
    };
    all().map(line).collect()
}

/// The first line of a message, for a column.
pub(super) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up() {
        let rows = [["podinfo", "True"], ["a", ""]].map(|row| row.map(str::to_owned).to_vec());
        assert_eq!(table(&["NAME", "READY"], &rows), "NAME      READY\npodinfo   True\na         -\n");
    }
}
