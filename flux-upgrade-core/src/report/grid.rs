//! Aligned columns, with colour where it is asked for.

/// How a piece of text is painted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paint {
    Plain,
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
    Cyan,
}

impl Paint {
    /// `text` between the control sequences of this paint (ECMA-48, SGR).
    pub(super) fn on(self, text: &str, color: bool) -> String {
        let code = match self {
            Self::Plain => "",
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Red => "31",
            Self::Yellow => "33",
            Self::Green => "32",
            Self::Cyan => "36",
        };
        if !color || code.is_empty() || text.is_empty() {
            return text.to_owned();
        }
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

/// Blanks between two columns.
const GAP: usize = 2;

/// A cell: its text and its paint.
pub(super) struct Cell {
    text: String,
    paint: Paint,
}

impl Cell {
    fn width(&self) -> usize {
        self.text.chars().count()
    }
}

/// A cell of plain text.
pub(super) fn plain(text: impl Into<String>) -> Cell {
    painted(text, Paint::Plain)
}

/// A cell of painted text.
pub(super) fn painted(text: impl Into<String>, paint: Paint) -> Cell {
    Cell { text: text.into(), paint }
}

/// Rows of one width, between them headings that stand alone.
#[derive(Default)]
pub(super) struct Grid {
    lines: Vec<Line>,
}

enum Line {
    Alone(Cell),
    Header(Vec<Cell>),
    Row(Vec<Cell>),
}

impl Grid {
    /// A line outside the columns; an empty one separates.
    pub(super) fn alone(&mut self, cell: Cell) {
        self.lines.push(Line::Alone(cell));
    }

    /// The names of the columns.
    pub(super) fn header(&mut self, names: &[&str]) {
        self.lines.push(Line::Header(names.iter().map(|name| painted(*name, Paint::Dim)).collect()));
    }

    /// A row; every row has as many cells as the header.
    pub(super) fn row(&mut self, cells: Vec<Cell>) {
        self.lines.push(Line::Row(cells));
    }

    /// Columns of the widest row in code points.
    pub(super) fn width(&self) -> usize {
        let columns = self.columns();
        let gaps = columns.iter().filter(|width| **width > 0).count().saturating_sub(1) * GAP;
        columns.iter().sum::<usize>() + gaps
    }

    /// The text: columns two blanks apart, columns that no row fills left out, no blank at the end of a line.
    pub(super) fn print(&self, color: bool) -> String {
        let columns = self.columns();
        let mut text = String::new();
        for line in &self.lines {
            match line {
                Line::Alone(cell) => text.push_str(&cell.paint.on(&cell.text, color)),
                Line::Header(cells) | Line::Row(cells) => {
                    let mut blanks = 0;
                    for (cell, width) in cells.iter().zip(&columns).filter(|(_, width)| **width > 0) {
                        if !cell.text.is_empty() {
                            text.extend(std::iter::repeat_n(' ', blanks));
                            text.push_str(&cell.paint.on(&cell.text, color));
                            blanks = 0;
                        }
                        blanks += width - cell.width() + GAP;
                    }
                }
            }
            text.push('\n');
        }
        text
    }

    /// Width of each column; 0 where no row fills it.
    fn columns(&self) -> Vec<usize> {
        let (mut widths, mut filled): (Vec<usize>, Vec<bool>) = (Vec::new(), Vec::new());
        for line in &self.lines {
            let (Line::Header(cells) | Line::Row(cells)) = line else { continue };
            widths.resize(widths.len().max(cells.len()), 0);
            filled.resize(widths.len(), false);
            for (column, cell) in cells.iter().enumerate() {
                widths[column] = widths[column].max(cell.width());
                filled[column] |= matches!(line, Line::Row(_)) && !cell.text.is_empty();
            }
        }
        widths.into_iter().zip(filled).map(|(width, filled)| if filled { width } else { 0 }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_empty_ones_vanish() {
        let mut grid = Grid::default();
        grid.header(&["FILE", "NONE", "TO", "NOTES"]);
        grid.row(vec![plain("é"), plain(""), painted("2", Paint::Red), plain("")]);
        grid.row(vec![plain("long.yaml"), plain(""), plain(""), plain("n")]);
        assert_eq!(grid.print(false), "FILE       TO  NOTES\né          2\nlong.yaml      n\n");
        assert_eq!(grid.print(true).matches("\u{1b}[31m2\u{1b}[0m").count(), 1);
    }
}
