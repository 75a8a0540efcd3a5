/// The length of a row of numbers.
enum RowLength {
    /// Stretches a row to a length; one of zeros stays what it is.
    static func set(_ length: Float, of row: UnsafeMutablePointer<Float>, count: Int) {
        var square = 0.0
        for column in 0..<count { square += Double(row[column]) * Double(row[column]) }
        guard square > 0 else { return }
        let factor = Float(Double(length) / square.squareRoot())
        for column in 0..<count { row[column] *= factor }
    }
}
