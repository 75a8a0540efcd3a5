extension Manifest {
    /// What a job's training is for. Each has its own file; this is their list.
    package struct Method: Sendable, Hashable {
        package var specification: any MethodSpecification

        package init(_ specification: any MethodSpecification) { self.specification = specification }

        package static let all: [any MethodSpecification.Type] = [Supervised.self, Pretraining.self]
        /// Methods that are known by name only.
        static let announced = ["dpo", "classification", "reinforcement"]

        package var word: String { type(of: specification).word }

        package static func == (left: Method, right: Method) -> Bool { AnyHashable(left.specification) == AnyHashable(right.specification) }
        package func hash(into hasher: inout Hasher) { hasher.combine(AnyHashable(specification)) }
    }

    /// A method: its name, what it decides where the manifest leaves something open, and the
    /// hyperparameters that only it has.
    package protocol MethodSpecification: KeyedSection {
        static var word: String { get }
        static var sentence: String { get }
        /// What is trained where the manifest does not say.
        static var adapter: Adapter.Kind { get }
        /// Which tokens are trained where the manifest does not say.
        static var trainOn: TrainOn { get }
        /// Whether the data is plain text, not conversations or pairs.
        static var readsPlainText: Bool { get }
        /// Whether a model without weights begins with random ones.
        static var mayBeginAtRandom: Bool { get }
        /// The rate that a multiplier multiplies, and that `auto` takes: a tenth of it is gentle,
        /// five times it is rough.
        static func baseRate(_ adapter: Adapter.Kind) -> Double
    }
}

extension Manifest.Method {
    package var standardAdapter: Manifest.Adapter.Kind { type(of: specification).adapter }
    package var standardTrainOn: Manifest.TrainOn { type(of: specification).trainOn }
    package var readsPlainText: Bool { type(of: specification).readsPlainText }
    package var mayBeginAtRandom: Bool { type(of: specification).mayBeginAtRandom }
    package func baseRate(_ adapter: Manifest.Adapter.Kind) -> Double { type(of: specification).baseRate(adapter) }
}
