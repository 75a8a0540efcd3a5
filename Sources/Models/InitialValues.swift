/// How a weight's first values are drawn in training from nothing.
enum InitialValues: Sendable, Hashable {
    case constant(Float)
    case normal(deviation: Double)
}
