/// A table in columns as wide as they must be. On a terminal the last column is cut where it does
/// not fit.
package struct TextTable {
    private let header: [String]
    private var rows: [[String]] = []

    package init(_ header: [String]) { self.header = header }

    /// - Parameter cells: as many as the header has.
    package mutating func add(_ cells: [String]) { rows.append(cells.map(Terminal.safe)) }

    package func text(_ terminal: Terminal = Terminal()) -> String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { DisplayWidth.of($0[column]) }.max() ?? 0 }
        let lines = all.map { cells in
            let line = cells.enumerated().map { column, cell in
                column == cells.count - 1 ? cell : cell + String(repeating: " ", count: widths[column] - DisplayWidth.of(cell))
            }.joined(separator: "  ")
            return terminal.outputWidth.map { DisplayWidth.fitting(line, $0) } ?? line
        }
        return ([terminal.coloured(lines[0], .grey)] + lines.dropFirst()).joined(separator: "\n")
    }
}
