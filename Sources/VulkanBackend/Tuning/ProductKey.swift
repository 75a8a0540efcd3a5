import Graph
import Tensors

/// Matrix products that are served by one variant: layout, element types, and the class of each
/// size.
struct ProductKey: Hashable, Sendable {
    var transposesA: Bool
    var transposesB: Bool
    var a: ElementType
    var b: ElementType
    var result: ElementType
    /// Classes of rows, columns and inner size: the power of four that a size does not exceed, up
    /// to a few hundred.
    var rows: Int
    var columns: Int
    var inner: Int

    init(_ operation: MatrixProduct, _ inputs: [TensorReference], _ outputs: [TensorReference]) {
        transposesA = operation.transposesA
        transposesB = operation.transposesB
        (a, b, result) = (inputs[0].elementType, inputs[1].elementType, outputs[0].elementType)
        rows = Self.sizeClass(outputs[0].rows)
        columns = Self.sizeClass(outputs[0].columns)
        inner = Self.sizeClass(operation.transposesA ? inputs[0].rows : inputs[0].columns)
    }

    /// 4, 16, 64, 256, or 1024 for all that is larger.
    static func sizeClass(_ size: Int) -> Int { [4, 16, 64, 256].first { size <= $0 } ?? 1024 }

    /// Whether another key differs in sizes only.
    func isRelated(to other: ProductKey) -> Bool {
        (transposesA, transposesB, a, b, result) == (other.transposesA, other.transposesB, other.a, other.b, other.result)
    }

    /// How far apart the sizes of two keys are.
    func distance(to other: ProductKey) -> Int {
        let steps = { (left: Int, right: Int) in abs(left.trailingZeroBitCount - right.trailingZeroBitCount) }
        return steps(rows, other.rows) + steps(columns, other.columns) + steps(inner, other.inner)
    }
}

extension ProductKey: CustomStringConvertible {
    /// `a bT float32 float32 float32 1024 64 64`
    var description: String {
        "\(transposesA ? "aT" : "a") \(transposesB ? "bT" : "b") \(a.rawValue) \(b.rawValue) \(result.rawValue) \(rows) \(columns) \(inner)"
    }

    /// Reads what ``description`` gives; nil if it is anything else.
    init?(_ text: String) {
        let words = text.split(separator: " ").map(String.init)
        guard words.count == 8, ["a", "aT"].contains(words[0]), ["b", "bT"].contains(words[1]), let a = ElementType(rawValue: words[2]),
            let b = ElementType(rawValue: words[3]), let result = ElementType(rawValue: words[4]), let rows = Int(words[5]),
            let columns = Int(words[6]), let inner = Int(words[7]),
            [rows, columns, inner].allSatisfy({ $0 > 0 && Self.sizeClass($0) == $0 })
        else { return nil }
        transposesA = words[0] == "aT"
        transposesB = words[1] == "bT"
        (self.a, self.b, self.result) = (a, b, result)
        (self.rows, self.columns, self.inner) = (rows, columns, inner)
    }
}
