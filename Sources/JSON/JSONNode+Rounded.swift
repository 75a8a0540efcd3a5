extension JSONNode {
    /// A number with so many digits behind the point; null if it is none.
    package static func rounded(_ value: Double, _ digits: Int) -> JSONNode {
        let power = (0..<digits).reduce(1.0) { product, _ in product * 10 }
        let scaled = (value * power).rounded()
        return scaled.isFinite ? JSONNode(scaled / power) : .null
    }
}
