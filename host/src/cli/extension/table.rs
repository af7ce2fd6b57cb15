//! A table of text. Columns are as wide as their widest cell.

use std::fmt::{self, Display, Formatter};

/// Rows of cells under titles. A row may have a remark below it.
pub(super) struct Table {
    rows: Vec<(Vec<String>, Option<String>)>,
}

impl Table {
    /// Returns a table with these titles and no rows.
    pub(super) fn new(titles: impl IntoIterator<Item = &'static str>) -> Self {
        let titles = titles.into_iter().map(str::to_owned).collect();
        Table {
            rows: vec![(titles, None)],
        }
    }

    /// Adds a row.
    pub(super) fn row(&mut self, cells: Vec<String>, remark: Option<String>) {
        self.rows.push((cells, remark));
    }

    fn width(&self, column: usize) -> usize {
        let widths = self
            .rows
            .iter()
            .filter_map(|(cells, _)| cells.get(column))
            .map(|cell| cell.chars().count());
        widths.max().unwrap_or(0)
    }
}

impl Display for Table {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let columns = self.rows.iter().map(|(cells, _)| cells.len()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(|column| self.width(column)).collect();
        for (cells, remark) in &self.rows {
            let mut line = String::new();
            for (cell, width) in cells.iter().zip(&widths) {
                line.push_str(&format!("{cell:width$}  "));
            }
            writeln!(f, "{}", line.trim_end())?;
            for line in remark.iter().flat_map(|remark| remark.lines()) {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["A", "BB", "C"]);
        table.row(vec!["größer".into(), "b".into(), "c".into()], None);
        table.row(
            vec!["a".into(), "-".into(), String::new()],
            Some("why\n  not".into()),
        );
        assert_eq!(
            table.to_string(),
            "A       BB  C\ngrößer  b   c\na       -\n    why\n      not\n"
        );
    }
}
