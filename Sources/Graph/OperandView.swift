/// How the operands of an operation without a kernel lie in one another.
package enum OperandView: Sendable, Hashable {
    /// The first row and column of a part.
    package struct Corner: Sendable, Hashable {
        package var row: Int
        package var column: Int
    }
    /// Each output is the part of the input that begins at its corner.
    case parts([Corner])
    /// The inputs stand side by side in the output.
    case sideBySide
    /// The inputs stand one below the other in the output.
    case stacked

    /// Whether inputs are computed in their places in the output, instead of outputs being read
    /// from their places in the input.
    var isConcatenation: Bool {
        switch self {
        case .parts: false
        case .sideBySide, .stacked: true
        }
    }
}
