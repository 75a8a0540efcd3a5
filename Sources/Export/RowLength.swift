/// The length of a row of numbers.
enum RowLength {
    /// What stretches a row to a length; one of zeros stays what it is.
    /// - Parameter square: the sum of the row's squares.
    static func factor(_ length: Float, square: Double) -> Float { square > 0 ? Float(Double(length) / square.squareRoot()) : 1 }

    /// Stretches a row to a length.
    static func set(_ length: Float, of row: UnsafeMutablePointer<Float>, count: Int) {
        var square = 0.0
        for column in 0..<count { square += Double(row[column]) * Double(row[column]) }
        let factor = factor(length, square: square)
        for column in 0..<count { row[column] *= factor }
    }
}
