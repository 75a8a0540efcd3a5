/// A curve in block characters: each column is the mean of the steps that fall into it, as high as
/// eighths of a row tell.
struct TextChart {
    let series: MetricsTable.Series
    /// Columns of the terminal, labels included.
    let width: Int
    /// Rows of the curve.
    let height: Int

    private static let blocks = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
    private static let labelWidth = 11

    var text: String {
        let means = Self.means(series.points, columns: max(8, width - Self.labelWidth - 1))
        let values = means.compactMap { $0 }
        guard let low = values.min(), let high = values.max(), let first = series.points.first, let last = series.points.last else {
            return series.name + ": no values"
        }
        let span = high > low ? high - low : 1
        // The lowest value keeps one eighth, so that it differs from a column without one.
        let eighths = means.map { mean in mean.map { 1 + Int((($0 - low) / span * Double(8 * height - 1)).rounded()) } }
        var lines = ["\(series.name)  \(Self.number(first.value)) → \(Self.number(last.value))"]
        for row in stride(from: height - 1, through: 0, by: -1) {
            let label = row == height - 1 ? Self.number(high) : row == 0 ? Self.number(low) : ""
            let cells = eighths.map { $0.map { Self.blocks[min(8, max(0, $0 - 8 * row))] } ?? " " }.joined()
            lines.append(Self.padded(label) + "┤" + cells)
        }
        let (start, end) = ("\(first.step)", "\(last.step)")
        let gap = String(repeating: " ", count: max(1, means.count - start.count - end.count))
        lines.append(String(repeating: " ", count: Self.labelWidth + 1) + start + gap + end)
        return lines.joined(separator: "\n")
    }

    /// The mean of the values in each of so many equal ranges of steps; nil where a range has none.
    static func means(_ points: [MetricsTable.Point], columns: Int) -> [Double?] {
        guard let first = points.first?.step, let last = points.last?.step, last >= first, columns > 0 else { return [] }
        let steps = last - first + 1
        let count = min(columns, steps)
        var sums = [(sum: Double, count: Int)](repeating: (0, 0), count: count)
        for point in points where point.step >= first && point.step <= last {
            let column = min(count - 1, (point.step - first) * count / steps)
            sums[column].sum += point.value
            sums[column].count += 1
        }
        return sums.map { $0.count > 0 ? $0.sum / Double($0.count) : nil }
    }

    /// A number in at most ten characters.
    static func number(_ value: Double) -> String {
        let size = abs(value)
        if value != 0, size < 1e-3 || size >= 1e6 {
            var (digits, exponent) = (value, 0)
            while abs(digits) >= 10 { (digits, exponent) = (digits / 10, exponent + 1) }
            while abs(digits) < 1 { (digits, exponent) = (digits * 10, exponent - 1) }
            return Terminal.decimal(digits, 2) + "e\(exponent)"
        }
        return Terminal.decimal(value, size >= 1000 ? 0 : 4)
    }

    private static func padded(_ label: String) -> String {
        String(repeating: " ", count: max(0, labelWidth - label.count)) + label.suffix(labelWidth)
    }
}
