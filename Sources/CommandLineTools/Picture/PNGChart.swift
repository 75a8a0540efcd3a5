/// Curves as a picture in PNG, laid out as ``SVGChart`` has them: one panel a figure, over the same
/// steps.
struct PNGChart {
    let title: String
    let series: [MetricsTable.Series]

    private static let width = 1200
    private static let panelHeight = 340
    private static let (left, right, top, bottom) = (150.0, 30.0, 60.0, 50.0)
    private static let colours = [
        PNGImage.Colour(red: 0x1F, green: 0x77, blue: 0xB4), PNGImage.Colour(red: 0xD6, green: 0x27, blue: 0x28),
        PNGImage.Colour(red: 0x2C, green: 0xA0, blue: 0x2C), PNGImage.Colour(red: 0x94, green: 0x67, blue: 0xBD),
        PNGImage.Colour(red: 0x8C, green: 0x56, blue: 0x4B),
    ]
    private static let grid = PNGImage.Colour(red: 0xDD, green: 0xDD, blue: 0xDD)
    private static let pointLimit = 2_000

    var file: [UInt8]? {
        var canvas = Canvas(width: Self.width, height: 40 + Self.panelHeight * series.count)
        canvas.text(title, x: Int(Self.left), y: 14)
        let steps = series.flatMap { [$0.points.first?.step, $0.points.last?.step] }.compactMap { $0 }
        let range = (steps.min() ?? 0, max(steps.max() ?? 1, (steps.min() ?? 0) + 1))
        for (index, one) in series.enumerated() {
            draw(one, Double(30 + Self.panelHeight * index), range, Self.colours[index % Self.colours.count], on: &canvas)
        }
        return canvas.image.file
    }

    private func draw(
        _ series: MetricsTable.Series, _ offset: Double, _ steps: (first: Int, last: Int), _ colour: PNGImage.Colour,
        on canvas: inout Canvas
    ) {
        let values = series.points.map(\.value)
        let (low, high) = (values.min() ?? 0, values.max() ?? 1)
        let span = high > low ? high - low : 1
        let inner = (
            width: Double(Self.width) - Self.left - Self.right, height: Double(Self.panelHeight) - Self.top - Self.bottom
        )
        func x(_ step: Int) -> Double { Self.left + Double(step - steps.first) / Double(steps.last - steps.first) * inner.width }
        func y(_ value: Double) -> Double { offset + Self.top + (high - value) / span * inner.height }
        canvas.text(series.name, x: Int(Self.left), y: Int(offset) + 26, colour)
        for share in [0.0, 0.5, 1.0] {
            let value = low + span * share
            canvas.line((Self.left, y(value)), (Double(Self.width) - Self.right, y(value)), width: 1, Self.grid)
            let label = TextChart.number(value)
            canvas.text(label, x: Int(Self.left) - 12 - Canvas.textWidth(label), y: Int(y(value)) - 7)
        }
        let ground = Int(offset) + Self.panelHeight - Int(Self.bottom) + 14
        canvas.text("step \(steps.first)", x: Int(Self.left), y: ground)
        canvas.text("\(steps.last)", x: Self.width - Int(Self.right) - Canvas.textWidth("\(steps.last)"), y: ground)
        let stride = max(1, (series.points.count + Self.pointLimit - 1) / Self.pointLimit)
        let shown = series.points.enumerated().filter { $0.offset % stride == 0 || $0.offset == series.points.count - 1 }.map(\.element)
        for (point, next) in zip(shown, shown.dropFirst()) {
            canvas.line((x(point.step), y(point.value)), (x(next.step), y(next.value)), width: 2.5, colour)
        }
        if shown.count == 1, let point = shown.first {
            canvas.line((x(point.step), y(point.value)), (x(point.step), y(point.value)), width: 6, colour)
        }
    }
}
