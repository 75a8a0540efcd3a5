/// Draws lines and text on a picture.
struct Canvas {
    private(set) var image: PNGImage
    /// Pixels of the font's pixels.
    private static let textScale = 2

    static func textWidth(_ text: String) -> Int { text.count * PixelFont.advance * textScale }

    init(width: Int, height: Int) { image = PNGImage(width: width, height: height) }

    /// A line with soft edges: each pixel is covered as far as the line's half width reaches over
    /// its middle.
    mutating func line(_ start: (x: Double, y: Double), _ end: (x: Double, y: Double), width: Double, _ colour: PNGImage.Colour) {
        let reach = width / 2 + 1
        let (dx, dy) = (end.x - start.x, end.y - start.y)
        let length = dx * dx + dy * dy
        func range(_ a: Double, _ b: Double, _ limit: Int) -> Range<Int> {
            let low = max(0, min(Double(limit), min(a, b) - reach))
            let high = max(low, min(Double(limit), max(a, b) + reach + 1))
            return Int(low)..<Int(high)
        }
        for y in range(start.y, end.y, image.height) {
            for x in range(start.x, end.x, image.width) {
                let (px, py) = (Double(x) + 0.5 - start.x, Double(y) + 0.5 - start.y)
                let share = length > 0 ? max(0, min(1, (px * dx + py * dy) / length)) : 0
                let (qx, qy) = (px - share * dx, py - share * dy)
                image.mix(colour, width / 2 + 0.5 - (qx * qx + qy * qy).squareRoot(), x: x, y: y)
            }
        }
    }

    /// Text with its left upper corner at a place.
    mutating func text(_ text: String, x: Int, y: Int, _ colour: PNGImage.Colour = .black) {
        for (index, letter) in text.enumerated() {
            for (row, bits) in PixelFont.rows(letter).enumerated() {
                for column in 0..<PixelFont.width where bits >> (PixelFont.width - 1 - column) & 1 == 1 {
                    for dot in 0..<(Self.textScale * Self.textScale) {
                        image.mix(
                            colour, 1, x: x + (index * PixelFont.advance + column) * Self.textScale + dot % Self.textScale,
                            y: y + row * Self.textScale + dot / Self.textScale)
                    }
                }
            }
        }
    }
}
