/// Curves as a picture in SVG: one panel a figure, over the same steps.
struct SVGChart {
    let title: String
    let series: [MetricsTable.Series]

    private static let width = 760.0
    private static let panelHeight = 220.0
    private static let (left, right, top, bottom) = (80.0, 20.0, 34.0, 34.0)
    private static let colours = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b"]
    /// More points than a screen has columns only make the file large.
    private static let pointLimit = 2_000

    var text: String {
        let height = 30 + Self.panelHeight * Double(series.count)
        var lines = [
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(Self.plain(Self.width)) \(Self.plain(height))\" "
                + "font-family=\"sans-serif\" font-size=\"12\">",
            "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>",
            "<text x=\"\(Self.plain(Self.left))\" y=\"20\" font-size=\"14\">\(Self.escaped(title))</text>",
        ]
        let steps = series.flatMap { [$0.points.first?.step, $0.points.last?.step] }.compactMap { $0 }
        let range = (steps.min() ?? 0, max(steps.max() ?? 1, (steps.min() ?? 0) + 1))
        for (index, one) in series.enumerated() {
            lines += panel(one, 24 + Self.panelHeight * Double(index), range, Self.colours[index % Self.colours.count])
        }
        return lines.joined(separator: "\n") + "\n</svg>\n"
    }

    private func panel(_ series: MetricsTable.Series, _ offset: Double, _ steps: (first: Int, last: Int), _ colour: String) -> [String] {
        let values = series.points.map(\.value)
        let (low, high) = (values.min() ?? 0, values.max() ?? 1)
        let span = high > low ? high - low : 1
        let inner = (width: Self.width - Self.left - Self.right, height: Self.panelHeight - Self.top - Self.bottom)
        func x(_ step: Int) -> Double { Self.left + Double(step - steps.first) / Double(steps.last - steps.first) * inner.width }
        func y(_ value: Double) -> Double { offset + Self.top + (high - value) / span * inner.height }
        var lines = [
            "<text x=\"\(Self.plain(Self.left))\" y=\"\(Self.plain(offset + 24))\" fill=\"\(colour)\">\(Self.escaped(series.name))</text>"
        ]
        for share in [0.0, 0.5, 1.0] {
            let value = low + span * share
            lines.append(
                "<line x1=\"\(Self.plain(Self.left))\" x2=\"\(Self.plain(Self.width - Self.right))\" y1=\"\(Self.plain(y(value)))\" "
                    + "y2=\"\(Self.plain(y(value)))\" stroke=\"#ddd\"/>")
            lines.append(
                "<text x=\"\(Self.plain(Self.left - 8))\" y=\"\(Self.plain(y(value) + 4))\" text-anchor=\"end\">\(TextChart.number(value))</text>"
            )
        }
        let ground = Self.plain(offset + Self.panelHeight - Self.bottom + 16)
        lines.append("<text x=\"\(Self.plain(Self.left))\" y=\"\(ground)\">step \(steps.first)</text>")
        lines.append("<text x=\"\(Self.plain(Self.width - Self.right))\" y=\"\(ground)\" text-anchor=\"end\">\(steps.last)</text>")
        let stride = max(1, (series.points.count + Self.pointLimit - 1) / Self.pointLimit)
        let shown = series.points.enumerated().filter { $0.offset % stride == 0 || $0.offset == series.points.count - 1 }.map(\.element)
        if shown.count == 1, let point = shown.first {
            lines.append("<circle cx=\"\(Self.plain(x(point.step)))\" cy=\"\(Self.plain(y(point.value)))\" r=\"3\" fill=\"\(colour)\"/>")
        } else {
            let path = shown.map { "\(Self.plain(x($0.step))),\(Self.plain(y($0.value)))" }.joined(separator: " ")
            lines.append("<polyline fill=\"none\" stroke=\"\(colour)\" stroke-width=\"1.5\" points=\"\(path)\"/>")
        }
        return lines
    }

    /// A coordinate with one decimal.
    private static func plain(_ number: Double) -> String { Terminal.decimal(number, 1) }

    private static func escaped(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing("\"", with: "&quot;")
    }
}
